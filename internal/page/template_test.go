package page

import (
	"encoding/xml"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/op"
)

// parseXML reads strict XML and returns its text and the names of its elements.
func parseXML(t *testing.T, what, source string) (text string, elements []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(source))
	d.Strict = true
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			elements = append(elements, token.Name.Local)
		case xml.EndElement:
			depth--
		case xml.CharData:
			text += string(token)
		}
	}
	if depth != 0 {
		t.Fatalf("%s: %d elements are open at the end", what, depth)
	}
	return text, elements
}

// essence is a LaTeX text without what only groups and sets off.
func essence(s string) string {
	return strings.NewReplacer(" ", "", "{", "", "}", "", `\text{if }`, "", `\left`, "", `\right`, "").Replace(strings.ReplaceAll(s, `\text{if }`, ""))
}

func sorted(s string) string {
	r := []rune(s)
	slices.Sort(r)
	return string(r)
}

// Every row's LaTeX is understood: written again it says the same, and MathML shows every operand and every name in it.
func TestEveryRow(t *testing.T) {
	for i := range op.Table {
		o := &op.Table[i]
		n, err := parseLaTeX(o.LaTeX)
		if err != nil {
			t.Errorf("%s: %v", o.Name, err)
			continue
		}
		again := document.latex(n)
		if got, want := sorted(essence(again)), sorted(essence(o.LaTeX)); got != want { // scripts may stand in either order
			t.Errorf("%s: %q is written again as %q", o.Name, o.LaTeX, again)
		}
		if m, err := parseLaTeX(strings.ReplaceAll(again, `\text{if }`, "")); err != nil || !reflect.DeepEqual(m, n) {
			t.Errorf("%s: %q is another formula than %q (%v)", o.Name, again, o.LaTeX, err)
		}
		text, elements := parseXML(t, o.Name, mathML(n, false))
		for _, operand := range []string{"a", "b", "c"} {
			if strings.Contains(o.LaTeX, "$"+operand) && !strings.Contains(text, operand) {
				t.Errorf("%s: %q does not show %s", o.Name, text, operand)
			}
		}
		if strings.Contains(text, `\`) || strings.Contains(text, "$") {
			t.Errorf("%s: LaTeX in %q", o.Name, text)
		}
		for command, element := range map[string]string{`\frac`: "mfrac", `\sqrt{`: "msqrt", `\sqrt[`: "mroot", `{cases}`: "mtable", "^": "msup", "_": "msub"} {
			script := (command == "^" || command == "_") && slices.Contains(elements, "msubsup")
			if strings.Contains(o.LaTeX, command) && !slices.Contains(elements, element) && !script {
				t.Errorf("%s: %q has no <%s>", o.Name, o.LaTeX, element)
			}
		}
	}
}

// So is what defines the derived operators, and it names them and all that they take.
func TestDerivationRows(t *testing.T) {
	for _, d := range op.Derivations {
		n, err := parseLaTeX(d.LaTeX)
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		if got, want := sorted(essence(document.latex(n))), sorted(essence(d.LaTeX)); got != want {
			t.Errorf("%s: %q is written again as %q", d.Name, d.LaTeX, document.latex(n))
		}
		text, _ := parseXML(t, d.Name, mathML(n, true))
		for _, part := range strings.FieldsFunc(d.Usage, func(r rune) bool { return strings.ContainsRune("(,;) ", r) }) {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not show %s", d.Name, text, part)
			}
		}
	}
}

// What is not understood is refused, and never printed as something else.
func TestLaTeXErrors(t *testing.T) {
	for _, s := range []string{`\unknown`, `$d`, `$`, `(a`, `\frac`, `{a`, `a}`, `\operatorname a`, `\begin{matrix}a\end{matrix}`, `\begin{cases}a\end{cases}`, `a & b`, "\x00", `\`, `\text{a`, `|a`, `"`} {
		if n, err := parseLaTeX(s); err == nil {
			t.Errorf("%q is taken for %q", s, document.latex(n))
		}
	}
}

// Operands have the parentheses that they need, and no others.
func TestParentheses(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"a + b*c", `a + b\,c`},
		{"(a + b)*c", `(a + b)\,c`},
		{"a - (b - c)", `a-(b-c)`},
		{"a - b - c", `a-b-c`},
		{"-(a + b)", `-(a + b)`},
		{"a*-b", `a\,(-b)`},
		{"(a + b)/(c + d)", `\frac{a + b}{c + d}`},
		{"(a/b)^2", `(\frac{a}{b})^{2}`},
		{"(-a)^2", `(-a)^{2}`},
		{"a^b^c", `a^{b^{c}}`},
		{"(a^b)^c", `(a^{b})^{c}`},
		{"2*3*a", `2\cdot 3\,a`},
		{"sum(a)*b", `(\sum a)\,b`},
		{"sum(a + b)", `\sum (a + b)`},
		{"sum(a*b per row)", `\sum_{\text{row}}a\,b`},
		{"norm1(a per model)", `\|a\|_{1,\text{model}}`},
		{"sign(a)*b", `\operatorname{sign}(a)\,b`},
		{"not (a and b) or c", `\neg (a\wedge b)\vee c`},
		{"(a or b) and c", `(a\vee b)\wedge c`},
		{"a < b and c", `a < b\wedge c`},
		{"t % 5 == 0", `t\bmod 5 = 0`},
		{"(t % 5)*a", `(t\bmod 5)\,a`},
		{"sqrt(a)^2", `{\sqrt{a}}^{2}`},
		{"inv_root(A; p = 4)", `A^{-1/4}`},
		{"inv_root(A; p = 4, ridge = e)", `(A + e\,I)^{-1/4}`},
		{"inv_root(A + B; p = 4)", `(A + B)^{-1/4}`},
		{"A@(B + C)", `A\,(B + C)`},
		{"A'@A", `A^{\top}A`},
		{"(A + B)'", `(A + B)^{\top}`},
		{"exp(-a)", `\exp (-a)`},
		{"1e-8 + 2.5e3", `10^{-8} + 2.5\times 10^{3}`},
		{"h'(a; d = 1)", `\operatorname{h}^{\prime}(a;d = 1)`},
		{"where(a > 0, a, -a)", `\begin{cases}a & \text{if }a > 0\\ -a & \text{otherwise}\end{cases}`},
		{"abs(a/b)", `\left|\frac{a}{b}\right|`},
	} {
		s := newSymbols(nil)
		got := document.latex(s.math(parsed(c.rule)))
		squeeze := func(s string) string {
			return strings.NewReplacer(" ", "", `\left(`, "(", `\right)`, ")", `\,I`, "I").Replace(s)
		}
		if squeeze(got) != squeeze(c.want) {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}

func TestSpelling(t *testing.T) {
	for name, want := range map[string]string{
		"beta1": `\beta_{1}`, "β1": `\beta_{1}`, "lr": `\eta`, "eps_root": `\epsilon_{\mathrm{root}}`, "x0": "x_{0}", "top": `\mathrm{top}`,
		"max_lr": `\mathrm{max}_{\mathrm{lr}}`, "decay_at_z": `\mathrm{decay\_at\_z}`, "_": `\mathrm{\_}`, "loss": `\ell`, "é": `\mathit{é}`,
		"中": `\mathit{U+4E2D}`, "m_hat_2": `m_{\mathrm{hat},\mathrm{2}}`,
	} {
		if got := document.latex(newSymbols(nil).spell(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := document.latex(newSymbols(map[string]bool{"eta": true}).spell("lr")); got != `\mathrm{lr}` {
		t.Errorf("lr beside eta is %s", got)
	}
	s := newSymbols(nil) // two names of one spelling have two letters
	a, b := s.add("beta1", "beta1"), s.add("beta_1", "beta_1")
	if x, y := document.latex(s.node(a)), document.latex(s.node(b)); x == y {
		t.Errorf("beta1 and beta_1 are both %s", x)
	}
	if document.latex(s.node("hat|x|t")) != `\hat{x}_{t}` || s.node("hat|nothing") != nil || s.node("nothing|t") != nil {
		t.Error("a hat is not on its letter")
	}
}
