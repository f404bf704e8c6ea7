package report

import (
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/search/internal/genome"
)

// longestMath bounds the formulas, in bytes, that are set as mathematics: beyond it they are no easier to read.
const longestMath = 400

// notation is how an operator is set, and what that means where readers may not know.
type notation struct {
	set   func(s *setter, n *genome.Node) term
	means string
}

// term is a piece of MathML with what binds its parts together.
type term struct {
	html string
	bind int
}

// How tightly terms hold together.
const (
	negative = iota // a sum too, but not after another sign
	sum
	product
	atom
)

// setter sets a genome. What it writes are names of operators from the table below and numbers, nothing else.
type setter struct {
	genome genome.Genome
	used   map[string]bool
	known  []bool // not negative
}

// mathOf is a formula as MathML, "" if it is none that this package can read, and the operators whose signs it uses.
func mathOf(formula string) (template.HTML, map[string]bool) {
	if len(formula) > longestMath {
		return "", nil
	}
	g, err := genome.Parse(formula)
	if err != nil {
		return "", nil
	}
	s := &setter{genome: g, used: map[string]bool{}, known: g.Nonnegative()}
	t := s.node(int(g.Root))
	return template.HTML(`<math displaystyle="true">` + row(t.html) + "</math>"), s.used
}

func (s *setter) node(i int) term {
	n := &s.genome.Nodes[i]
	name := n.Op.String()
	s.used[name] = true
	if how, ok := notations[name]; ok {
		return how.set(s, n)
	}
	if n.Op.Row().Args == 0 {
		return term{"<mi>" + name + "</mi>", atom}
	}
	var args []string
	for j := range n.Op.Row().Args {
		args = append(args, s.arg(n, j).html)
	}
	head := "<mi>" + name + "</mi>"
	if n.Op.Row().Const {
		head = "<msub>" + head + constant(n.K) + "</msub>"
	}
	return call(head, args...)
}

func (s *setter) arg(n *genome.Node, j int) term { return s.node(int(n.Args[j])) }

// held is an argument in parentheses if it binds less than asked.
func (s *setter) held(n *genome.Node, j, bind int) string {
	t := s.arg(n, j)
	if t.bind < bind {
		return fenced("(", t.html, ")")
	}
	return t.html
}

func row(html string) string  { return "<mrow>" + html + "</mrow>" }
func sign(text string) string { return "<mo>" + text + "</mo>" }

// fenced is a term between brackets, which grow only with what is higher than a line.
func fenced(open, html, shut string) string {
	grow := ` stretchy="false"`
	if strings.Contains(html, "<mfrac") || strings.Contains(html, "<mtable") || shut == "" {
		grow = ""
	}
	out := `<mo form="prefix" fence="true"` + grow + ">" + open + "</mo>" + row(html)
	if shut != "" {
		out += `<mo form="postfix" fence="true"` + grow + ">" + shut + "</mo>"
	}
	return row(out)
}

// call is a function of arguments.
func call(head string, args ...string) term {
	return term{row(head + "<mo>&#8289;</mo>" + fenced("(", strings.Join(args, sign(",")), ")")), atom}
}

// constant is a number.
func constant(k float64) string {
	text := strconv.FormatFloat(k, 'g', 6, 64)
	mantissa, exponent, scientific := strings.Cut(text, "e")
	below := strings.HasPrefix(mantissa, "-")
	mantissa = "<mn>" + strings.TrimPrefix(mantissa, "-") + "</mn>"
	if scientific {
		e, _ := strconv.Atoi(exponent)
		ten := "<msup><mn>10</mn>" + constant(float64(e)) + "</msup>"
		if mantissa == "<mn>1</mn>" {
			mantissa = ten
		} else {
			mantissa += sign("·") + ten
		}
	}
	if below {
		mantissa = sign("−") + mantissa
	}
	return row(mantissa)
}

// infix is two arguments with a sign between them, each in parentheses if it binds less than it must at its side.
func infix(s *setter, n *genome.Node, mark string, bind, left, right int) term {
	return term{row(s.held(n, 0, left) + sign(mark) + s.held(n, 1, right)), bind}
}

func fraction(above, below string) term {
	return term{"<mfrac>" + row(above) + row(below) + "</mfrac>", atom}
}

// average is a moving average: its subscript is the share of the old value, as papers write it.
func average(s *setter, n *genome.Node, hat bool) term {
	head := "<mi>ema</mi>"
	if hat {
		head = `<mover accent="true"><mi>ema</mi><mo>&#94;</mo></mover>`
	}
	return call("<msub>"+head+constant(1-n.K)+"</msub>", s.arg(n, 0).html)
}

