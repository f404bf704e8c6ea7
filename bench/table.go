package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// line is a row for people who watch.
func (r *result) line() string {
	switch r.Kind {
	case kindPeer:
		return fmt.Sprintf("%-28s %-22s %8s %d: ours %.4f, theirs %.4f ns, %.2f [%.2f-%.2f] times", r.Rule, r.Peer, sizeText(elements(r.Shape)), r.Threads, r.NS["rule"][1], r.NS["peer"][1], r.Ratio[1], r.Ratio[0], r.Ratio[2])
	case kindSplit, kindTensors, kindHelpers:
		return fmt.Sprintf("%-8s %-8s %-12s %d: %v", r.Kind, r.Rule, r.model(), r.Threads, r.Values)
	case kindCurve:
		mean, dev := deviation(r.Curve.at(len(r.Curve.Steps) - 1))
		return fmt.Sprintf("%-28s %-12s %.4f [%.4f], %d diverged", r.Rule, r.Of, mean, dev, r.Curve.diverged())
	case kindBuild:
		return fmt.Sprintf("%-28s %-22s %.4f s [%.4f-%.4f]", r.Rule, r.Peer, r.Seconds[1], r.Seconds[0], r.Seconds[2])
	}
	text := fmt.Sprintf("%-32s %8s %d %-7s %8.4f ns %6.1f of %6.1f GB/s  share %.3f [%.3f-%.3f] of %s", r.Rule, sizeText(elements(r.Shape)), r.Threads, r.Engine,
		r.NS["rule"][1], r.GB, r.RoofGB, r.Share[1], r.Share[0], r.Share[2], r.Floor)
	for _, s := range cSettings {
		if q, ok := r.OverC[s.name]; ok {
			text += fmt.Sprintf("  %s %.2f", s.name, q[1])
		}
	}
	return text
}

// model is the tensors that a row of package cost was measured on.
func (r *result) model() string {
	if r.Of != "" {
		return r.Of
	}
	return sizeText(r.Asked)
}

// sizeText is a number of elements as -size takes it.
func sizeText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dM", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dK", n>>10)
	}
	return fmt.Sprint(n)
}

// printTables prints the tables of files of results, separated by commas; "" is all in bench/results.
func printTables(w io.Writer, paths string) error {
	files := strings.Split(paths, ",")
	if paths == "" {
		var err error
		if files, err = filepath.Glob(filepath.Join("bench", "results", "*.json")); err != nil {
			return err
		}
		slices.Sort(files)
	}
	var rows []result
	var sessions []conditions
	for _, path := range files {
		s, err := openStore(path)
		if err != nil {
			return err
		}
		for _, r := range s.Rows {
			r.Session += len(sessions)
			rows = append(rows, r)
		}
		sessions = append(sessions, s.Sessions...)
	}
	if len(rows) == 0 {
		return fmt.Errorf("no results in %q: run bench/run first", files)
	}
	p := &printer{w: w, rows: rows, sessions: sessions}
	p.roofs("Beside the roof", func(r *result) bool { return elements(r.Shape) > inCache || r.Asked > inCache })
	p.caches()
	p.narrow()
	p.peers()
	p.builds()
	p.split()
	p.tensors()
	p.helpers()
	p.curves()
	return nil
}

type printer struct {
	w        io.Writer
	rows     []result
	sessions []conditions
}

// of are the rows of a kind for which something holds, in the order of rules, threads and peers.
func (p *printer) of(kind string, holds func(r *result) bool) []result {
	var out []result
	for _, r := range p.rows {
		if r.Kind == kind && holds(&r) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b result) int {
		return cmp.Or(cmp.Compare(order(a.Rule), order(b.Rule)), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Asked, b.Asked), cmp.Compare(a.Threads, b.Threads))
	})
	return out
}

// order puts the rules of this folder last.
func order(rule string) string {
	if own, ok := strings.CutPrefix(rule, ownPrefix); ok {
		return "~" + own
	}
	return rule
}

// table prints a table under a heading, with the conditions of its rows.
func (p *printer) table(title string, rows []result, header []string, right int, cells [][]string) {
	if len(cells) == 0 {
		return
	}
	fmt.Fprintf(p.w, "### %s\n\n", title)
	used := map[int]bool{}
	for _, r := range rows {
		used[r.Session] = true
	}
	for _, s := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(p.w, "%s\n", p.sessions[s].text())
	}
	fmt.Fprintf(p.w, "\n| %s |\n|", strings.Join(header, " | "))
	for i := range header {
		if i < right {
			fmt.Fprint(p.w, " --- |")
		} else {
			fmt.Fprint(p.w, " ---: |")
		}
	}
	for _, c := range cells {
		fmt.Fprintf(p.w, "\n| %s |", strings.Join(c, " | "))
	}
	fmt.Fprint(p.w, "\n\n")
}

