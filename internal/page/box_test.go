package page

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// reader computes a box line by line, as one who reads it would, for one parameter of one element: then every reduction is
// over one value and every matrix a number.
type reader struct {
	box     *Box
	hypers  map[string]float64
	options map[string]string // by name
	rank    float64
	values  map[string]float64
	arrays  map[string][]float64
	calls   map[*lang.Call]*reader
	gradAt  func(x float64) float64
	lossAt  func(x float64) float64
}

// unread is what a reader of one number cannot compute.
type unread struct{ what string }

func cannot(format string, args ...any) float64 { panic(unread{fmt.Sprintf(format, args...)}) }

func newReader(b *Box, like *reader) *reader {
	r := *like
	r.box, r.values, r.arrays, r.calls = b, map[string]float64{}, map[string][]float64{}, map[*lang.Call]*reader{}
	return &r
}

// begin gives the hyperparameters and the states their first values.
func (r *reader) begin(x float64, given []lang.Arg, outer *reader) {
	r.values["x"], r.values["x|0"], r.values["x|t"] = x, x, x
	for _, h := range r.box.Hypers {
		v, ok := r.hypers[h.Name]
		if !ok {
			file, _ := lang.Parse("", []byte("fn f() = "+h.Default+"\n"))
			v = r.value(file.Decls[0].(*lang.Fn).Value)
		}
		r.values[h.Key] = v
	}
	r.bind(given, outer)
	r.inits(r.box.Inits)
}

func (r *reader) inits(inits []Init) {
	for _, i := range inits {
		last := strings.TrimSuffix(i.Target, "|0")
		if i.Target != last {
			last += "|t"
		}
		if i.Size != nil {
			a := make([]float64, int(r.value(i.Size)))
			for k := range a {
				a[k] = r.value(i.Value)
			}
			r.arrays[last] = a
			continue
		}
		r.values[last] = r.value(i.Value)
	}
}

func (r *reader) bind(given []lang.Arg, outer *reader) {
	for _, a := range given {
		for _, h := range r.box.Hypers {
			if h.Name == a.Name.Name {
				r.values[h.Key] = outer.value(a.Value)
			}
		}
		for _, o := range r.box.Options {
			if o.Name == a.Name.Name {
				r.options = maps.Clone(r.options)
				if r.options == nil {
					r.options = map[string]string{}
				}
				r.options[o.Name] = outer.option(a.Value.(*lang.Name).Name)
			}
		}
	}
}

// step runs the lines once; a state that no line sets stays as it is.
func (r *reader) step(g float64) float64 {
	r.next()
	r.values["g|t"] = g
	r.lines(r.box.Lines)
	return r.values["x|t"]
}

// next makes what a step left behind what the next one finds.
func (r *reader) next() {
	for k, v := range r.values {
		if id, ok := strings.CutSuffix(k, "|t"); ok {
			r.values[id+"|t-1"] = v
		}
	}
	for k, v := range r.arrays {
		if id, ok := strings.CutSuffix(k, "|t"); ok {
			r.arrays[id+"|t-1"] = v
		}
	}
	r.values["t"]++
}

func (r *reader) lines(lines []Line) (left bool) {
	done := false
	for _, l := range lines {
		if l.Kind != ElseIf && l.Kind != Else {
			done = false
		}
		switch l.Kind {
		case Set:
			r.set(l)
		case If, ElseIf, Else:
			if !done && (l.Kind == Else || r.value(l.Value) != 0) {
				done = true
				if r.lines(l.Body) {
					return true
				}
			}
		case For:
			r.loop(l)
		case Until:
			if r.value(l.Value) != 0 {
				return true
			}
		case Eval:
			r.values["eval"] = r.value(l.Value)
		}
	}
	return false
}

func (r *reader) loop(l Line) {
	if l.To == nil {
		for range int(r.value(l.Value)) {
			if r.lines(l.Body) {
				return
			}
		}
		return
	}
	from, to := r.value(l.Value), r.value(l.To)
	step := 1.0
	if to < from {
		step = -1
	}
	for i := from; i != to+step; i += step {
		r.values[l.Target.(*lang.Name).Name] = i
		if r.lines(l.Body) {
			return
		}
	}
}

