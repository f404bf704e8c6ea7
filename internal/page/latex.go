package page

import (
	"strings"
	"unicode"
)

// dialect is what reads LaTeX: a document, or Markdown.
type dialect struct {
	operator string // of \operatorname, which GitHub refuses
	end      int    // the column of ends
	wrap     bool   // the formula is in a table of Markdown
}

var (
	document = dialect{operator: `\operatorname`, end: 1}
	markdown = dialect{operator: `\mathrm`, end: 2, wrap: true}
)

// latex writes a formula.
func (d dialect) latex(n *Node) string {
	var b strings.Builder
	d.write(&b, n)
	return strings.TrimSpace(b.String())
}

// braced writes a formula in braces.
func (d dialect) braced(b *strings.Builder, n *Node) {
	b.WriteByte('{')
	d.write(b, n)
	b.WriteByte('}')
}

func (d dialect) write(b *strings.Builder, n *Node) {
	switch n.Kind {
	case Row:
		for _, k := range n.Kids {
			d.write(b, k)
		}
	case Frac:
		b.WriteString(`\frac`)
		d.braced(b, n.Kids[0])
		d.braced(b, n.Kids[1])
	case Sqrt:
		b.WriteString(`\sqrt`)
		d.braced(b, n.Kids[0])
	case Root:
		b.WriteString(`\sqrt[`)
		d.braced(b, n.Kids[1])
		b.WriteByte(']')
		d.braced(b, n.Kids[0])
	case Hat, Bar:
		b.WriteString(map[Kind]string{Hat: `\hat`, Bar: `\bar`}[n.Kind])
		d.braced(b, n.Kids[0])
	case Sub, Sup, SubSup:
		d.scripts(b, n)
	case Fence:
		d.fence(b, n)
	case Cases:
		d.cases(b, n)
	default:
		d.leaf(b, n)
	}
}

func (d dialect) scripts(b *strings.Builder, n *Node) {
	if base := n.Kids[0]; len(base.Kids) > 0 && base.Kind != Fence && base.Kind != Hat && base.Kind != Bar {
		d.braced(b, base)
	} else {
		b.WriteString(d.latex(base)) // a script follows at once
	}
	for i, k := range n.Kids[1:] {
		if n.Kind == Sup || i == 1 {
			b.WriteByte('^')
		} else {
			b.WriteByte('_')
		}
		d.braced(b, k)
	}
	b.WriteByte(' ')
}

func (d dialect) fence(b *strings.Builder, n *Node) {
	left, right, _ := strings.Cut(n.Text, " ")
	grow := tall(n.Kids[0]) && closers[left] != ""
	mark := func(word, end string) {
		if grow {
			b.WriteString(word)
		}
		end = ends[end][d.end]
		b.WriteString(end)
		if end[0] == '\\' {
			b.WriteByte(' ')
		}
	}
	mark(`\left`, left)
	d.write(b, n.Kids[0])
	mark(`\right`, right)
}

func (d dialect) cases(b *strings.Builder, n *Node) {
	b.WriteString(`\begin{cases}`)
	for i := 0; i+1 < len(n.Kids); i += 2 {
		if i > 0 {
			b.WriteString(`\\ `)
		}
		d.write(b, n.Kids[i])
		b.WriteString(" & ")
		if c := n.Kids[i+1]; c.Kind != Prose {
			b.WriteString(`\text{if }`)
		}
		d.write(b, n.Kids[i+1])
	}
	b.WriteString(`\end{cases}`)
}

func (d dialect) leaf(b *strings.Builder, n *Node) {
	switch n.Kind {
	case Letter:
		d.letter(b, n.Text)
	case Word:
		b.WriteString(`\mathrm{` + d.text(n.Text) + `}`)
	case Prose:
		b.WriteString(`\text{` + d.text(n.Text) + `}`)
	case Styled:
		style, text, _ := strings.Cut(n.Text, " ")
		b.WriteString(`\` + style + `{` + d.text(text) + `}`)
	case Function:
		if functions[`\`+n.Text] {
			b.WriteString(`\` + n.Text + " ")
		} else {
			b.WriteString(d.operator + `{` + d.text(n.Text) + `}`)
		}
	case Space:
		b.WriteString(`\,`)
	case operand:
		b.WriteString("$" + n.Text)
	case Symbol:
		d.symbol(b, n.Text)
	default:
		b.WriteString(n.Text)
		if n.Text != "" && n.Text[0] == '\\' {
			b.WriteByte(' ')
		}
	}
}

func (d dialect) letter(b *strings.Builder, s string) {
	switch {
	case greekLetters[s] != "":
		b.WriteString(s + " ")
	case len(s) == 1:
		b.WriteString(s)
	default:
		b.WriteString(`\mathit{` + d.text(s) + `}`)
	}
}

func (d dialect) symbol(b *strings.Builder, s string) {
	switch {
	case s[0] == '\\' && unicode.IsLetter(rune(s[1])):
		b.WriteString(s + " ")
	case d.wrap && s == "<":
		b.WriteString(`\lt `) // a reader of Markdown may take < for a tag
	case d.wrap && s == ">":
		b.WriteString(`\gt `)
	case strings.Contains("+=<>", s):
		b.WriteString(" " + s + " ")
	default:
		b.WriteString(s)
	}
}

// text is a name within braces of a formula.
func (d dialect) text(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '$' && d.wrap || r == '`' || r == '|' || r == '\\' || r == '^' || r == '~' || r < ' ' || r == 0x7f:
			b.WriteByte('?') // what formulas of Markdown cannot hold; the rule's text, which the page shows, has it
		case strings.ContainsRune(`{}$&#%_`, r):
			b.WriteString(`\` + string(r))
		case r > unicode.MaxASCII && !d.wrap:
			b.WriteString(asciiOf(r))
		case d.wrap && (r == '<' || r == '>'):
			b.WriteString(map[rune]string{'<': `\lt `, '>': `\gt `}[r])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
