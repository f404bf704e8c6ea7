package ir

import (
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/op"
)

var everyExtent = []Extent{Const, Model, Group, Tensor, Row, Col, Elem, RowRow, ColCol, ColRow, Clash}

// holders lists, for each extent, those whose variables can hold a value of it, as the language page has the lattice.
var holders = map[Extent][]Extent{
	Const:  {Const, Model, Group, Tensor, Row, Col, Elem, RowRow, ColCol, ColRow, Clash},
	Model:  {Model, Group, Tensor, Row, Col, Elem, RowRow, ColCol, ColRow, Clash},
	Group:  {Group, Tensor, Row, Col, Elem, RowRow, ColCol, ColRow, Clash},
	Tensor: {Tensor, Row, Col, Elem, RowRow, ColCol, ColRow, Clash},
	Row:    {Row, Elem, Clash}, Col: {Col, Elem, Clash}, Elem: {Elem, Clash},
	RowRow: {RowRow, Clash}, ColCol: {ColCol, Clash}, ColRow: {ColRow, Clash}, Clash: {Clash},
}

// TestJoin holds that the join is the least extent that holds both, and so a semilattice.
func TestJoin(t *testing.T) {
	holds := func(e, v Extent) bool {
		for _, h := range holders[v] {
			if h == e {
				return true
			}
		}
		return false
	}
	for _, a := range everyExtent {
		for _, b := range everyExtent {
			join := Join(a, b)
			if !holds(join, a) || !holds(join, b) || Join(b, a) != join || Join(a, a) != a {
				t.Errorf("%s and %s join to %s", a, b, join)
			}
			if a.Holds(b) != holds(a, b) {
				t.Errorf("%s holds %s: %v", a, b, a.Holds(b))
			}
			for _, c := range everyExtent {
				if holds(c, a) && holds(c, b) && !holds(c, join) {
					t.Errorf("%s and %s join to %s, and %s is less", a, b, join, c)
				}
				if Join(Join(a, b), c) != Join(a, Join(b, c)) {
					t.Errorf("%s, %s and %s do not join in any order", a, b, c)
				}
			}
		}
	}
}

// TestMeet holds what is left of a value that is reduced per another extent.
func TestMeet(t *testing.T) {
	steps := []Extent{Const, Model, Group, Tensor}
	for _, per := range steps[1:] {
		for _, e := range everyExtent[:10] {
			want := per
			if e < per {
				want = e
			}
			if got := Meet(e, per); got != want {
				t.Errorf("%s per %s is %s, want %s", e, per, got, want)
			}
		}
	}
	for _, c := range []struct{ e, per, want Extent }{
		{Elem, Row, Row}, {Elem, Col, Col}, {Row, Row, Row}, {Col, Col, Col}, {Tensor, Row, Tensor}, {Model, Col, Model}, {Const, Row, Const},
		{Row, Col, Tensor}, {Col, Row, Tensor}, {Row, Elem, Row}, {Elem, Elem, Elem}, {Clash, Model, Clash}, {Elem, Clash, Clash},
		{RowRow, Col, Clash}, {ColCol, Row, Clash}, {RowRow, Elem, Clash}, {ColRow, RowRow, Clash},
	} {
		if got := Meet(c.e, c.per); got != c.want {
			t.Errorf("%s per %s is %s, want %s", c.e, c.per, got, c.want)
		}
	}
}

func TestParseExtent(t *testing.T) {
	for _, e := range everyExtent {
		names := []string{e.String()}
		if inner, ok := strings.CutPrefix(e.String(), "["); ok {
			names = strings.Split(strings.TrimSuffix(inner, "]"), ",")
		}
		got, ok := ParseExtent(names...)
		if named := e != Const && e != Clash; ok != named || named && got != e {
			t.Errorf("%s reads as %s (%v)", e, got, ok)
		}
	}
	if e, ok := ParseExtent("row", "col"); !ok || e != Elem {
		t.Error("[row,col] is elem")
	}
	for _, names := range [][]string{{"planet"}, {""}, {"row", "planet"}, {"row", "row", "row"}, {"row,row"}, {"model", "model"}} {
		if e, ok := ParseExtent(names...); ok {
			t.Errorf("%q reads as %s", names, e)
		}
	}
}

