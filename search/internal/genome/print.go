package genome

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/optc-lang/optc/lang"
)

// Rule returns the genome as a rule file, which subtracts lr*(update + decay*x). lr is its default learning rate.
//
// What it computes is what package vm computes, bit for bit.
func (g Genome) Rule(name, doc string, lr, decay float64) (string, error) {
	p := printer{genome: g, text: make([]string, len(g.Nodes)), known: g.Nonnegative(), uses: make([]int, len(g.Nodes))}
	for line := range strings.Lines(doc) {
		p.line("/// %s", strings.TrimSpace(line))
	}
	p.line("rule %s {", name)
	p.line("hyper lr = %s in [0, inf)", FormatNumber(lr))
	p.line("hyper decay = %s in [0, inf)", FormatNumber(decay))
	p.body()
	p.line("x <- x - lr*(%s + decay*x)", grouped(p.text[g.Root]))
	p.line("}")
	file, diagnostics := lang.Parse(name+".opt", []byte(p.out.String()))
	if len(diagnostics) > 0 {
		return "", fmt.Errorf("genome %s: %v", name, diagnostics[0])
	}
	return string(lang.Format(file)), nil
}

// maxText bounds the length of a genome as an expression, in which what is read twice stands twice.
const maxText = 4000

// String is the update as one expression over g, in the names of [Ops], or as [Genome.Encode] has it if that is very long.
func (g Genome) String() string {
	if g.textLength() > maxText {
		return g.Encode()
	}
	text := make([]string, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		row := n.Op.Row()
		var args []string
		for _, a := range n.args() {
			args = append(args, text[a])
		}
		switch {
		case n.Op == Const:
			text[i] = FormatNumber(n.K)
		case row.Kind == Leaf:
			text[i] = row.Name
		case row.Const:
			text[i] = fmt.Sprintf("%s(%s; %s)", row.Name, strings.Join(args, ", "), FormatNumber(n.K))
		default:
			text[i] = fmt.Sprintf("%s(%s)", row.Name, strings.Join(args, ", "))
		}
	}
	return text[g.Root]
}

// textLength is about how long the expression is, at most a little more than it may be.
func (g Genome) textLength() int {
	length := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		length[i] = len(n.Op.Row().Name) + 12
		for _, a := range n.args() {
			length[i] = min(length[i]+length[a], 2*maxText)
		}
	}
	return length[g.Root]
}

// printer writes the live nodes of a genome, a statement for each state and for what is read more than once.
type printer struct {
	genome       Genome
	out          strings.Builder
	text         []string // of each node, as its readers say it
	known        []bool   // never negative
	uses         []int    // how often the text of a node stands in others
	states, lets int
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.out, format+"\n", args...)
}

func (p *printer) body() {
	live := p.genome.Live()
	p.count(live)
	for i := range p.genome.Nodes {
		if n := &p.genome.Nodes[i]; live[i] && n.Op.Row().Kind == State {
			p.states++
			p.line("state s%d = 0", p.states)
		}
	}
	p.states = 0
	for i := range p.genome.Nodes {
		if live[i] {
			p.node(i)
		}
	}
}

// count tells how often each node is read, arguments that an operator's text repeats as often as it does.
func (p *printer) count(live []bool) {
	for i := range p.genome.Nodes {
		if n := &p.genome.Nodes[i]; live[i] {
			for j, a := range n.args() {
				p.uses[a] += strings.Count(words(p.template(n), func(w string) string {
					if w == string(rune('a'+j)) {
						return "\x00"
					}
					return w
				}), "\x00")
			}
		}
	}
}

// template is the text of an operator for the arguments that it has.
func (p *printer) template(n *Node) string {
	row := n.Op.Row()
	if row.Positive != "" && p.known[n.Args[row.Args-1]] {
		return row.Positive
	}
	return row.Text
}

func (p *printer) node(i int) {
	n := &p.genome.Nodes[i]
	row := n.Op.Row()
	switch {
	case n.Op == Const:
		p.text[i] = FormatNumber(n.K)
		return
	case row.Kind == Leaf:
		p.text[i] = row.Name
		return
	}
	if row.Kind == State {
		p.state(i)
		return
	}
	p.define(i, p.fill(n, p.template(n), ""), p.uses[i] > 1)
}

// fill is an operator's text with its arguments in place.
func (p *printer) fill(n *Node, template, state string) string {
	text := words(template, func(w string) string {
		switch w {
		case "a", "b", "c":
			return grouped(p.text[n.Args[w[0]-'a']])
		case "k":
			return FormatNumber(n.K)
		case "s":
			return state
		}
		return w
	})
	return strings.ReplaceAll(text, "(1 - "+FormatNumber(n.K)+")", FormatNumber(complement(n.K)))
}

// define says what a node's readers say, in a statement of its own if it is read often.
func (p *printer) define(i int, text string, often bool) {
	if p.text[i] = text; often {
		p.lets++
		p.text[i] = fmt.Sprintf("v%d", p.lets)
		p.line("let %s = %s", p.text[i], text)
	}
}

// state writes the update of a state. The value of prev is what the state was before.
func (p *printer) state(i int) {
	n := &p.genome.Nodes[i]
	row := n.Op.Row()
	p.states++
	state := fmt.Sprintf("s%d", p.states)
	if n.Op == prev {
		p.define(i, state, true)
	}
	p.line("%s <- %s", state, p.fill(n, p.template(n), state))
	switch {
	case n.Op == prev:
	case row.Value == "":
		p.text[i] = state
	default:
		p.define(i, p.fill(n, row.Value, state), p.uses[i] > 1)
	}
}

// complement is 1 - k, as short as it may be written without another float32 or float64 coming of it.
func complement(k float64) float64 {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(1-k, 'g', 7, 64), 64)
	if float32(short) == float32(1-k) {
		return short
	}
	return 1 - k
}

// FormatNumber is a constant as the rule language reads it.
func FormatNumber(v float64) string { return string(appendNumber(nil, v)) }

func appendNumber(to []byte, v float64) []byte {
	start := len(to)
	to = strconv.AppendFloat(to, v, 'g', -1, 64)
	if i := bytes.Index(to[start:], []byte("e-0")); i >= 0 {
		to = slices.Delete(to, start+i+2, start+i+3)
	}
	return to
}

// grouped is an expression in parentheses, which the formatter takes away where they say nothing.
func grouped(text string) string {
	if strings.ContainsAny(text, " -+*/") {
		return "(" + text + ")"
	}
	return text
}

// words replaces the words of a text.
func words(text string, with func(string) string) string {
	var out strings.Builder
	for text != "" {
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
		switch end {
		case -1:
			end = len(text)
			fallthrough
		default:
			out.WriteString(with(text[:end]))
			text = text[end:]
		case 0:
			out.WriteByte(text[0])
			text = text[1:]
		}
	}
	return out.String()
}
