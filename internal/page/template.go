package page

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/optc-lang/optc/compiler/op"
)

// parseLaTeX reads the subset of LaTeX in which the operator table says how operators are written. It is the one source
// of every format: what is not understood is an error.
func parseLaTeX(text string) (*Node, error) {
	p := &latexParser{rest: text}
	n, err := p.row("")
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("LaTeX %q: %w", text, err)
	}
	return n, nil
}

type latexParser struct{ rest string }

// next takes a token: a command with its backslash, an operand, a number or a character.
func (p *latexParser) next() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := p.length()
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

func (p *latexParser) length() int {
	s := p.rest
	word := func(from int, in func(rune) bool) int {
		for i, r := range s[from:] {
			if !in(r) {
				return from + i
			}
		}
		return len(s)
	}
	switch {
	case s == "":
		return 0
	case s[0] == '\\' && len(s) > 1 && unicode.IsLetter(rune(s[1])):
		return word(1, unicode.IsLetter)
	case s[0] == '\\' || s[0] == '$':
		return min(2, len(s))
	case s[0] >= '0' && s[0] <= '9':
		return word(0, func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func (p *latexParser) peek() string {
	rest := p.rest
	token := p.next()
	p.rest = rest
	return token
}

// closers are the marks that end what a mark opens.
var closers = map[string]string{"(": ")", "[": ")]", `\{`: `\}`, "|": "|", `\|`: `\|`, `\langle`: `\rangle`, `\lfloor`: `\rfloor`, `\lceil`: `\rceil`}

// row reads until one of the tokens of end, and takes it off unless end is the end of the text.
func (p *latexParser) row(end string) (*Node, error) {
	var kids []*Node
	for {
		token := p.peek()
		if token == "" {
			if end != "" {
				return nil, fmt.Errorf("%q is missing", end)
			}
			break
		}
		if isEnd(end, token) {
			break
		}
		n, err := p.scripted()
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
	}
	needs(kids)
	if len(kids) == 1 {
		return kids[0], nil
	}
	return &Node{Kind: Row, Kids: kids, level: levelOf(kids)}, nil
}

func isEnd(end, token string) bool {
	if strings.HasPrefix(end, `\`) {
		for e := range strings.FieldsSeq(end) {
			if token == e {
				return true
			}
		}
		return false
	}
	return end != "" && strings.Contains(end, token)
}

// scripted reads an atom with its scripts.
func (p *latexParser) scripted() (*Node, error) {
	n, err := p.atom()
	for err == nil {
		var kind Kind
		switch p.peek() {
		case "_":
			kind = Sub
		case "^":
			kind = Sup
		default:
			return n, nil
		}
		p.next()
		var script *Node
		if script, err = p.argument(); err != nil {
			break
		}
		if n.Kind == operand {
			n.level = levelAtom
		}
		if kind == Sup && n.Kind == Sub {
			n = node(SubSup, levelPower, n.Kids[0], n.Kids[1], script)
		} else if kind == Sup {
			n = node(Sup, levelPower, n, script)
		} else {
			n = scripted(n, script)
		}
	}
	return n, err
}

// argument reads what a command or a script applies to: a group, or one atom.
func (p *latexParser) argument() (*Node, error) {
	if p.peek() == "{" {
		p.next()
		n, err := p.row("}")
		p.next()
		return n, err
	}
	return p.atom()
}

func (p *latexParser) atom() (*Node, error) {
	token := p.next()
	if ends, ok := closers[token]; ok {
		inner, err := p.row(ends)
		if err != nil {
			return nil, err
		}
		return fence(token, p.next(), inner), nil
	}
	switch r, _ := utf8.DecodeRuneInString(token); {
	case token == "":
		return nil, fmt.Errorf("it ends too early")
	case token == "{":
		n, err := p.row("}")
		p.next()
		return n, err
	case token[0] == '$':
		if token != "$a" && token != "$b" && token != "$c" {
			return nil, fmt.Errorf("there is no operand %q", token)
		}
		return &Node{Kind: operand, Text: token[1:], level: anything}, nil
	case r >= '0' && r <= '9':
		return number(token), nil
	case unicode.IsLetter(r):
		return letter(token), nil
	case token[0] == '\\' && len(token) > 1:
		return p.command(token)
	case strings.Contains("+-=<>,;/!:", token):
		return symbol(token), nil
	}
	return nil, fmt.Errorf("%q is not understood", token)
}

func (p *latexParser) command(name string) (*Node, error) {
	switch name {
	case `\,`:
		return leaf(Space, ""), nil
	case `\frac`:
		a, err := p.argument()
		if err != nil {
			return nil, err
		}
		b, err := p.argument()
		return node(Frac, levelFrac, a, b), err
	case `\sqrt`:
		return p.root()
	case `\hat`:
		a, err := p.argument()
		return node(Hat, levelAtom, a), err
	case `\operatorname`, `\text`, `\mathrm`, `\mathcal`, `\mathbf`, `\mathbb`:
		return p.named(name)
	case `\begin`:
		return p.cases()
	}
	switch {
	case bigs[name] != "":
		return leaf(Big, name), nil
	case functions[name]:
		return function(name[1:]), nil
	case greekLetters[name] != "":
		return letter(name), nil
	case marks[name] != "":
		return symbol(name), nil
	}
	return nil, fmt.Errorf("the command %s is not understood", name)
}

func (p *latexParser) root() (*Node, error) {
	var degree *Node
	if p.peek() == "[" {
		p.next()
		d, err := p.row("]")
		if err != nil {
			return nil, err
		}
		p.next()
		degree = d
	}
	a, err := p.argument()
	if degree != nil {
		return node(Root, levelAtom, a, degree), err
	}
	return node(Sqrt, levelAtom, a), err
}

// named reads {text} after a command.
func (p *latexParser) named(command string) (*Node, error) {
	text, rest, ok := strings.Cut(strings.TrimPrefix(p.rest, "{"), "}")
	if !ok || !strings.HasPrefix(p.rest, "{") || strings.ContainsAny(text, `\{$`) {
		return nil, fmt.Errorf("%s needs a name in braces", command)
	}
	p.rest = rest
	switch command {
	case `\operatorname`:
		return function(text), nil
	case `\text`:
		return prose(text), nil
	case `\mathrm`:
		return word(text), nil
	}
	return leaf(Styled, command[1:]+" "+text), nil
}

// cases reads {cases}value & condition\\ ...\end{cases}.
func (p *latexParser) cases() (*Node, error) {
	const begin, end = "{cases}", `\end{cases}`
	rest, ok := strings.CutPrefix(p.rest, begin)
	body, after, found := strings.Cut(rest, end)
	if !ok || !found {
		return nil, fmt.Errorf(`\begin is for cases alone, which \end{cases} ends`)
	}
	p.rest = after
	n := node(Cases, levelAtom)
	for line := range strings.SplitSeq(body, `\\`) {
		cells := strings.Split(line, "&")
		if len(cells) != 2 {
			return nil, fmt.Errorf("a case has a value and a condition, not %q", line)
		}
		for _, c := range cells {
			cell, err := parseLaTeX(strings.TrimSpace(c))
			if err != nil {
				return nil, err
			}
			n.Kids = append(n.Kids, cell)
		}
	}
	return n, nil
}

// needs says of every operand in a row what it must bind by to stand there without parentheses.
func needs(kids []*Node) {
	at := func(i int) *Node {
		if i < 0 || i >= len(kids) {
			return nil
		}
		return kids[i]
	}
	for i, n := range kids {
		if n.Kind == operand {
			n.level = max(need(at(i-1), true), need(at(i+1), false))
		}
	}
}

// need is what a neighbour asks of an operand; before says that it stands before the operand.
func need(n *Node, before bool) int {
	switch {
	case n == nil || n.Kind == Symbol && (n.Text == "," || n.Text == ";"):
		return anything
	case n.Kind == Function && before, head(n).Kind == Function && before:
		return levelAtom + 1 // always in parentheses
	case n.Kind == Big && before:
		return levelMul
	case n.Kind == Symbol:
		return needOf(n.Text, before)
	case before:
		return levelRight
	}
	return levelMul
}

func needOf(mark string, before bool) int {
	switch mark {
	case "+":
		if before {
			return levelSum + 1
		}
		return levelSum
	case "-":
		if before {
			return levelSum + 1
		}
		return levelSum
	case "/", `\#`, `\neg`:
		return levelAtom
	case `\bmod`:
		if before {
			return levelRight
		}
		return levelMul
	case `\wedge`:
		return levelAnd
	case `\vee`:
		return levelOr
	case `\exists`, `\forall`:
		return levelAtom
	}
	return levelMod // a relation
}

// levelOf is how tightly the loosest operator of a row binds.
func levelOf(kids []*Node) int {
	level := levelAtom
	if len(kids) > 2 || len(kids) == 2 && kids[1].Kind != Fence {
		level = levelMul
	}
	for i, n := range kids {
		switch {
		case n.Kind == Big:
			level = min(level, levelBig)
		case head(n).Kind == Function && i == 0 && len(kids) == 2 && (kids[1].Kind == operand || kids[1].Kind == Fence):
			level = levelAtom
		case n.Kind == Symbol:
			level = min(level, levelOfMark(n.Text))
		}
	}
	return level
}

func levelOfMark(mark string) int {
	switch mark {
	case "+", "-":
		return levelSum
	case `\bmod`:
		return levelMod
	case "/":
		return levelMul
	case `\wedge`:
		return levelAnd
	case `\vee`:
		return levelOr
	case `\neg`:
		return levelNot
	case `\#`:
		return levelAtom
	case `\exists`, `\forall`:
		return levelNot
	}
	return levelCmp
}

var templates sync.Map // of a row's LaTeX to its *Node

// template is a row of the operator table as a tree; nil if its LaTeX is not understood, which a test refuses.
func template(o *op.Op) *Node {
	if n, ok := templates.Load(o.LaTeX); ok {
		return n.(*Node)
	}
	n, err := parseLaTeX(o.LaTeX)
	if err != nil {
		n = nil
	}
	templates.Store(o.LaTeX, n)
	return n
}

// fill puts operands in the places of a template.
func fill(t *Node, args map[string]*Node) *Node {
	if t.Kind == operand {
		a := args[t.Text]
		if a == nil {
			return prose("?")
		}
		return atLeast(a, t.level)
	}
	if len(t.Kids) == 0 {
		return t
	}
	n := &Node{Kind: t.Kind, Text: t.Text, level: t.level}
	kids := t.Kids
	if t.Kind == Row {
		kids = withoutZero(kids, args)
	}
	for i, k := range kids {
		filled := fill(k, args)
		if i > 0 && k.Kind == operand && kids[i-1].Kind == operand && filled.Kind == Fence {
			n.Kids = append(n.Kids, leaf(Space, "")) // a product, and no call
		}
		if t.Kind == Row && filled.Kind == Row {
			n.Kids = append(n.Kids, filled.Kids...)
		} else {
			n.Kids = append(n.Kids, filled)
		}
	}
	if t.Kind == Row && len(n.Kids) == 1 {
		return n.Kids[0]
	}
	if t.Kind == Sup && n.Kids[0].Kind == Sub {
		return node(SubSup, n.level, n.Kids[0].Kids[0], n.Kids[0].Kids[1], n.Kids[1])
	}
	if t.Kind == Sup && n.Kids[0].Kind == Fence && n.Kids[0].Text == "( )" && n.Kids[0].Kids[0].level >= levelAtom {
		n.Kids[0] = n.Kids[0].Kids[0]
	}
	return n
}

// withoutZero drops the last term of a template's sum when it is 0 times something, as in A + 0 I.
func withoutZero(kids []*Node, args map[string]*Node) []*Node {
	at := len(kids) - 3
	if at < 1 || kids[at].Kind != Symbol || kids[at].Text != "+" || kids[at+1].Kind != operand {
		return kids
	}
	if a := args[kids[at+1].Text]; a != nil && a.Kind == Number && a.Text == "0" {
		return kids[:at]
	}
	return kids
}
