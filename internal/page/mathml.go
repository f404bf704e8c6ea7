package page

import (
	"html"
	"slices"
	"strings"
	"unicode/utf8"
)

// mathML writes a formula; one that is long is cut before its sums and relations, so that a line can break there.
func mathML(n *Node, wide bool) string {
	const long = 45
	if n.Kind != Row || n.size() < long {
		return mathTag(n, wide)
	}
	var parts []string
	start, width := 0, 0
	for i, k := range n.Kids {
		if i > start && width > 12 && k.Kind == Symbol && strings.Contains(`+ - \wedge \vee \gets`, k.Text) {
			parts = append(parts, mathTag(&Node{Kind: Row, Kids: n.Kids[start:i]}, wide))
			start, width = i, 0
		}
		width += k.size()
	}
	parts = append(parts, mathTag(&Node{Kind: Row, Kids: n.Kids[start:]}, wide))
	return strings.Join(parts, " ")
}

func mathTag(n *Node, wide bool) string {
	var b strings.Builder
	if wide {
		b.WriteString(`<math displaystyle="true">`)
	} else {
		b.WriteString("<math>")
	}
	writeMathML(&b, n)
	b.WriteString("</math>")
	return b.String()
}

func tag(b *strings.Builder, name string, kids ...*Node) {
	b.WriteString("<" + name + ">")
	for _, k := range kids {
		writeMathML(b, k)
	}
	b.WriteString("</" + name + ">")
}

func text(b *strings.Builder, name, attributes, s string) {
	b.WriteString("<" + name + attributes + ">" + escapeHTML(s) + "</" + name + ">")
}

func writeMathML(b *strings.Builder, n *Node) {
	switch n.Kind {
	case Row:
		b.WriteString("<mrow>")
		for i, k := range n.Kids {
			writeMathML(b, k)
			if k.Kind == Function && i+1 < len(n.Kids) {
				b.WriteString("<mo>\u2061</mo>") // function application
			}
		}
		b.WriteString("</mrow>")
	case Frac:
		tag(b, "mfrac", n.Kids...)
	case Sqrt:
		tag(b, "msqrt", n.Kids...)
	case Root:
		tag(b, "mroot", n.Kids...)
	case Sub:
		tag(b, "msub", n.Kids...)
	case Sup:
		tag(b, "msup", n.Kids...)
	case SubSup:
		tag(b, "msubsup", n.Kids...)
	case Hat, Bar:
		b.WriteString(`<mover accent="true">`)
		writeMathML(b, n.Kids[0])
		b.WriteString(`<mo stretchy="false">` + map[Kind]string{Hat: "^", Bar: "¯"}[n.Kind] + `</mo></mover>`)
	case Fence:
		left, right, _ := strings.Cut(n.Text, " ")
		stretchy := ` stretchy="false"`
		if tall(n.Kids[0]) {
			stretchy = ""
		}
		b.WriteString("<mrow>")
		text(b, "mo", ` form="prefix" fence="true"`+stretchy, ends[left][0])
		writeMathML(b, n.Kids[0])
		text(b, "mo", ` form="postfix" fence="true"`+stretchy, ends[right][0])
		b.WriteString("</mrow>")
	case Cases:
		casesML(b, n)
	default:
		leafML(b, n)
	}
}

func casesML(b *strings.Builder, n *Node) {
	b.WriteString(`<mrow><mo form="prefix" fence="true">{</mo><mtable class="cases">`)
	for i := 0; i+1 < len(n.Kids); i += 2 {
		b.WriteString("<mtr><mtd>")
		writeMathML(b, n.Kids[i])
		b.WriteString("</mtd><mtd>")
		if c := n.Kids[i+1]; c.Kind != Prose {
			b.WriteString("<mtext>if\u00a0</mtext>")
		}
		writeMathML(b, n.Kids[i+1])
		b.WriteString("</mtd></mtr>")
	}
	b.WriteString("</mtable></mrow>")
}

func leafML(b *strings.Builder, n *Node) {
	switch n.Kind {
	case Letter:
		s := n.Text
		if g := greekLetters[s]; g != "" {
			s = g
		}
		text(b, "mi", "", s)
	case Word, Function:
		attributes := ""
		if utf8.RuneCountInString(n.Text) == 1 {
			attributes = ` mathvariant="normal"`
		}
		text(b, "mi", attributes, n.Text)
	case Number:
		text(b, "mn", "", n.Text)
	case Prose:
		text(b, "mtext", "", n.Text)
	case Styled:
		style, s, _ := strings.Cut(n.Text, " ")
		text(b, "mi", ` mathvariant="normal"`, styled(style, s))
	case Space:
		b.WriteString(`<mspace width="0.17em"></mspace>`)
	case Big:
		text(b, "mo", ` movablelimits="false" largeop="false"`, bigs[n.Text])
	case operand:
		text(b, "mi", "", n.Text)
	default:
		symbolML(b, n.Text)
	}
}

func symbolML(b *strings.Builder, s string) {
	if g := marks[s]; g != "" {
		s = g
	}
	attributes := ""
	switch {
	case s == "-":
		s = "−"
	case s == "⊤" || s == "∞" || s == "′":
		text(b, "mi", ` mathvariant="normal"`, s)
		return
	case s == "mod":
		attributes = ` lspace="0.3em" rspace="0.3em"`
	}
	text(b, "mo", attributes, s)
}

// styled is a letter of another alphabet. MathML Core has no attribute for it; Unicode has the letters.
func styled(style, s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case style == "mathcal" && r >= 'A' && r <= 'Z':
			if i := slices.Index([]rune("BEFHILMR"), r); i >= 0 {
				out.WriteRune([]rune("ℬℰℱℋℐℒℳℛ")[i])
			} else {
				out.WriteRune('𝒜' + r - 'A')
			}
		case style == "mathbf" && r >= '0' && r <= '9':
			out.WriteRune('𝟎' + r - '0')
		case style == "mathbf" && r >= 'A' && r <= 'Z':
			out.WriteRune('𝐀' + r - 'A')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// escapeHTML makes text of s that stays text in HTML and XML; what XML cannot hold becomes the replacement character.
func escapeHTML(s string) string {
	clean := strings.NewReplacer("\ufffe", "\ufffd", "\uffff", "\ufffd").Replace(printable(s))
	return html.EscapeString(strings.ToValidUTF8(clean, "\ufffd"))
}
