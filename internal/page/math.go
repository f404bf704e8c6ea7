package page

import (
	"slices"
	"strings"
)

// Node is a formula as a tree, which knows how it is grouped and nothing of how it is written.
type Node struct {
	Kind  Kind
	Text  string  // of a leaf; of a Fence its two ends, separated by a space
	Kids  []*Node // Sub and Sup: base and script; SubSup: base, lower, upper; Cases: value, condition, ...
	level int     // how tightly the outermost operator binds
}

// Kind is the kind of a node.
type Kind uint8

// The kinds of nodes. All up to Space are leaves.
const (
	Letter   Kind = iota // one letter of a variable, or a Greek one by its LaTeX name
	Word                 // an upright name
	Number               // digits
	Symbol               // an operator or relation, by its LaTeX name or as itself
	Function             // an upright name before its argument
	Big                  // an operator before a whole product, as a sum
	Prose                // words between formulas
	Styled               // a letter in another alphabet: "mathcal N"
	Space                // a thin space
	Row
	Frac
	Sqrt
	Root // Kids: radicand, degree
	Sub
	Sup
	SubSup
	Hat
	Bar
	Fence
	Cases
	operand // $a, $b, $c of a template; Text is the letter, level the least that needs no parentheses
)

// How tightly things bind, the loosest first.
const (
	anything   = 0
	levelOr    = 10
	levelAnd   = 20
	levelNot   = 30
	levelCmp   = 40
	levelMod   = 45
	levelSum   = 50
	levelBig   = 55
	levelMul   = 60
	levelRight = 61 // the right operand of a product
	levelPower = 90
	levelFrac  = 95
	levelAtom  = 100
)

func leaf(k Kind, text string) *Node { return &Node{Kind: k, Text: text, level: levelAtom} }

func node(k Kind, level int, kids ...*Node) *Node { return &Node{Kind: k, Kids: kids, level: level} }

func letter(s string) *Node   { return leaf(Letter, s) }
func word(s string) *Node     { return leaf(Word, s) }
func number(s string) *Node   { return leaf(Number, s) }
func symbol(s string) *Node   { return leaf(Symbol, s) }
func function(s string) *Node { return leaf(Function, s) }
func prose(s string) *Node    { return leaf(Prose, s) }

// row is a sequence; rows within it that need no parentheses are laid flat, so that a long sum is no deep tree.
func row(level int, kids ...*Node) *Node {
	n := &Node{Kind: Row, level: level}
	for _, k := range kids {
		if k.Kind == Row {
			n.Kids = append(n.Kids, k.Kids...)
		} else {
			n.Kids = append(n.Kids, k)
		}
	}
	return n
}

func fence(left, right string, inner *Node) *Node {
	return &Node{Kind: Fence, Text: left + " " + right, Kids: []*Node{inner}, level: levelAtom}
}

// atLeast puts n in parentheses if it binds more loosely than level.
func atLeast(n *Node, level int) *Node {
	if n.level < level {
		return fence("(", ")", n)
	}
	return n
}

// list joins nodes by commas.
func list(nodes []*Node) []*Node {
	var out []*Node
	for i, n := range nodes {
		if i > 0 {
			out = append(out, symbol(","))
		}
		out = append(out, n)
	}
	return out
}

// call is f(args; params).
func call(f *Node, args, params []*Node) *Node {
	inner := list(args)
	if len(params) > 0 {
		if len(args) == 0 {
			inner = append(inner, symbol(`\cdot`))
		}
		inner = append(append(inner, symbol(";")), list(params)...)
	}
	return row(levelAtom, f, fence("(", ")", row(anything, inner...)))
}

// scripted puts a lower script on a node; one that has a script gets both, separated by a comma.
func scripted(base, script *Node) *Node {
	switch base.Kind {
	case Sub:
		return node(Sub, base.level, base.Kids[0], row(anything, base.Kids[1], symbol(","), script))
	case Sup:
		return node(SubSup, base.level, base.Kids[0], script, base.Kids[1])
	case SubSup:
		return node(SubSup, base.level, base.Kids[0], row(anything, base.Kids[1], symbol(","), script), base.Kids[2])
	}
	return node(Sub, base.level, base, script)
}

// perScript attaches what an operator runs over: to its name if it has one, else to its closing mark.
func perScript(n, per *Node) *Node {
	if n.Kind != Row || len(n.Kids) == 0 {
		return scripted(n, per)
	}
	at := len(n.Kids) - 1
	if k := head(n.Kids[0]); k.Kind == Function || k.Kind == Big || k.Kind == Symbol {
		at = 0
	}
	kids := slices.Clone(n.Kids)
	kids[at] = scripted(kids[at], per)
	return &Node{Kind: Row, Kids: kids, level: n.level}
}

// head is what stands first in a node.
func head(n *Node) *Node {
	for len(n.Kids) > 0 && (n.Kind == Row || n.Kind == Sub || n.Kind == Sup || n.Kind == SubSup) {
		n = n.Kids[0]
	}
	return n
}

// startsWithDigit reports whether a factor before n would run into a number.
func startsWithDigit(n *Node) bool { return head(n).Kind == Number }

// tall reports whether parentheses around n are to grow.
func tall(n *Node) bool {
	switch n.Kind {
	case Frac, Cases, Big, Root, Sqrt:
		return true
	case Sup, Sub, SubSup:
		return tall(n.Kids[0])
	}
	return slices.ContainsFunc(n.Kids, tall)
}

// size is how many leaves a formula has: about how wide it is.
func (n *Node) size() int {
	if len(n.Kids) == 0 {
		return 1
	}
	s := 0
	for _, k := range n.Kids {
		s += k.size()
	}
	if n.Kind == Frac || n.Kind == Cases {
		s = s*2/3 + 1
	}
	return s
}

// numberNode writes 1e-8 as a power of ten.
func numberNode(literal string) *Node {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(literal), "e")
	if !ok {
		return number(literal)
	}
	exponent = strings.TrimPrefix(exponent, "+")
	var exp *Node
	if digits, negative := strings.CutPrefix(exponent, "-"); negative {
		exp = row(levelSum, symbol("-"), number(digits))
	} else {
		exp = number(exponent)
	}
	power := node(Sup, levelPower, number("10"), exp)
	if mantissa == "1" {
		return power
	}
	return row(levelMul, number(mantissa), symbol(`\times`), power)
}
