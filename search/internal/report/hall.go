package report

import "math"

// hallView is the table of the best forms.
type hallView struct {
	Rows    []hallRow
	Rest    string
	Heat    bool
	Keys    []heatCell
	Columns []string
}

type hallRow struct {
	Place, ID, Name string
	Formula         formula
	Picked, Front   bool
	Numbers         []fact
	Heat            []heatCell
}

// heatCell is a score as a colour.
type heatCell struct {
	Class string
	At    int // pixels from the left
	Tip   string
}

// heatStep is the width of a cell.
const heatStep = 10

// heatClass is a score in steps of half: three of worse, one of as good, three of better.
func heatClass(v float64) string {
	names := [7]string{"h0", "h1", "h2", "h3", "h4", "h5", "h6"}
	if math.IsNaN(v) {
		return "hx"
	}
	return names[int(math.Round(max(-1.5, min(1.5, v))*2))+3]
}

func viewHall(p *Page) any {
	if len(p.Hall) == 0 {
		return nil
	}
	v := hallView{Rest: rest(len(p.Hall), mostHall)}
	for _, n := range p.Hall[0].numbers() {
		v.Columns = append(v.Columns, n.Name)
	}
	for i, f := range p.Hall[:min(len(p.Hall), mostHall)] {
		row := hallRow{
			Place: whole(int64(i) + 1), ID: cut(f.ID, longName), Name: cut(f.Name, longName), Formula: newFormula(f.Formula),
			Picked: p.Pick != nil && f.ID != "" && f.ID == p.Pick.ID, Front: f.Front, Numbers: f.numbers(), Heat: heat(p.Tasks, f.Scores),
		}
		v.Heat = v.Heat || len(row.Heat) > 0
		v.Rows = append(v.Rows, row)
	}
	for i := range 7 {
		s := float64(i-3) / 2
		v.Keys = append(v.Keys, heatCell{heatClass(s), heatStep * i, score(s)})
	}
	return v
}

// numbers are the columns of a row.
func (f Form) numbers() []fact {
	return []fact{
		{Name: "bound", Value: score(f.Bound)}, {Name: "fitness", Value: score(f.Fitness)}, {Name: "rungs", Value: whole(int64(f.Rungs))},
		{Name: "size", Value: whole(int64(f.Size))}, {Name: "bytes", Value: whole(int64(f.StateBytes))}, {Name: "flops", Value: number(f.Flops, 3)},
		{Name: "degree", Value: f.degree()}, {Name: "births", Value: whole(int64(f.Births))}, {Name: "runs", Value: whole(int64(f.Evaluations))},
	}
}

// heat is a cell for each score.
func heat(tasks []Task, scores []float64) []heatCell {
	var out []heatCell
	for i, s := range scores[:min(len(scores), 40)] {
		out = append(out, heatCell{heatClass(s), heatStep * i, cut(taskAt(tasks, i).Name, longName) + " " + score(s)})
	}
	return out
}

// HeatWidth is how wide the cells of a row are.
func (r hallRow) HeatWidth() int { return heatStep * len(r.Heat) }
