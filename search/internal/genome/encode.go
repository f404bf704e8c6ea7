package genome

import (
	"fmt"
	"strconv"
	"strings"
)

// Encode is the genome as one line, node by node, those that nothing reads included: "g ema:0.1(0) sign(1) =2". Unlike
// that of [Genome.String], its length is that of the graph.
func (g Genome) Encode() string {
	out := make([]byte, 0, 16*MaxNodes)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		row := n.Op.Row()
		out = append(out, row.Name...)
		if row.Const {
			out = appendNumber(append(out, ':'), n.K)
		}
		for j, a := range n.args() {
			out = strconv.AppendUint(append(out, "(,,"[j]), uint64(a), 10)
		}
		if row.Args > 0 {
			out = append(out, ')')
		}
		out = append(out, ' ')
	}
	return string(strconv.AppendUint(append(out, '='), uint64(g.Root), 10))
}

// Decode reads what [Genome.Encode] writes.
func Decode(text string) (Genome, error) {
	var g Genome
	if len(text) > maxRead {
		return g, fmt.Errorf("a genome of %d characters: %d are possible", len(text), maxRead)
	}
	count := strings.Count(text, " ")
	if count > MaxNodes {
		return g, fmt.Errorf("a genome of more than %d nodes", MaxNodes)
	}
	g.Nodes = make([]Node, 0, count)
	rest := text
	for range count {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		n, err := decodeNode(word)
		if err != nil {
			return g, fmt.Errorf("genome %q: %w", text, err)
		}
		g.Nodes = append(g.Nodes, n)
	}
	root, found := strings.CutPrefix(rest, "=")
	at, err := strconv.ParseUint(root, 10, 8)
	if g.Root = uint8(at); !found || err != nil {
		return g, fmt.Errorf("genome %q: no root at its end", text)
	}
	return g, g.Check()
}

func decodeNode(word string) (Node, error) {
	head, args, _ := strings.Cut(strings.TrimSuffix(word, ")"), "(")
	name, k, _ := strings.Cut(head, ":")
	op, ok := Find(name)
	if !ok {
		return Node{}, fmt.Errorf("no operator %q", name)
	}
	n := Node{Op: op}
	row := op.Row()
	if row.Const {
		v, err := strconv.ParseFloat(k, 64)
		if n.K = v; err != nil {
			return n, fmt.Errorf("%q is no constant", k)
		}
	}
	count := 0
	if args != "" {
		count = 1 + strings.Count(args, ",")
	}
	if count != row.Args {
		return n, fmt.Errorf("%s has %d arguments, not %d", name, row.Args, count)
	}
	for i := range n.args() {
		var a string
		a, args, _ = strings.Cut(args, ",")
		v, err := strconv.ParseUint(a, 10, 8)
		if n.Args[i] = uint8(v); err != nil {
			return n, fmt.Errorf("%q is no node", a)
		}
	}
	return n, nil
}
