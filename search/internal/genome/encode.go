package genome

import (
	"fmt"
	"strconv"
	"strings"
)

// Encode is the genome as one line, node by node, those that nothing reads included: "g ema:0.1(0) sign(1) =2". Unlike
// that of [Genome.String], its length is that of the graph.
func (g Genome) Encode() string {
	var out strings.Builder
	for i := range g.Nodes {
		n := &g.Nodes[i]
		row := n.Op.Row()
		out.WriteString(row.Name)
		if row.Const {
			out.WriteString(":" + FormatNumber(n.K))
		}
		for j, a := range n.args() {
			out.WriteString([]string{"(", ",", ","}[j] + strconv.Itoa(int(a)))
		}
		if row.Args > 0 {
			out.WriteString(")")
		}
		out.WriteString(" ")
	}
	out.WriteString("=" + strconv.Itoa(int(g.Root)))
	return out.String()
}

// Decode reads what [Genome.Encode] writes.
func Decode(text string) (Genome, error) {
	var g Genome
	if len(text) > maxRead {
		return g, fmt.Errorf("a genome of %d characters: %d are possible", len(text), maxRead)
	}
	words := strings.Split(text, " ")
	if len(words) > MaxNodes+1 {
		return g, fmt.Errorf("a genome of more than %d nodes", MaxNodes)
	}
	for _, word := range words[:len(words)-1] {
		n, err := decodeNode(word)
		if err != nil {
			return g, fmt.Errorf("genome %q: %w", text, err)
		}
		g.Nodes = append(g.Nodes, n)
	}
	root, found := strings.CutPrefix(words[len(words)-1], "=")
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
	list := strings.Split(args, ",")
	if args == "" {
		list = nil
	}
	if len(list) != row.Args {
		return n, fmt.Errorf("%s has %d arguments, not %d", name, row.Args, len(list))
	}
	for i, a := range list {
		v, err := strconv.ParseUint(a, 10, 8)
		if n.Args[i] = uint8(v); err != nil {
			return n, fmt.Errorf("%q is no node", a)
		}
	}
	return n, nil
}
