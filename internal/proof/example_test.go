package proof

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

const exampleFile = "../../lang/testdata/examples.opt"

// Every declaration of the language's examples is built and run.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range subjects(t, text) {
		u := usable(t)(compiler.Load(fstest.MapFS{"examples.opt": {Data: text}, "r.opt": {Data: []byte(source)}}, "r.opt", stdlib.FS))
		r, diags, err := compiler.Compile(u, ruleOf(u, name), compiler.Settings{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		runExample(t, r)
	}
}

// subjects gives each rule, and for each fn a rule that calls it.
func subjects(t *testing.T, text []byte) map[string]string {
	t.Helper()
	tree, diags := lang.Parse(exampleFile, text)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	out := map[string]string{}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *lang.Rule:
			out[d.Name.Name] = "import \"examples.opt\"\n"
		case *lang.Fn:
			out[d.Name.Name] = fmt.Sprintf("import \"examples.opt\"\nrule calls_%s { x <- x - %s }\n", d.Name.Name, call(d))
		}
	}
	return out
}

// call is a call of a fn with the gradient for every variable and some number for every parameter.
func call(d *lang.Fn) string {
	args := strings.Join(slices.Repeat([]string{"g"}, len(d.Vars)), ", ")
	for i, p := range d.Params {
		args += fmt.Sprintf("%s %s = 0.%d", map[bool]string{true: ";", false: ","}[i == 0], p.Name.Name, i+3)
	}
	return d.Name.Name + "(" + args + ")"
}

func ruleOf(u *check.Unit, name string) string {
	if own := u.Rules(); len(own) > 0 {
		return own[0]
	}
	return name
}

// runExample takes a few steps on positive gradients, on which every example is defined. About each step's point the model
// is a quadratic, for the rules that ask it again.
func runExample(t *testing.T, r *compiler.Rule) {
	t.Helper()
	shapes := []interp.Tensor{{Name: "body.weight", Shape: []int{7}}, {Name: "head.weight", Shape: []int{3, 5}}, {Name: "body.bias"}, {Name: "body.matrix", Shape: []int{4, 3}}}
	m := interp.New[float64](r.Checked, shapes, 1)
	src := rand.New(rand.NewPCG(3, 5))
	for range 5 {
		q := quadratic{curvature: 0.3, loss: 1}
		for _, x := range m.Params {
			g := make([]float64, len(x))
			for j := range g {
				g[j] = 0.1 + src.Float64()
			}
			q.at, q.grads = append(q.at, slices.Clone(x)), append(q.grads, g)
		}
		m.Closure = q.ask
		if err := m.Step(q.grads, q.loss); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
	}
	all := slices.Concat(m.Params...)
	if slices.ContainsFunc(all, func(v float64) bool { return v-v != 0 }) || !slices.ContainsFunc(all, func(v float64) bool { return v != 0 }) {
		t.Errorf("%s: %v after %d steps from 0", r.Name, all, m.T)
	}
}

// quadratic is a model with a gradient and a loss at a point, and one curvature in every direction.
type quadratic struct {
	at, grads       [][]float64
	loss, curvature float64
}

func (q quadratic) ask(x [][]float64) (grads [][]float64, loss float64, err error) {
	loss = q.loss
	for i := range x {
		g := make([]float64, len(x[i]))
		for j := range g {
			d := x[i][j] - q.at[i][j]
			g[j] = q.grads[i][j] + q.curvature*d
			loss += d * (q.grads[i][j] + g[j]) / 2
		}
		grads = append(grads, g)
	}
	return grads, loss, nil
}