// text is the conditions in a sentence.
func (c *conditions) text() string {
	out := fmt.Sprintf("- %s, %d cores", c.CPU, c.Cores)
	if c.Caches != "" {
		out += " (" + c.Caches + ")"
	}
	out += ", " + c.System + ", " + c.Go
	if c.GCC != "" {
		out += ", gcc " + c.GCC
	}
	for _, t := range slices.Sorted(maps.Keys(c.Memory)) {
		out += fmt.Sprintf(", memory %s GB/s by %s", short(c.Memory[t]), plural(t, "thread"))
	}
	if c.Load != "" {
		out += ", load before " + c.Load
	}
	for _, k := range slices.Sorted(maps.Keys(c.Versions)) {
		out += ", " + k + " " + c.Versions[k]
	}
	for _, k := range slices.Sorted(maps.Keys(c.Missing)) {
		out += fmt.Sprintf("\n- not had: %s: %s", k, strings.Join(strings.Fields(c.Missing[k]), " "))
	}
	return out
}

func plural(n, what string) string {
	if n != "1" {
		what += "s"
	}
	return n + " " + what
}

// short is a number with three digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return strings.TrimPrefix(fmt.Sprintf("%.3f", v), "0")
}

// spreadText is a median with its quartiles.
func spreadText(q [3]float64) string {
	return fmt.Sprintf("%s (%s-%s)", short(q[1]), short(q[0]), short(q[2]))
}

func (p *printer) roofs(title string, holds func(r *result) bool) {
	rows := p.of(kindRoof, holds)
	var cells [][]string
	for _, r := range rows {
		size := sizeText(elements(r.Shape))
		if len(r.Shape) > 1 {
			size = fmt.Sprintf("%d x %d", r.Shape[0], r.Shape[1])
		}
		cells = append(cells, []string{r.Rule, r.Bound, r.Floor, r.Engine, size, fmt.Sprint(r.Threads), short(r.Bytes), short(r.NS["rule"][1]), short(r.GB), short(r.RoofGB), spreadText(r.Share)})
	}
	p.table(title, rows, []string{"rule", "kind", "floor", "engine", "elements", "threads", "least bytes", "ns", "GB/s", "memory floor GB/s", "share (quartiles)"}, 4, cells)
}

// caches is the table of what fits a cache, beside C.
func (p *printer) caches() {
	rows := p.of(kindRoof, func(r *result) bool { return r.Asked <= inCache })
	var cells [][]string
	for _, r := range rows {
		line := []string{r.Rule, r.Floor, r.Engine, sizeText(elements(r.Shape)), short(r.NS["rule"][1]), spreadText(r.Share)}
		for _, s := range cSettings {
			q, ok := r.OverC[s.name]
			if !ok {
				line = append(line, "")
				continue
			}
			line = append(line, spreadText(q))
		}
		if why := r.Missing["c"]; why != "" {
			line[len(line)-1] = why
		}
		cells = append(cells, line)
	}
	p.table("In the cache, beside C", rows, []string{"rule", "floor", "engine", "elements", "ns", "share (quartiles)", "C over ours", "C with vectors over ours", "C with fast math over ours"}, 3, cells)
}

// narrow compares the storage formats of states.
func (p *printer) narrow() {
	rows := p.of(kindRoof, func(r *result) bool { return strings.HasPrefix(r.Rule, ownPrefix+"adamw_") })
	var cells [][]string
	for _, r := range rows {
		for _, f32 := range rows {
			if f32.Rule == ownPrefix+"adamw_f32" && f32.Asked == r.Asked && f32.Threads == r.Threads && r.Rule != f32.Rule && elements(r.Shape) == elements(f32.Shape) {
				cells = append(cells, []string{strings.TrimPrefix(r.Rule, ownPrefix+"adamw_"), sizeText(elements(r.Shape)), fmt.Sprint(r.Threads), short(r.NS["rule"][1]), short(f32.NS["rule"][1]), short(f32.NS["rule"][1] / r.NS["rule"][1])})
			}
		}
	}
	p.table("AdamW with narrow states beside itself in float32", rows, []string{"format", "elements", "threads", "ns", "ns of float32", "times faster"}, 1, cells)
}

func (p *printer) peers() {
	rows := p.of(kindPeer, func(*result) bool { return true })
	var cells [][]string
	for _, r := range rows {
		cells = append(cells, []string{r.Rule, r.Peer, sizeText(elements(r.Shape)), fmt.Sprint(r.Threads), short(r.NS["rule"][1]), short(r.NS["peer"][1]), spreadText(r.Ratio)})
	}
	p.table("Beside other libraries", rows, []string{"rule", "peer", "elements", "threads", "ns", "ns of the peer", "times faster (quartiles)"}, 2, cells)
}

