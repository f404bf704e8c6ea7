package page

import (
	"fmt"
	"net/url"
	"strings"
)

// markdownPage writes blocks as GitHub reads them. Formulas stand in $`...`$, within which Markdown changes nothing.
func markdownPage(blocks []any) []byte {
	var b strings.Builder
	for i, block := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch block := block.(type) {
		case heading:
			b.WriteString(strings.Repeat("#", block.level) + " " + markdownSpans(block.text) + "\n")
		case paragraph:
			text := markdownSpans(block)
			if block[0].kind == plainText {
				text = escapeLineStart(text)
			}
			b.WriteString(text + "\n")
		case code:
			b.WriteString(codeFence(block.language, block.text))
		case table:
			markdownTable(&b, block)
		case algorithm:
			markdownTable(&b, block.table())
		}
	}
	return []byte(b.String())
}

func markdownSpans(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		switch s.kind {
		case plainText:
			b.WriteString(markdownText(s.text))
		case codeText:
			if s.text != "" {
				b.WriteString(codeSpan(s.text))
			}
		case bold:
			b.WriteString(markdownBold(s.text))
		case formula:
			if s.math != nil {
				b.WriteString("$`" + size(s) + markdown.latex(s.math) + "`$")
			}
		case indent:
			b.WriteString(s.text)
		case link:
			b.WriteString("[" + escapeMarkdown(s.text) + "](" + (&url.URL{Path: s.to}).String() + ")")
		}
	}
	return b.String()
}

// markdownText keeps the spaces at the ends, which set a text off from what stands beside it.
func markdownText(s string) string {
	text := escapeMarkdown(s)
	if strings.HasPrefix(s, " ") {
		text = " " + text
	}
	if strings.HasSuffix(s, " ") && len(s) > 1 {
		text += " "
	}
	return text
}

func markdownBold(s string) string {
	text := strings.TrimSpace(s)
	return strings.Replace(s, text, "**"+escapeMarkdown(text)+"**", 1)
}

func markdownTable(b *strings.Builder, t table) {
	line := func(cells [][]span) {
		b.WriteByte('|')
		for _, c := range cells {
			b.WriteString(" " + markdownSpans(c) + " |")
		}
		b.WriteByte('\n')
	}
	line(t.head)
	b.WriteByte('|')
	for i := range t.head {
		if i >= len(t.head)-t.numbers {
			b.WriteString(" ---: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	b.WriteByte('\n')
	for _, r := range t.rows {
		line(r)
	}
}

// table is a box as a table: the numbers of the lines, then the lines, shifted by their depth.
func (a algorithm) table() table {
	title := a.title
	if a.number > 0 {
		title = append([]span{strong(fmt.Sprintf("Algorithm %d ", a.number))}, title...)
	}
	t := table{head: [][]span{nil, title}}
	for _, r := range a.require {
		t.rows = append(t.rows, [][]span{nil, r})
	}
	number := 0
	for _, l := range a.lines {
		count := []span(nil)
		if l.numbered {
			number++
			count = plain(fmt.Sprint(number))
		}
		text := append([]span{{kind: indent, text: strings.Repeat("&emsp;", l.depth)}}, l.text...)
		t.rows = append(t.rows, [][]span{count, text})
	}
	return t
}