// arrayForms has the results of every form of every row, with axes in every way; what is missing clashes.
var arrayForms = map[string]map[string]string{
	"matmul": {
		"elem [col,row]": "[row,row]", "elem [col,col]": "elem", "[row,row] elem": "elem", "[row,row] [row,row]": "[row,row]",
		"[col,col] [col,col]": "[col,col]", "[col,col] [col,row]": "[col,row]", "[col,row] elem": "[col,col]", "[col,row] [row,row]": "[col,row]",
		"elem col": "row", "[row,row] row": "row", "[col,col] col": "col", "[col,row] row": "col",
		"row elem": "col", "row [row,row]": "row", "col [col,col]": "col", "col [col,row]": "row",
	},
	"transpose":     {"elem": "[col,row]", "[col,row]": "elem", "[row,row]": "[row,row]", "[col,col]": "[col,col]"},
	"diag":          {"[row,row]": "row", "[col,col]": "col", "row": "[row,row]", "col": "[col,col]"},
	"trace":         {"[row,row]": "tensor", "[col,col]": "tensor"},
	"outer":         {"row row": "[row,row]", "row col": "elem", "col row": "[col,row]", "col col": "[col,col]"},
	"inv":           squares,
	"cholesky":      squares,
	"qr":            squares,
	"eigvecs":       squares,
	"inv_root":      squares,
	"orthogonalize": matrices,
	"svd_shrink":    matrices,
	"polar":         matrices,
	"tril":          squares,
	"inv_root_vjp":  {"[row,row] [row,row]": "[row,row]", "[col,col] [col,col]": "[col,col]"},

	"orthogonalize_vjp": alike, "orthogonalize_jvp": alike, "svd_shrink_vjp": alike, "polar_vjp": alike,
	"solve": {"[row,row] elem": "elem", "[row,row] [row,row]": "[row,row]", "[col,col] [col,row]": "[col,row]", "[col,col] [col,col]": "[col,col]",
		"[row,row] row": "row", "[col,col] col": "col"},
}

var squares = map[string]string{"[row,row]": "[row,row]", "[col,col]": "[col,col]"}

var matrices = map[string]string{"elem": "elem", "[col,row]": "[col,row]", "[row,row]": "[row,row]", "[col,col]": "[col,col]"}

var alike = map[string]string{"elem elem": "elem", "[col,row] [col,row]": "[col,row]", "[row,row] [row,row]": "[row,row]", "[col,col] [col,col]": "[col,col]"}

func TestArrayExtent(t *testing.T) {
	arrays := everyExtent[Row:Clash]
	for i := range op.Table {
		o := &op.Table[i]
		if o.Kind != op.Array || o.Name == "eye" {
			continue
		}
		want := arrayForms[o.Name]
		if want == nil {
			t.Errorf("%s: no forms to compare with", o.Name)
			continue
		}
		found := 0
		try := func(args ...Extent) {
			names := make([]string, len(args))
			for k, e := range args {
				names[k] = e.String()
			}
			text, ok := want[strings.Join(names, " ")]
			if !ok {
				text = "clash"
			} else {
				found++
			}
			if _, got := ArrayForm(o, args); got.String() != text {
				t.Errorf("%s of %v is %s, want %s", o.Name, names, got, text)
			}
		}
		for _, a := range arrays {
			if o.Args == 1 {
				try(a)
				continue
			}
			for _, b := range arrays {
				try(a, b)
			}
		}
		if found != len(want) {
			t.Errorf("%s: %d of %d forms are found", o.Name, found, len(want))
		}
		args := make([]Extent, o.Args)
		for k := range args {
			args[k] = RowRow
		}
		args[o.Args-1] = Tensor
		if _, got := ArrayForm(o, args); got != Const {
			t.Errorf("%s of what is no array yet is %s", o.Name, got)
		}
		args[o.Args-1] = Clash
		if _, got := ArrayForm(o, args); got != Clash {
			t.Errorf("%s of a clash is %s", o.Name, got)
		}
	}
}