func (p *printer) builds() {
	rows := p.of(kindBuild, func(*result) bool { return true })
	var cells [][]string
	for _, r := range rows {
		ms := [3]float64{1e3 * r.Seconds[0], 1e3 * r.Seconds[1], 1e3 * r.Seconds[2]}
		cells = append(cells, []string{r.Rule, r.Peer, spreadText(ms)})
	}
	p.table("From source to kernel", rows, []string{"rule", "what", "ms (quartiles)"}, 2, cells)
}

// split compares many tensors with one.
func (p *printer) split() {
	rows := p.of(kindSplit, func(*result) bool { return true })
	var cells [][]string
	for _, r := range rows {
		ms := func(name string) string { return short(r.Values[name][1] / 1e6) }
		cells = append(cells, []string{r.Rule, r.Of, fmt.Sprint(r.Threads), ms("ns/step"), ms("one-ns/step"), spreadText(r.Values["many/one"])})
	}
	p.table("Many tensors beside one of as many elements", rows, []string{"rule", "tensors", "threads", "ms a step", "ms of the one", "times its time (quartiles)"}, 2, cells)
}

// tensors is what a step of small tensors costs.
func (p *printer) tensors() {
	rows := p.of(kindTensors, func(*result) bool { return true })
	var cells [][]string
	for _, r := range rows {
		us := func(name string) string { return short(r.Values[name][1] / 1e3) }
		cells = append(cells, []string{r.Rule, r.Of, fmt.Sprint(r.Values["kernels/step"][1]), us("ns/step"), us("kernels-ns/step"), us("two-ns/step"), spreadText(r.Values["overhead-ns/tensor"])})
	}
	p.table("Small tensors beside the bare calls of their kernels", rows, []string{"rule", "tensors", "calls a step", "us a step", "us of the calls alone", "us a step by 2 threads", "ns a tensor beside the calls (quartiles)"}, 2, cells)
}

// helpers compares two threads with one.
func (p *printer) helpers() {
	rows := p.of(kindHelpers, func(*result) bool { return true })
	var cells [][]string
	for _, r := range rows {
		us := func(name string) string { return short(r.Values[name][1] / 1e3) }
		cells = append(cells, []string{r.Rule, r.model(), us("one-ns/step"), us("two-ns/step"), spreadText(r.Values["two/one"])})
	}
	p.table("Two threads beside one", rows, []string{"rule", "elements", "us by 1", "us by 2", "times its time (quartiles)"}, 1, cells)
}

// curveMarks are the windows of a curve that the table shows, as parts of it.
var curveMarks = []int{2, 4, 8, curveWindows}

// curves is the losses of trainings.
func (p *printer) curves() {
	rows := p.of(kindCurve, func(*result) bool { return true })
	slices.SortStableFunc(rows, func(a, b result) int { return cmp.Compare(formOf(a.Rule), formOf(b.Rule)) })
	float32s := &curve{}
	for _, r := range rows {
		if formOf(r.Rule) == 0 {
			float32s = r.Curve
		}
	}
	header, cells := []string{"AdamW in", "task", "trainings"}, [][]string{}
	for i, r := range rows {
		line := []string{r.Rule, r.Of, fmt.Sprint(len(r.Curve.Train))}
		if n := r.Curve.diverged(); n > 0 {
			line[2] += fmt.Sprintf(", %d diverged", n)
		}
		for _, mark := range curveMarks {
			if i == 0 {
				header = append(header, fmt.Sprintf("loss before step %d: mean (deviation)", r.Curve.Steps[mark-1]))
			}
			line = append(line, deviationText("%.3f", r.Curve.at(mark-1)))
		}
		line = append(line, deviationText("%+.4f", r.Curve.beside(float32s)), deviationText("%.3f", r.Curve.valid()))
		cells = append(cells, line)
	}
	header = append(header, "last less float32's by the same seed", "validation loss")
	p.table("Trainings in numbers of few bits", rows, header, 2, cells)
}

// formOf is the place of a form of that name.
func formOf(name string) int {
	return slices.IndexFunc(forms(), func(f curveForm) bool { return f.String() == name })
}

// deviationText is a mean with the deviation; nothing if there are no values.
func deviationText(format string, v []float64) string {
	if len(v) == 0 {
		return ""
	}
	mean, dev := deviation(v)
	return fmt.Sprintf(format+" (%.4f)", mean, dev)
}