func (r *reader) set(l Line) {
	if i, ok := l.Target.(*lang.Index); ok {
		name := i.X.(*lang.Name).Name
		a := append([]float64(nil), r.arrays[name]...)
		a[int(r.value(i.I))] = r.value(l.Value)
		r.arrays[name] = a
		return
	}
	name := l.Target.(*lang.Name).Name
	if from, ok := l.Value.(*lang.Name); ok && r.arrays[from.Name] != nil {
		r.arrays[name] = r.arrays[from.Name]
		return
	}
	switch c, ok := l.Value.(*lang.Call); {
	case ok && c.Fn.Name == "push":
		a := r.arrays[c.Args[0].(*lang.Name).Name]
		r.arrays[name] = append([]float64{r.value(c.Args[1])}, a[:len(a)-1]...)
		return
	case l.Size != nil:
		a := make([]float64, int(r.value(l.Size)))
		for k := range a {
			a[k] = r.value(l.Value)
		}
		r.arrays[name] = a
		if id, ok := strings.CutSuffix(name, "|t-1"); ok {
			r.arrays[id+"|t"] = a
		}
		return
	}
	r.values[name] = r.value(l.Value)
	if id, ok := strings.CutSuffix(name, "|t-1"); ok { // the first value of a state, which stays unless a line sets it
		r.values[id+"|t"] = r.values[name]
	}
}

func (r *reader) value(e lang.Expr) float64 {
	switch e := e.(type) {
	case *lang.Number:
		return e.Value
	case *lang.Name:
		return r.name(e.Name)
	case *lang.Unary:
		o, _ := op.Infix(e.Op, 1)
		return o.Eval([]float64{r.value(e.X)})
	case *lang.Binary:
		if e.Op == "@" {
			return r.value(e.X) * r.value(e.Y)
		}
		if text, ok := r.choice(e.X); ok {
			other, _ := r.choice(e.Y)
			return truth64((text == other) == (e.Op == "=="))
		}
		o, _ := op.Infix(e.Op, 2)
		return o.Eval([]float64{r.value(e.X), r.value(e.Y)})
	case *lang.Transpose:
		return r.value(e.X)
	case *lang.Index:
		return r.arrays[e.X.(*lang.Name).Name][int(r.value(e.I))]
	case *lang.Call:
		return r.call(e)
	}
	return cannot("%T", e)
}