// absolute is an argument in bars, unless it is never negative.
func absolute(s *setter, n *genome.Node, j int, always bool) string {
	t := s.arg(n, j)
	if !always && s.known[n.Args[j]] {
		return t.html
	}
	return fenced("|", t.html, "|")
}

// notations are the operators that are not set as a function of their name.
var notations map[string]notation

func init() { // a literal would refer to itself
	notations = map[string]notation{
		"const": {set: func(_ *setter, n *genome.Node) term {
			if n.K < 0 {
				return term{constant(n.K), negative}
			}
			return term{constant(n.K), atom}
		}},
		"add": {set: func(s *setter, n *genome.Node) term { return infix(s, n, "+", sum, negative, sum) }},
		"sub": {set: func(s *setter, n *genome.Node) term { return infix(s, n, "−", sum, negative, product) }},
		"mul": {set: func(s *setter, n *genome.Node) term { return infix(s, n, "·", product, product, product) }},
		"div": {set: func(s *setter, n *genome.Node) term { return fraction(s.arg(n, 0).html, s.arg(n, 1).html) },
			means: "a divisor is kept from zero by " + power("1", int(math.Round(log10(genome.Eps))))},
		"recip": {set: func(s *setter, n *genome.Node) term { return fraction("<mn>1</mn>", s.arg(n, 0).html) }},
		"neg":   {set: func(s *setter, n *genome.Node) term { return term{row(sign("−") + s.held(n, 0, product)), negative} }},
		"abs":   {set: func(s *setter, n *genome.Node) term { return term{absolute(s, n, 0, true), atom} }},
		"sqrt": {set: func(s *setter, n *genome.Node) term {
			return term{"<msqrt>" + absolute(s, n, 0, false) + "</msqrt>", atom}
		}},
		"square": {set: func(s *setter, n *genome.Node) term {
			return term{"<msup>" + row(s.held(n, 0, atom)) + "<mn>2</mn></msup>", product}
		}},
		"lerp": {set: func(s *setter, n *genome.Node) term {
			return term{row(constant(1-n.K) + sign("·") + s.held(n, 0, product) + sign("+") + constant(n.K) + sign("·") + s.held(n, 1, product)), sum}
		}},
		"where": {set: func(s *setter, n *genome.Node) term {
			cell := func(html string) string { return "<mtd>" + row(html) + "</mtd>" }
			return term{fenced("{", "<mtable class=\"cases\"><mtr>"+cell(s.arg(n, 1).html)+cell("<mtext>if&#160;</mtext>"+s.arg(n, 0).html+sign("&gt;")+"<mn>0</mn>")+
				"</mtr><mtr>"+cell(s.arg(n, 2).html)+cell("<mtext>else</mtext>")+"</mtr></mtable>", ""), sum}
		}},
		"dot": {set: func(s *setter, n *genome.Node) term {
			return term{fenced("⟨", s.arg(n, 0).html+sign(",")+s.arg(n, 1).html, "⟩"), atom}
		}, means: "⟨a, b⟩ is the sum of products over the tensor"},
		"cosine": {set: func(s *setter, n *genome.Node) term {
			return call("<mi>cos</mi>", s.arg(n, 0).html, s.arg(n, 1).html)
		}, means: "cos(a, b) is the cosine of the angle between two tensors"},
		"ema": {set: func(s *setter, n *genome.Node) term { return average(s, n, false) },
			means: "emaᵦ is a moving average, β of the old value and 1 − β of the new, from 0"},
		"avg": {set: func(s *setter, n *genome.Node) term { return average(s, n, true) },
			means: "a hat: corrected for the start at 0"},
	}
}

// legend explains the signs of formulas, in the order of the operators' table.
func legend(used map[string]bool) []string {
	var out []string
	for i := range genome.Ops {
		op := &genome.Ops[i]
		how, ok := notations[op.Name]
		switch {
		case !used[op.Name]:
		case how.means != "":
			out = append(out, how.means)
		case !ok && op.Args > 0 && !familiar[op.Name]:
			out = append(out, op.Name+": "+op.Doc)
		}
	}
	if used["avg"] && !used["ema"] {
		out = append([]string{notations["ema"].means}, out...)
	}
	return out
}

// familiar functions need no word.
var familiar = map[string]bool{"min": true, "max": true, "sign": true, "tanh": true}
