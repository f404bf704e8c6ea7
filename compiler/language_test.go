package compiler_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/op"
)

// TestDigestTellsApart holds that rules that differ in anything that a step computes or keeps have digests of their own.
func TestDigestTellsApart(t *testing.T) {
	seen := map[string]string{}
	for _, body := range []string{
		"state s = 0\ns <- s + g\nx <- x - s",
		"state s as bf16 = 0\ns <- s + g\nx <- x - s",
		"state s as bf16 sr = 0\ns <- s + g\nx <- x - s",
		"state s as q8 = 0\ns <- s + g\nx <- x - s",
		"state s = 0.5\ns <- s + g\nx <- x - s",
		"x <- x - g*sum(g per row)", "x <- x - g*sum(g per col)", "x <- x - g*max(g per row)", "x <- x - g*sum(g)",
		"x <- x - normal()*g", "x <- x - uniform()*g", "x <- x - normal(per row)*g", "x <- x - g*normal(per tensor)",
		"x <- x - eye(row)@g", "x <- x - g@eye(col)", "x <- x - orthogonalize(g)", "x <- x - orthogonalize(g; steps = 3)",
		"x <- x - where(topk(g; k = 3), g, 0)", "x <- x - where(topk(g per row; k = 3), g, 0)", "x <- x - g*kth(g; k = 3)",
		"probe a = grad at x - g\nx <- x - a", "probe a = grad at x + g\nx <- x - a", "probe a = hvp g\nx <- x - a", "probe a = loss at x - g\nx <- x - a*g",
		"given a\nx <- x - a*g", "given a per row\nx <- x - a*g", "given a = load\nx <- x - a*g", "given b\nx <- x - b*g",
		"when named(\"a*\") { x <- x - g }", "when named(\"b*\") { x <- x - g }", "when rank(x) == 2 { x <- x - g }", "when norm(g) > 2 { x <- x - g }",
		"state S[2] = 0\nS <- push(S, g)\nx <- x - S[1]", "state S[3] = 0\nS <- push(S, g)\nx <- x - S[2]", "state S[2] = 0\nS <- push(S, g)\nx <- x - S[0]",
	} {
		digest := compile(t, "rule r {\n"+body+"\n}", compiler.Settings{}).Digest
		if old, twice := seen[digest]; twice {
			t.Errorf("one digest of\n%s\nand\n%s", old, body)
		}
		seen[digest] = body
	}
}

// TestTooLarge refuses what the scheduler does not take, at the rule's name.
func TestTooLarge(t *testing.T) {
	var conditions, chain strings.Builder
	for i := range 7 {
		fmt.Fprintf(&conditions, "when named(\"*%d*\") { g <- g*2 } else { g <- g + %d }\n", i, i+1)
	}
	for range 900 {
		chain.WriteString("u <- u/(1 + norm(u))\n")
	}
	var wide strings.Builder
	for i := range 70 {
		fmt.Fprintf(&wide, "state s%d = 0\ns%d <- s%d + g\nu <- u + s%d\n", i, i, i, i)
	}
	for name, c := range map[string]struct{ body, want string }{
		"classes": {conditions.String() + "x <- x - g", "it tells more than 64 classes of tensors apart by shape and name"},
		"passes":  {"let u = g\n" + chain.String() + "x <- x - u", "its passes over memory times its values are"},
		"streams": {"let u = g\n" + wide.String() + "x <- x - u", "a pass touches 72 arrays, and the limit is 64"},
	} {
		t.Run(name, func(t *testing.T) {
			u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte("rule r {\n" + c.body + "\n}")}}, "r.opt", fstest.MapFS{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			r, diags, err := compiler.Compile(u, "r", compiler.Settings{})
			if r != nil || err != nil || !strings.Contains(diags.Error(), "rule r is too large: "+c.want) || diags[len(diags)-1].Span.Start.Line != 1 {
				t.Errorf("%v %v", diags, err)
			}
		})
	}
}

// TestDumpsSayEverything holds that the last dump names every stage of a plan.
func TestDumpsSayEverything(t *testing.T) {
	r := compile(t, `rule r {
  state L per [row,row] = 0
  state S[2] = 0
  L <- L + g@g'
  S <- push(S, g)
  probe a = grad at x - S[0]
  x <- x - inv_root(L; p = 2)@a*kth(g per model; k = 2) - S[1]*sum(g per row)
}`, compiler.Settings{})
	text := r.Dumps[len(r.Dumps)-1].Text
	for _, want := range []string{"inv_root", "matmul", "transpose", "kth", "grad", "S[0]", "row"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, " 0 values") {
		t.Errorf("a stage of nothing in\n%s", text)
	}
}

// TestSetsAreDocumented holds the language's reference to the tables of sets and derivations.
func TestSetsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../lang/language.md")
	if err != nil {
		t.Fatal(err)
	}
	has := map[bool]string{true: "yes "}
	rows := 0
	for _, s := range op.Sets {
		var params []string
		for _, p := range s.Params {
			params = append(params, p.Name)
		}
		usage := s.Name
		if len(params) > 0 {
			usage += "(; " + strings.Join(params, ", ") + ")"
		}
		row := fmt.Sprintf("| `%s` | %s | %s| %s| %s|\n", usage, s.Doc, has[s.Project != ""], has[s.LMO != ""], has[s.Prox != ""])
		if !strings.Contains(string(text), row) {
			t.Errorf("no row %s", row)
		}
		rows++
	}
	for _, d := range op.Derivations {
		if !strings.Contains(string(text), "| `"+d.Usage+"` | ") {
			t.Errorf("no row of %s", d.Usage)
		}
	}
	_, table, _ := strings.Cut(string(text), "| set or penalty |")
	table, _, _ = strings.Cut(table, "\n\n")
	if n := strings.Count(table, "\n"); n != rows+1 {
		t.Errorf("%d rows in the table, and %d sets", n-1, rows)
	}
}