func truth64(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// choice is the word that an expression stands for beside == or !=.
func (r *reader) choice(e lang.Expr) (string, bool) {
	n, ok := e.(*lang.Name)
	if !ok {
		return "", false
	}
	if w, ok := strings.CutPrefix(n.Name, choice); ok {
		return w, true
	}
	for _, o := range r.box.Options {
		if o.Key == n.Name && !strings.Contains("0123456789", r.option(o.Name)[:1]) {
			return r.option(o.Name), true
		}
	}
	return "", false
}

// option is what an open option is: as asked for, or its default.
func (r *reader) option(name string) string {
	if v, ok := r.options[name]; ok {
		return v
	}
	for _, o := range r.box.Options {
		if o.Name == name {
			first, _, _ := strings.Cut(strings.TrimPrefix(o.Choices, "one of "), " ")
			return strings.Trim(first, ",")
		}
	}
	return ""
}

func (r *reader) name(name string) float64 {
	if v, ok := r.values[name]; ok {
		return v
	}
	for _, o := range r.box.Options {
		if o.Key == name {
			text := r.option(o.Name)
			if text == "true" || text == "false" {
				return truth64(text == "true")
			}
			var v float64
			if _, err := fmt.Sscan(text, &v); err == nil {
				return v
			}
		}
	}
	switch name {
	case "true", "false":
		return truth64(name == "true")
	case "inf":
		return math.Inf(1)
	case "pi":
		return math.Pi
	}
	return cannot("the name %s", name)
}

func (r *reader) call(e *lang.Call) float64 {
	switch e.Fn.Name {
	case gradAt:
		return r.gradAt(r.value(e.Args[0]))
	case lossAt:
		return r.lossAt(r.value(e.Args[0]))
	case hvpAt:
		return (r.gradAt(r.value(e.Args[1])+1e-4) - r.gradAt(r.value(e.Args[1])-1e-4)) / 2e-4 * r.value(e.Args[0])
	case "rank":
		return r.rank
	case "rows", "cols", "numel":
		return 1
	case "rademacher":
		return 1 // only for a rule that multiplies two equal signs
	case "named":
		return truth64(strings.Contains(fmt.Sprint(lang.FormatExpr(e)), `"w"`))
	}
	for _, b := range r.box.Calls {
		if b.Called == e.Fn.Name {
			return r.rule(e, b)
		}
	}
	for _, d := range r.box.Where {
		if d.Name == e.Fn.Name {
			return r.function(e, d)
		}
	}
	if e.Prime {
		return cannot("%s'", e.Fn.Name)
	}
	return r.operator(e)
}

func (r *reader) rule(e *lang.Call, b *Box) float64 {
	in := r.calls[e]
	x := r.value(e.Args[0])
	if in == nil {
		in = newReader(b, r)
		r.calls[e] = in
		in.begin(x, e.Params, r)
	}
	in.bind(e.Params, r)
	in.values["x|t"] = x
	return in.step(r.value(e.Args[1]))
}

func (r *reader) function(e *lang.Call, d Definition) float64 {
	at := func(shift float64) float64 {
		in := newReader(r.box, r)
		if len(d.Inits) > 0 {
			if r.calls[e] == nil {
				r.calls[e] = in
				in.inits(d.Inits)
			}
			in = r.calls[e]
		}
		in.next()
		for i, k := range d.Args {
			in.values[k] = r.value(e.Args[i])
			if i == 0 {
				in.values[k] += shift
			}
		}
		for i, p := range e.Params {
			name := p.Name.Name
			if name == "" {
				name = d.Params[i]
			}
			in.values[name] = r.value(p.Value)
		}
		in.lines(d.Lines)
		return in.value(d.Value)
	}
	if e.Prime {
		return (at(1e-6) - at(-1e-6)) / 2e-6
	}
	return at(0)
}

func (r *reader) operator(e *lang.Call) float64 {
	o := operatorOf(e)
	if o == nil {
		return cannot("%s", e.Fn.Name)
	}
	var a []float64
	for _, x := range e.Args {
		if o.Name == "eye" {
			return 1
		}
		a = append(a, r.value(x))
	}
	params := map[string]float64{}
	for i, p := range e.Params {
		name := p.Name.Name
		if name == "" {
			name = o.Params[i].Name
		}
		params[name] = r.value(p.Value)
	}
	for _, p := range o.Params {
		if _, ok := params[p.Name]; !ok {
			params[p.Name] = p.Default
		}
	}
	if o.Eval != nil {
		return o.Eval(a)
	}
	switch o.Name {
	case "sum", "reduce_min", "reduce_max", "mean", "trace", "diag", "median", "any", "all", "count":
		return a[0]
	case "normsq":
		return a[0] * a[0]
	case "norm", "norm1":
		return math.Abs(a[0])
	case "dot", "outer":
		return a[0] * a[1]
	case "inv":
		return 1 / a[0]
	case "solve":
		return a[1] / a[0]
	case "cholesky":
		return math.Sqrt(a[0])
	case "inv_root":
		return math.Pow(a[0]+params["ridge"], -1/params["p"])
	case "eigvecs", "qr":
		return 1
	}
	return cannot("%s", o.Name)
}

// follow compares the box of a rule with the interpreter over some steps. It returns what the reader cannot compute.
func follow(t *testing.T, u *check.Unit, file, name string, set map[string]string, open bool, shape []int, steps int) (what string) {
	t.Helper()
	rule, diags, err := compiler.Compile(u, name, compiler.Settings{Options: set})
	if rule == nil || err != nil {
		t.Fatalf("%s %v: %v %v", name, set, diags, err)
	}
	if steps < 20 && draws(rule.Checked) {
		return "draws"
	}
	settings := Settings{Options: set}
	if open {
		settings.Options = nil
	}
	b, err := Build(u, file, name, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v := recover(); v != nil {
			is, ok := v.(unread)
			if !ok {
				panic(v)
			}
			what = is.what
		}
	}()
	tolerance := 1e-6
	for _, v := range ir.Reachable(rule.Checked.Roots()...) {
		if v.Kind == ir.Probe && v.Name == "hvp" {
			tolerance = 1e-3 // the interpreter takes differences of gradients
		}
	}
	lossAt := func(x float64) float64 { return 0.7*(x-0.3)*(x-0.3) + 0.5 + 0.2*math.Sin(3*x) }
	gradAt := func(x float64) float64 { return 1.4*(x-0.3) + 0.6*math.Cos(3*x) }
	m := interp.New[float64](rule.Checked, []interp.Tensor{{Name: "v", Shape: shape}}, 1)
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		return [][]float64{{gradAt(x[0][0])}}, lossAt(x[0][0]), nil
	}
	m.Params[0][0] = 1.25
	hypers := map[string]float64{}
	for i, h := range rule.Checked.Hypers {
		hypers[h.Name] = m.Hypers[0][i]
	}
	for i := range rule.Checked.Givens {
		m.Given[i] = interp.Given[float64]{Steps: []float64{0.3}, Arrays: [][]float64{{0.3}}}
	}
	r := newReader(b, &reader{hypers: hypers, options: set, rank: float64(len(shape)), gradAt: gradAt, lossAt: lossAt})
	for _, g := range b.Givens {
		r.values[g.Key] = 0.3
	}
	r.begin(1.25, nil, nil)
	for step := 1; step <= steps; step++ {
		x := m.Params[0][0]
		if err := m.Step([][]float64{{gradAt(x)}}, lossAt(x)); err != nil {
			t.Fatal(err)
		}
		got := r.step(gradAt(r.values["x|t"]))
		want := m.Params[0][0]
		if math.Abs(got-want) > tolerance*(math.Abs(want)+1e-3) || got != got != (want != want) {
			t.Errorf("%s %v, open %v, shape %v, step %d: the box gives %v, the rule %v", name, set, open, shape, step, got, want)
			return ""
		}
		if rule.Checked.Eval != nil {
			if got, want := r.values["eval"], m.EvalParams()[0][0]; math.Abs(got-want) > 1e-6*math.Abs(want) {
				t.Errorf("%s, step %d: the box evaluates at %v, the rule at %v", name, step, got, want)
				return ""
			}
		}
	}
	return ""
}

