package genome

import (
	"fmt"
	"strings"
)

// Starts are the rules that a search may begin with.
var Starts = []struct{ Name, Doc, Text string }{
	{"empty", "no update: the search must find the gradient first", "mul(0, g)"},
	{"sgd", "gradient descent", "g"},
	{"adamw", "Adam (Kingma and Ba 2015) with decoupled decay", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))"},
	{"lion", "Lion (Chen et al. 2023), β1 = .9 and β2 = .99: its average is that before the step, of which this one is .99 and .01 gradient", "sign(lerp(ema(g; 0.01), g; 0.09090909090909091))"},
}

// Start is the genome of that name.
func Start(name string) (Genome, error) {
	var names []string
	for _, s := range Starts {
		if s.Name == name {
			return Parse(s.Text)
		}
		names = append(names, s.Name)
	}
	return Genome{}, fmt.Errorf("no start %q: there are %s", name, strings.Join(names, ", "))
}

// maxRead bounds the text of a genome.
const maxRead = 1 << 16

// Parse reads what [Genome.String] writes.
func Parse(text string) (Genome, error) {
	if len(text) > maxRead {
		return Genome{}, fmt.Errorf("a genome of %d characters: %d are possible", len(text), maxRead)
	}
	if strings.Contains(text, "=") {
		return Decode(text)
	}
	p := parser{rest: text}
	root, err := p.term()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%q is left", p.rest)
	}
	g := Genome{Nodes: p.nodes, Root: root}
	if err == nil {
		err = g.Check()
	}
	if err != nil {
		return Genome{}, fmt.Errorf("genome %q: %w", text, err)
	}
	return g, nil
}

type parser struct {
	rest  string
	nodes []Node
}

// term reads an operator with its arguments, a leaf or a number.
func (p *parser) term() (uint8, error) {
	end := strings.IndexAny(p.rest, "(),;")
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	op, known := Find(word)
	if !known || op == Const {
		var k float64
		if n, err := fmt.Sscanf(word+"\n", "%g\n", &k); n != 1 || err != nil {
			return 0, fmt.Errorf("%q is neither an operator nor a number", word)
		}
		return p.add(Node{Op: Const, K: k})
	}
	n := Node{Op: op}
	row := op.Row()
	mark := byte('(')
	for i := range row.Args {
		if err := p.take(mark); err != nil {
			return 0, err
		}
		a, err := p.term()
		if err != nil {
			return 0, err
		}
		n.Args[i], mark = a, ','
	}
	if row.Const {
		if err := p.take(';'); err != nil {
			return 0, err
		}
		end := strings.IndexByte(p.rest, ')')
		if end < 0 {
			return 0, fmt.Errorf("%s has no end", word)
		}
		if c, err := fmt.Sscanf(strings.TrimSpace(p.rest[:end])+"\n", "%g\n", &n.K); c != 1 || err != nil {
			return 0, fmt.Errorf("%q is no constant", p.rest[:end])
		}
		p.rest = p.rest[end:]
	}
	if row.Args > 0 {
		if err := p.take(')'); err != nil {
			return 0, err
		}
	}
	return p.add(n)
}

func (p *parser) take(mark byte) error {
	if p.rest == "" || p.rest[0] != mark {
		return fmt.Errorf("expected %q at %q", mark, p.rest)
	}
	p.rest = p.rest[1:]
	return nil
}

// add appends a node, or finds the one like it.
func (p *parser) add(n Node) (uint8, error) {
	for i := range p.nodes {
		if p.nodes[i] == n {
			return uint8(i), nil
		}
	}
	if len(p.nodes) == MaxNodes {
		return 0, fmt.Errorf("more than %d nodes", MaxNodes)
	}
	p.nodes = append(p.nodes, n)
	return uint8(len(p.nodes) - 1), nil
}
