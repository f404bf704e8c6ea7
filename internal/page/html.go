package page

import (
	"fmt"
	"net/url"
	"strings"
)

// style needs nothing from outside; colours follow the reader's light or dark choice, and paper is white.
const style = `:root{color-scheme:light dark;--ink:#1c2128;--soft:#59636e;--line:#d1d9e0;--back:#fff;--code:#f5f7f9}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4af;--line:#3a434d;--back:#14181d;--code:#1d232a}}
body{margin:2.5rem auto;max-width:54rem;padding:0 1.25rem;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--back)}
h1{font-size:1.9rem;margin:0 0 .6rem}h2{font-size:1.2rem;margin:2.2rem 0 .7rem}
p{margin:.6rem 0;overflow-wrap:anywhere}a{color:inherit}
math{font-size:1.06em}
code,pre{font:.86em/1.5 ui-monospace,monospace}code{overflow-wrap:anywhere}
pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}
table.data td:first-child code{white-space:nowrap}
.scroll{overflow-x:auto;margin:.7rem 0}
table.data{border-collapse:collapse;min-width:60%;font-size:.94em}
table.data th{text-align:left;font-weight:600;border-bottom:2px solid var(--line)}
table.data td{border-bottom:1px solid var(--line)}
table.data th,table.data td{padding:.35rem 1.4rem .35rem 0;vertical-align:baseline}
table.data th:last-child,table.data td:last-child{padding-right:0}.scroll+p{margin-top:1.1rem}
table.data .number{text-align:right;white-space:nowrap}
.box{border-top:2px solid var(--ink);border-bottom:2px solid var(--ink);margin:1.6rem 0;padding-bottom:.2rem;overflow-x:auto}
.box .title{border-bottom:1px solid var(--ink);padding:.3rem 0}
.box .require{padding-left:.2rem}.box .rule{border-top:1px solid var(--line);margin:.3rem 0}
.box div{padding:.18rem 0}
.box .line{display:flex;gap:.8rem;align-items:baseline}
.box .line math{padding:.22em 0}
.box .count{flex:0 0 1.6rem;text-align:right;color:var(--soft);font-size:.85em;font-variant-numeric:tabular-nums}
.box .body{flex:1}
mtable.cases mtd{text-align:left;padding:.1em .5em .1em .2em}
@media print{:root{--ink:#000;--soft:#333;--line:#999;--back:#fff;--code:#fff}body{margin:0;max-width:none;font-size:11pt}
.box,table.data tr{break-inside:avoid}}
`

// htmlPage writes blocks as one file that is well-formed as XML too.
func htmlPage(title string, blocks []any) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n")
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n")
	b.WriteString("<title>" + escapeHTML(title) + "</title>\n<style>\n" + style + "</style>\n</head>\n<body>\n<main>\n")
	for _, block := range blocks {
		htmlBlock(&b, block)
	}
	b.WriteString("</main>\n</body>\n</html>\n")
	return []byte(b.String())
}

func htmlBlock(b *strings.Builder, block any) {
	switch block := block.(type) {
	case heading:
		fmt.Fprintf(b, "<h%d>%s</h%d>\n", block.level, htmlSpans(block.text), block.level)
	case paragraph:
		b.WriteString("<p>" + htmlSpans(block) + "</p>\n")
	case code:
		b.WriteString("<pre><code>" + escapeHTML(strings.TrimRight(block.text, "\n")) + "</code></pre>\n")
	case table:
		htmlTable(b, block)
	case algorithm:
		htmlBox(b, block)
	}
}

func htmlSpans(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		switch s.kind {
		case plainText:
			b.WriteString(escapeHTML(s.text))
		case codeText:
			if s.text != "" {
				b.WriteString("<code>" + escapeHTML(s.text) + "</code>")
			}
		case bold:
			b.WriteString("<strong>" + escapeHTML(s.text) + "</strong>")
		case formula:
			if s.math != nil {
				b.WriteString(mathML(s.math, s.wide))
			}
		case link:
			b.WriteString(`<a href="` + escapeHTML((&url.URL{Path: s.to}).String()) + `">` + escapeHTML(s.text) + "</a>")
		}
	}
	return b.String()
}

func htmlTable(b *strings.Builder, t table) {
	b.WriteString("<div class=\"scroll\"><table class=\"data\">\n<thead>")
	cells := func(name string, row [][]span) {
		b.WriteString("<tr>")
		for i, c := range row {
			class := ""
			if i >= len(row)-t.numbers {
				class = ` class="number"`
			}
			b.WriteString("<" + name + class + ">" + htmlSpans(c) + "</" + name + ">")
		}
		b.WriteString("</tr>")
	}
	cells("th", t.head)
	b.WriteString("</thead>\n<tbody>\n")
	for _, r := range t.rows {
		cells("td", r)
		b.WriteByte('\n')
	}
	b.WriteString("</tbody>\n</table></div>\n")
}

func htmlBox(b *strings.Builder, a algorithm) {
	b.WriteString("<div class=\"box\">\n<div class=\"title\">")
	if a.number > 0 {
		fmt.Fprintf(b, "<strong>Algorithm %d</strong> ", a.number)
	}
	b.WriteString(htmlSpans(a.title) + "</div>\n")
	for _, r := range a.require {
		b.WriteString("<div class=\"require\">" + htmlSpans(r) + "</div>\n")
	}
	if len(a.require) > 0 {
		b.WriteString("<div class=\"rule\"></div>\n")
	}
	number := 0
	for _, l := range a.lines {
		if !l.numbered {
			b.WriteString("<div class=\"require\">" + htmlSpans(l.text) + "</div>\n")
			continue
		}
		number++
		fmt.Fprintf(b, "<div class=\"line\"><span class=\"count\">%d</span><span class=\"body\" style=\"padding-left:%gem\">%s</span></div>\n",
			number, 1.5*float64(l.depth), htmlSpans(l.text))
	}
	b.WriteString("</div>\n")
}