// ways are the settings to try of a rule: the defaults, and each option's other choices.
func waysOf(t *testing.T, u *check.Unit, file, name string) []map[string]string {
	b, err := Build(u, file, name, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	all := []map[string]string{nil}
	for _, o := range b.Options {
		if rest, ok := strings.CutPrefix(o.Choices, "one of "); ok {
			for _, w := range strings.Split(rest, ", ") {
				all = append(all, map[string]string{o.Name: w})
			}
		} else if strings.Contains(o.Choices, " or ") {
			all = append(all, map[string]string{o.Name: "true"}, map[string]string{o.Name: "false"})
		} else if _, rest, ok := strings.Cut(o.Choices, ", in "); ok && rest != "" {
			all = append(all, map[string]string{o.Name: "3"})
		}
	}
	return all
}

// derivedCalls stand in a box as the rule has them; their closed forms stand below it, and are not for a reader to compute.
var derivedCalls = map[string]bool{"prox": true, "project": true, "lmo": true, "mirror": true, "hypergrad": true}

// Who follows the box of a rule by hand moves as the rule does, for every rule and option of the library, in matrices and
// vectors.
func TestLibraryBoxes(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	followed := 0
	for _, name := range u.Rules() {
		for _, set := range waysOf(t, u, "", name) {
			for _, shape := range [][]int{{1}, {1, 1}} {
				for _, open := range []bool{false, true} {
					if what := follow(t, u, "", name, set, open, shape, 23); derivedCalls[what] {
						continue
					} else if what != "" {
						t.Errorf("%s %v: the reader cannot compute %s", name, set, what)
					}
					followed++
				}
			}
		}
	}
	if followed < 300 {
		t.Errorf("only %d ways were followed", followed)
	}
}

// The same for the published rules of the catalog, but for those that a reader of one number cannot compute.
func TestCatalogBoxes(t *testing.T) {
	files, err := filepath.Glob("../../testdata/catalog/*/*.opt")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	followed, unable := 0, map[string]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: data}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(file, diags)
		}
		for _, name := range u.Rules() {
			if what := follow(t, u, "r.opt", name, nil, true, []int{1, 1}, 6); what != "" {
				unable[what]++
			} else {
				followed++
			}
		}
	}
	t.Logf("%d followed, not computed: %v", followed, unable)
	if followed < 100 {
		t.Errorf("only %d rules were followed; not computed: %v", followed, unable)
	}
}

func draws(p *ir.Program) bool {
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		if v.Kind == ir.Draw {
			return true
		}
	}
	return false
}