func TestIsStatic(t *testing.T) {
	p := NewPool()
	p.SetGivens([]Extent{Tensor})
	rank, number, named := p.Input("rank"), p.Number(2), p.Named("*.bias")
	x := p.Input("x")
	for name, c := range map[string]struct {
		v    *Value
		want bool
	}{
		"a number": {number, true}, "a mask": {p.Bool(true), true}, "a rank": {rank, true}, "rows": {p.Input("rows"), true}, "cols": {p.Input("cols"), true},
		"a name": {named, true}, "a size": {p.Count(Elem, Tensor), true}, "a size of a model": {p.Count(Elem, Model), false},
		"a comparison": {p.Call("ge", rank, number), true}, "both": {p.Call("and", named, p.Call("ge", rank, number)), true},
		"a step": {p.Input("t"), false}, "a loss": {p.Input("loss"), false}, "an element": {x, false}, "a hyper": {p.Hyper(0), false}, "a state": {p.Load(0), false},
		"a given": {p.Given(0), false}, "a draw": {p.Draw("normal", 0, Tensor), false}, "a norm": {p.Reduce(op.Must("sum"), x, Tensor, nil), false},
		"one of two":            {p.Call("and", named, p.Call("gt", p.Input("t"), number)), false},
		"a sum with one":        {p.Call("add", rank, p.Hyper(0)), false},
		"a size of x":           {p.Size(x, Tensor, nil), true},
		"a held size":           {p.Hold(p.Call("mul", rank, number), 3), true},
		"a step value spread":   {p.Spread(p.Number(1), Tensor), true},
		"a probe":               {p.Probe("loss", nil, x), false},
		"a trace":               {p.Array(op.Must("trace"), Tensor, nil, p.Eye(RowRow)), false},
		"deep in an expression": {p.Call("add", p.Call("mul", rank, rank), p.Call("sub", number, p.Input("t"))), false},
	} {
		if got := IsStatic(c.v); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestCount holds how many values there are, as values of the program.
func TestCount(t *testing.T) {
	p := NewPool()
	rows, cols := p.Input("rows"), p.Input("cols")
	for _, c := range []struct {
		of, per Extent
		want    *Value
	}{
		{Tensor, Tensor, p.Number(1)}, {Elem, Elem, p.Number(1)}, {Row, Row, p.Number(1)}, {Model, Tensor, p.Number(1)}, {Row, Tensor, rows}, {Col, Tensor, cols},
		{Elem, Row, cols}, {Elem, Col, rows}, {RowRow, Tensor, p.Call("mul", rows, rows)}, {ColCol, Tensor, p.Call("mul", cols, cols)},
		{ColRow, Tensor, p.Call("mul", cols, rows)}, {Row, Model, p.Reduce(op.Must("sum"), rows, Model, nil)},
		{ColCol, Group, p.Reduce(op.Must("sum"), p.Call("mul", cols, cols), Group, nil)},
	} {
		if got := p.Count(c.of, c.per); got != c.want {
			t.Errorf("%s per %s: kind %d, %s", c.of, c.per, got.Kind, got.Name)
		}
	}
	if v := p.Count(Elem, Model); v.Kind != Size || v.Of != Elem || v.Extent != Model {
		t.Errorf("elements per model: %+v", v)
	}
}

// TestPrintingOfKinds prints a value of each kind that a program's text may hold.
func TestPrintingOfKinds(t *testing.T) {
	p := NewPool()
	p.SetGivens([]Extent{Elem, Row})
	x, g := p.Input("x"), p.Input("g")
	prog := &Program{Name: "r", Pool: p, Givens: []GivenDecl{{Name: "mask", Extent: Elem}, {Name: "w", Extent: Row, Load: true}},
		States: []State{{Name: "s", Extent: Elem, Init: 0.5, As: Storage{Format: "q8", Stochastic: true}}, {Name: "n", Extent: Elem, As: Storage{Format: "bf16"}}}}
	p.states = []Extent{Elem, Elem}
	loss := p.Probe("loss", nil, p.Call("sub", x, g))
	even := p.Call("gt", p.Input("t"), p.Number(3))
	root := p.Array(op.Must("inv_root"), Tensor, even, p.Array(op.Must("matmul"), Tensor, nil, g, p.Array(op.Must("transpose"), Tensor, nil, g)), p.Number(4), p.Number(0))
	sum := p.Call("add", p.Array(op.Must("matmul"), Tensor, nil, root, g), p.Array(op.Must("matmul"), Tensor, nil, p.Eye(RowRow), p.Draw("normal", 7, Elem)))
	top := p.Array(op.Must("topk"), Group, nil, g, p.Number(3))
	sum = p.Call("add", sum, p.Call("where", top, p.Given(0), p.Probe("hvp", nil, x, g)))
	sum = p.Call("mul", sum, p.Call("mul", p.Given(1), p.Array(op.Must("kth"), Row, nil, g, p.Number(2))))
	prog.X = p.Call("sub", sum, p.Call("where", p.Named("*.bias"), loss, p.Draw("uniform", 8, Tensor)))
	for i := range prog.States {
		prog.States[i].New = p.Probe("grad", even, x)
	}
	if err := prog.Verify(); err != nil {
		t.Fatal(err)
	}
	text := prog.String()
	for _, want := range []string{"given 0 mask elem\n", "given 1 w row = load\n", "state 0 s elem as q8 sr = 0.5\n", "state 1 n elem as bf16 = 0\n",
		"probe loss(v", "probe hvp(v", "probe grad(v", " [row,row] = inv_root(v", " [col,row] = transpose(v", " [row,row] = eye(", " = normal(per elem)#7\n",
		" = uniform(per tensor)#8\n", " mask = topk(v", " per group)\n", " row = kth(v", " per row)\n", ` mask = named("*.bias")`, " = mask\n", " row = w\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var lines []string
	for _, e := range prog.Formula() {
		lines = append(lines, e.String())
	}
	formula := strings.Join(lines, "\n")
	for _, want := range []string{"inv_root(g@g'; p = 4, ridge = 0)@g", "eye(row)@normal()", "kth(g per row; k = 2)", "topk(g per group; k = 3)", `named("*.bias")`,
		"uniform(per tensor)", "probe(loss at x - g)", "mask", "w*"} {
		if !strings.Contains(formula, want) {
			t.Errorf("no %q in\n%s", want, formula)
		}
	}
}
