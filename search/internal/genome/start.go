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
	t, err := readTerm(text)
	var g Genome
	if err == nil {
		var r reader
		g.Root, err = r.build(t)
		g.Nodes = r.nodes
	}
	if err == nil {
		err = g.Check()
	}
	if err != nil {
		return Genome{}, fmt.Errorf("genome %q: %w", text, err)
	}
	return g, nil
}

// reader makes nodes of terms, equal terms one node.
type reader struct {
	nodes []Node
}

// build makes the node of an operator with its arguments, of a leaf or of a number.
func (r *reader) build(t term) (uint8, error) {
	op, known := Find(t.word)
	if !known || op == Const {
		k, err := t.number()
		if err != nil {
			return 0, err
		}
		return r.add(Node{Op: Const, K: k})
	}
	n, row := Node{Op: op}, op.Row()
	if len(t.args) != row.Args || (t.constant != "") != row.Const {
		return 0, fmt.Errorf("%s is written %s", t.word, row.Form())
	}
	for i, arg := range t.args {
		a, err := r.build(arg)
		if err != nil {
			return 0, err
		}
		n.Args[i] = a
	}
	if row.Const {
		k, err := term{word: t.constant}.number()
		if err != nil {
			return 0, err
		}
		n.K = k
	}
	return r.add(n)
}

// add appends a node, or finds the one like it.
func (r *reader) add(n Node) (uint8, error) {
	for i := range r.nodes {
		if r.nodes[i] == n {
			return uint8(i), nil
		}
	}
	if len(r.nodes) == MaxNodes {
		return 0, fmt.Errorf("more than %d nodes", MaxNodes)
	}
	r.nodes = append(r.nodes, n)
	return uint8(len(r.nodes) - 1), nil
}
