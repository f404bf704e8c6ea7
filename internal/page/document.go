package page

import (
	"fmt"
	"strings"
)

// preamble names only packages of every TeX distribution, so that the document compiles wherever one is.
const preamble = `\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage{amsmath,amssymb}
\usepackage{array,longtable}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\emergencystretch}{3em}
\newcounter{line}
% A box of an algorithm: a title between rules, what it requires, numbered lines.
\newenvironment{algorithmbox}[1]%
 {\par\medskip\setcounter{line}{0}\hrule height 0.8pt\vspace{3pt}#1\par\vspace{3pt}\hrule\vspace{3pt}\raggedright}%
 {\par\vspace{3pt}\hrule height 0.8pt\medskip}
\newcommand{\require}[1]{\hangindent=2em\hangafter=1\noindent #1\par}
\newcommand{\step}[2]{\stepcounter{line}\hangindent=\dimexpr 4em+#1\relax\hangafter=1\noindent
 \makebox[2em][r]{\footnotesize\arabic{line}:}\hspace{\dimexpr 0.6em+#1\relax}#2\par}
`

// latexPage writes blocks as a document.
func latexPage(title string, blocks []any) []byte {
	var b strings.Builder
	b.WriteString(preamble + "\\title{" + escapeTeX(title) + "}\n\\begin{document}\n")
	for _, block := range blocks {
		latexBlock(&b, block)
	}
	b.WriteString("\\end{document}\n")
	return []byte(b.String())
}

func latexBlock(b *strings.Builder, block any) {
	switch block := block.(type) {
	case heading:
		command := []string{`\section*`, `\subsection*`}[min(block.level, 2)-1]
		b.WriteString("\n" + command + "{" + latexSpans(block.text) + "}\n")
	case paragraph:
		b.WriteString("\n" + latexSpans(block) + "\n")
	case code:
		latexCode(b, block.text)
	case table:
		latexTable(b, block)
	case algorithm:
		latexBox(b, block)
	}
}

func latexSpans(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		switch s.kind {
		case plainText:
			b.WriteString(escapeTeX(s.text))
		case codeText:
			b.WriteString(`\texttt{` + breakable(escapeTeX(s.text)) + "}")
		case bold:
			b.WriteString(`\textbf{` + escapeTeX(s.text) + "}")
		case formula:
			if s.math != nil {
				b.WriteString("$" + size(s) + document.latex(s.math) + "$")
			}
		case link:
			b.WriteString(`\texttt{` + breakable(escapeTeX(s.text)) + "}")
		}
	}
	return b.String()
}

// size makes the fractions of a wide formula as large as those of one that stands alone.
func size(s span) string {
	if s.wide && tall(s.math) {
		return `\displaystyle `
	}
	return ""
}

// breakable lets a long name break after an underscore.
func breakable(s string) string { return strings.ReplaceAll(s, `\_`, `\_\allowbreak{}`) }

// latexCode writes lines as they are, without a verbatim environment, which a text could end.
func latexCode(b *strings.Builder, text string) {
	b.WriteString("\n{\\footnotesize\\ttfamily\\raggedright\\setlength{\\parskip}{0pt}\n")
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		fmt.Fprintf(b, "\\hangindent=4em\\noindent\\mbox{}%s%s\\par\n", strings.Repeat("~", indent), escapeTeX(body))
	}
	b.WriteString("}\n")
}

// latexTable gives short columns their width and the longest one the rest.
func latexTable(b *strings.Builder, t table) {
	n := len(t.head)
	widths := columnWidths(t)
	b.WriteString("\n{\\small\\setlength{\\tabcolsep}{3pt}\n\\begin{longtable}[l]{")
	for i, w := range widths {
		align := `\raggedright`
		if i >= n-t.numbers {
			align = `\raggedleft`
		}
		fmt.Fprintf(b, ">{%s\\arraybackslash}p{%.3f\\linewidth}", align, w)
	}
	b.WriteString("}\n\\hline\n")
	line := func(cells [][]span) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(latexSpans(c))
		}
		b.WriteString(" \\\\\n")
	}
	line(t.head)
	b.WriteString("\\hline\n\\endhead\n")
	for _, r := range t.rows {
		line(r)
	}
	b.WriteString("\\hline\n\\end{longtable}}\n")
}

// columnWidths shares the line by the longest text of each column, of which long ones count less.
func columnWidths(t table) []float64 {
	widths := make([]float64, len(t.head))
	total := 0.0
	for i := range t.head {
		longest := width(t.head[i])
		for _, r := range t.rows {
			longest = max(longest, width(r[i]))
		}
		widths[i] = float64(min(max(longest, 5), 40))
		total += widths[i]
	}
	for i := range widths {
		widths[i] *= (0.96 - 0.012*float64(len(widths))) / total
	}
	return widths
}

func width(spans []span) int {
	n := 0
	for _, s := range spans {
		n += len(s.text)
		if s.math != nil {
			n += letters(s.math)
		}
	}
	return n
}

// letters is how many a formula shows, about.
func letters(n *Node) int {
	sum := 0
	if n.Kind == Word || n.Kind == Number || n.Kind == Prose {
		sum = len(n.Text)
	} else if len(n.Kids) == 0 {
		sum = 1
	}
	for _, k := range n.Kids {
		sum += letters(k)
	}
	return sum
}

func latexBox(b *strings.Builder, a algorithm) {
	title := latexSpans(a.title)
	if a.number > 0 {
		title = fmt.Sprintf("\\textbf{Algorithm %d} ", a.number) + title
	}
	b.WriteString("\n\\begin{algorithmbox}{" + title + "}\n")
	for _, r := range a.require {
		b.WriteString("\\require{" + latexSpans(r) + "}\n")
	}
	for _, l := range a.lines {
		if l.numbered {
			fmt.Fprintf(b, "\\step{%.1fem}{%s}\n", 1.5*float64(l.depth), latexSpans(l.text))
		} else {
			b.WriteString("\\require{" + latexSpans(l.text) + "}\n")
		}
	}
	b.WriteString("\\end{algorithmbox}\n")
}
