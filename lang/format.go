package lang

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lineWidth is where the formatter breaks lines.
const lineWidth = 100

// Format is the canonical text of a file: one statement a line, two spaces a level, the fewest
// parentheses, comments kept. It may be given a tree that was never text. Parsing the result gives
// the same tree; formatting it again changes nothing.
func Format(f *File) []byte {
	p := &printer{src: string(f.Source), comments: f.Comments, fresh: true}
	wasBlock := false
	for i, d := range f.Decls {
		block := isBlock(d)
		p.apart = i > 0 && (block || wasBlock)
		p.decl(d)
		wasBlock = block
	}
	p.apart = wasBlock
	p.comment(math.MaxInt, math.MaxInt)
	return []byte(p.b.String())
}

// isBlock reports whether a declaration has a body in braces.
func isBlock(d Decl) bool {
	switch d := d.(type) {
	case *Fn:
		return d.Value == nil
	case *Rule:
		return d.Value == nil
	}
	return false
}

// printer writes lines, putting comments back where their places say.
type printer struct {
	b        strings.Builder
	src      string
	comments []Comment // not yet written
	indent   int
	line     int  // of the source, where what was written last ended
	fresh    bool // nothing stands in this block yet
	apart    bool // a blank line is due before the next line
}

// startLine begins a line for what stood at a line of the source.
func (p *printer) startLine(line int) {
	if p.apart || !p.fresh && line > p.line+1 {
		p.b.WriteString("\n")
	}
	p.fresh, p.apart = false, false
	p.b.WriteString(strings.Repeat("  ", p.indent))
}

// comment writes the comments before an offset on lines of their own; those from within
// a statement count as standing on its first line.
func (p *printer) comment(before, first int) {
	for len(p.comments) > 0 && p.comments[0].Start.Offset < before {
		c := p.comments[0]
		p.comments = p.comments[1:]
		line := min(c.Start.Line, first)
		p.startLine(line)
		p.b.WriteString(commentText(c) + "\n")
		p.line = line
	}
}

// commentText shows that a comment documents nothing.
func commentText(c Comment) string {
	text := strings.TrimRight(c.Text, " \t\r")
	if strings.HasPrefix(text, "///") && !strings.HasPrefix(text, "////") {
		return text[1:]
	}
	return text
}

// endLine ends a line, after the comment that follows on the same line of the source.
func (p *printer) endLine(at Pos) {
	if p.followed(at) {
		p.b.WriteString(" " + commentText(p.comments[0]))
		p.comments = p.comments[1:]
	}
	p.b.WriteString("\n")
	p.line = at.Line
}

// followed reports whether nothing but a comment follows on the line.
func (p *printer) followed(at Pos) bool {
	if len(p.comments) == 0 {
		return false
	}
	c := p.comments[0].Start
	if c.Line != at.Line || at.Offset > c.Offset || c.Offset > len(p.src) {
		return false
	}
	between := strings.TrimPrefix(p.src[at.Offset:c.Offset], "else")
	return strings.Trim(between, "{; \t\r\v\f") == ""
}

// doc writes the /// lines above what begins at a line of the source.
func (p *printer) doc(text string, line int) {
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		p.startLine(line - len(lines) + i)
		p.b.WriteString(strings.TrimRight("/// "+l, " \t\r") + "\n")
		p.line = line - len(lines) + i
	}
}

func (p *printer) decl(d Decl) {
	switch d := d.(type) {
	case *Import:
		p.oneLine(d.Span, "", func(t *text) { t.put("import " + quote(d.Path)) })
	case *Fn:
		if d.Value != nil {
			p.oneLine(d.Span, d.Doc, func(t *text) { fnHeader(t, d); t.put(" = "); t.expr(d.Value, 0) })
			return
		}
		p.header(d.Span, d.open, d.Doc, func(t *text) { fnHeader(t, d); t.put(" {") })
		p.body(d.Body, d.End.Offset)
		p.close(d.End)
	case *Rule:
		if d.Value != nil {
			p.oneLine(d.Span, d.Doc, func(t *text) { t.put("rule " + d.Name.Name + " = "); t.expr(d.Value, 0) })
			return
		}
		p.header(d.Span, d.open, d.Doc, func(t *text) { t.put("rule " + d.Name.Name + " {") })
		p.body(d.Body, d.End.Offset)
		p.close(d.End)
	}
}

func fnHeader(t *text, d *Fn) {
	t.put("fn " + d.Name.Name)
	t.open("(")
	for i, v := range d.Vars {
		t.comma(i)
		t.put(v.Name)
	}
	for i, v := range d.Params {
		t.semicolon(i, len(d.Vars) > 0)
		t.put(v.Name.Name)
		if v.Default != nil {
			t.put(" = ")
			t.expr(v.Default, 0)
		}
	}
	t.close(")")
}

// oneLine writes what has no block.
func (p *printer) oneLine(at Span, doc string, write func(*text)) {
	p.comment(at.End.Offset, at.Start.Line)
	p.doc(doc, at.Start.Line)
	p.startLine(at.Start.Line)
	p.write(write)
	p.endLine(at.End)
}

// header writes the line that opens a block.
func (p *printer) header(at Span, open Pos, doc string, write func(*text)) {
	p.comment(open.Offset, at.Start.Line)
	p.doc(doc, at.Start.Line)
	p.startLine(at.Start.Line)
	p.write(write)
	p.endLine(open)
}

func (p *printer) write(write func(*text)) {
	t := new(text)
	write(t)
	p.b.WriteString(t.fold(2*p.indent, 2*p.indent+2))
}

// body writes the statements of a block that was opened, and the comments before its end.
func (p *printer) body(body []Stmt, end int) {
	p.indent++
	p.fresh = true
	for _, s := range body {
		p.stmt(s)
	}
	p.comment(end, math.MaxInt)
	p.indent--
	p.fresh = false
}

func (p *printer) close(at Pos) {
	p.b.WriteString(strings.Repeat("  ", p.indent) + "}")
	p.endLine(at)
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *When:
		p.when(s)
	case *Repeat:
		head := func(t *text) { repeatHeader(t, s) }
		if !p.short(s.Span, s.open, s.Body, head) {
			p.header(s.Span, s.open, "", func(t *text) { head(t); t.put(" {") })
			p.body(s.Body, s.End.Offset)
			p.close(s.End)
		}
	default:
		p.oneLine(s.Where(), docOf(s), func(t *text) { simple(t, s) })
	}
}

// when writes a chain of when and else.
func (p *printer) when(w *When) {
	head := func(t *text) { t.put("when "); t.expr(w.Cond, 0) }
	if !w.HasElse && p.short(w.Span, w.open, w.Then, head) {
		return
	}
	p.header(w.Span, w.open, "", func(t *text) { head(t); t.put(" {") })
	for {
		if !w.HasElse {
			p.body(w.Then, w.End.Offset)
			break
		}
		next := elseWhen(w)
		if next == nil {
			p.body(w.Then, w.elseAt.Offset)
			p.b.WriteString(strings.Repeat("  ", p.indent) + "} else {")
			p.endLine(w.elseAt)
			p.body(w.Else, w.End.Offset)
			break
		}
		p.body(w.Then, next.open.Offset)
		p.b.WriteString(strings.Repeat("  ", p.indent))
		p.write(func(t *text) { t.put("} else when "); t.expr(next.Cond, 0); t.put(" {") })
		p.endLine(next.open)
		w = next
	}
	p.close(w.End)
}

// elseWhen is the when of an `else when`. A when alone in the braces of an else ends before them.
func elseWhen(w *When) *When {
	if len(w.Else) != 1 {
		return nil
	}
	next, ok := w.Else[0].(*When)
	if !ok || next.End != w.End {
		return nil
	}
	return next
}

// short writes a block of at most one simple statement on one line if it stood so and fits.
func (p *printer) short(at Span, open Pos, body []Stmt, head func(*text)) bool {
	inside := len(p.comments) > 0 && p.comments[0].Start.Offset < at.End.Offset && p.lastBefore(at.End.Offset) > open.Offset
	if inside || len(body) > 1 || len(body) == 1 && (open.Line != at.End.Line || !isSimple(body[0])) {
		return false
	}
	t := new(text)
	head(t)
	t.put(" {")
	for _, s := range body {
		t.put(" ")
		simple(t, s)
		t.put(" ")
	}
	t.put("}")
	if len(body) > 0 && 2*p.indent+t.width() > lineWidth {
		return false
	}
	p.comment(at.End.Offset, at.Start.Line)
	p.startLine(at.Start.Line)
	p.b.WriteString(t.fold(2*p.indent, 2*p.indent+2))
	p.endLine(at.End)
	return true
}

// lastBefore is the offset of the last unwritten comment before an offset.
func (p *printer) lastBefore(end int) int {
	last := -1
	for _, c := range p.comments {
		if c.Start.Offset >= end {
			break
		}
		last = c.Start.Offset
	}
	return last
}

func isSimple(s Stmt) bool {
	switch s.(type) {
	case *When, *Repeat:
		return false
	}
	return docOf(s) == ""
}

func docOf(s Stmt) string {
	switch s := s.(type) {
	case *Hyper:
		return s.Doc
	case *Option:
		return s.Doc
	case *Bind:
		return s.Doc
	case *Given:
		return s.Doc
	}
	return ""
}

func repeatHeader(t *text, s *Repeat) {
	t.put("repeat ")
	if s.Var.Name != "" {
		t.put(s.Var.Name + " in ")
	}
	t.expr(s.From, 0)
	if s.To != nil {
		t.put("..")
		t.expr(s.To, 0)
	}
}

// simple writes a statement that has no block.
func simple(t *text, s Stmt) {
	switch s := s.(type) {
	case *Hyper:
		t.put("hyper " + s.Name.Name + " = ")
		t.expr(s.Default, 0)
		t.in(s.Range)
	case *Option:
		option(t, s)
	case *Bind:
		bind(t, s)
	case *Given:
		t.put("given " + s.Name.Name)
		t.per(" ", s.Per)
		if s.Load {
			t.put(" = load")
		}
	case *Probe:
		t.put("probe " + s.Name.Name + " = " + s.Kind)
		t.clause(" ", s.Vector)
		t.clause(" at ", s.At)
	case *Assign:
		t.put(s.Name.Name)
		t.index(s.Index)
		t.put(" <- ")
		t.expr(s.Value, 0)
	case *Until:
		t.clause("until ", s.Cond)
	case *Eval:
		t.clause("eval ", s.Value)
	case *Clear:
		t.put("clear " + s.Name.Name)
	case *Return:
		t.clause("return ", s.Value)
	}
}

func option(t *text, s *Option) {
	t.put("option " + s.Name.Name + " = ")
	if s.Default == nil {
		t.put("one of ")
		t.open("(")
		for i, c := range s.Choices {
			t.comma(i)
			t.put(c.Name)
		}
		t.close(")")
		return
	}
	if s.Kind != "" {
		t.put(s.Kind + " ")
	}
	t.expr(s.Default, 0)
	t.in(s.Range)
}

func bind(t *text, s *Bind) {
	word := "let "
	if s.State {
		word = "state "
	}
	t.put(word + s.Name.Name)
	t.index(s.Size)
	t.per(" ", s.Per)
	if s.As != nil {
		t.put(" as " + s.As.Format)
		if s.As.Stochastic {
			t.put(" sr")
		}
	}
	t.clause(" = ", s.Value)
}

// FormatExpr is the canonical text of an expression, on one line.
func FormatExpr(e Expr) string {
	t := new(text)
	t.expr(e, 0)
	return t.flat()
}

// text is a logical line: parts between which it may be broken.
type text struct {
	parts []part
	depth int // of brackets
}

type part struct {
	s     string
	rank  int // where a lower rank is found the line is broken there; 0 is no place for a break
	space bool
}

func (t *text) put(s string) {
	if n := len(t.parts); n > 0 && t.parts[n-1].rank == 0 {
		t.parts[n-1].s += s
		return
	}
	t.parts = append(t.parts, part{s: s})
}

// mayBreak lets the line be broken here.
func (t *text) mayBreak(space bool) {
	last := &t.parts[len(t.parts)-1]
	last.rank, last.space = 2*t.depth+1, space
	if !space {
		last.rank++
	}
}

func (t *text) open(bracket string) {
	t.put(bracket)
	t.depth++
}

func (t *text) close(bracket string) {
	t.depth--
	t.put(bracket)
}

// comma separates item i of a list from the one before.
func (t *text) comma(i int) {
	if i > 0 {
		t.put(",")
		t.mayBreak(true)
	}
}

// semicolon begins item i of the list of parameters, which follows variables or nothing.
func (t *text) semicolon(i int, after bool) {
	switch {
	case i > 0:
		t.comma(i)
	case after:
		t.put(";")
		t.mayBreak(true)
	default:
		t.put("; ")
	}
}

func (t *text) clause(word string, e Expr) {
	if e != nil {
		t.put(word)
		t.expr(e, 0)
	}
}

func (t *text) index(e Expr) {
	if e != nil {
		t.open("[")
		t.expr(e, 0)
		t.close("]")
	}
}

// per writes an extent after what stands before it, if anything.
func (t *text) per(before string, e *Extent) {
	if e != nil {
		t.put(before)
	}
	switch {
	case e == nil:
	case len(e.Names) == 1:
		t.put("per " + e.Names[0])
	default:
		t.put("per [" + strings.Join(e.Names, ", ") + "]")
	}
}

func (t *text) in(r *Range) {
	if r == nil {
		return
	}
	t.put(" in ")
	if r.Integers {
		t.expr(r.Lo, 0)
		t.put("..")
		t.expr(r.Hi, 0)
		return
	}
	open, end := "[", "]"
	if r.OpenLo {
		open = "("
	}
	if r.OpenHi {
		end = ")"
	}
	t.open(open)
	t.expr(r.Lo, 0)
	t.comma(1)
	t.expr(r.Hi, 0)
	t.close(end)
}

// expr writes an expression where least is the loosest precedence that needs no parentheses.
func (t *text) expr(e Expr, least int) {
	if precedence(e) < least {
		t.open("(")
		t.bare(e)
		t.close(")")
		return
	}
	t.bare(e)
}

// precedence is how tightly an expression's outermost operator binds.
func precedence(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		return infix[e.Op].Precedence
	case *Unary:
		if e.Op == "not" {
			return precNot
		}
		return precMinus
	case *Number:
		if numberText(e)[0] == '-' {
			return precMinus
		}
	}
	return precPostfix
}

func (t *text) bare(e Expr) {
	switch e := e.(type) {
	case *Number:
		t.put(numberText(e))
	case *Text:
		t.put(quote(e.Value))
	case *Name:
		t.put(e.Name)
	case *Unary:
		t.unary(e)
	case *Binary:
		t.binary(e)
	case *Transpose:
		t.expr(e.X, precPostfix)
		t.put("'")
	case *Index:
		t.indexed(e)
	case *Call:
		t.call(e)
	}
}

func (t *text) unary(e *Unary) {
	if e.Op == "not" {
		t.put("not ")
		t.expr(e.X, precNot)
		return
	}
	t.put("-")
	if precedence(e.X) == precMinus {
		t.put(" ") // `- -x` reads better than `--x`
	}
	t.expr(e.X, precMinus)
}

func (t *text) binary(e *Binary) {
	row := infix[e.Op]
	left, right := row.Precedence, row.Precedence+1
	switch {
	case row.Right:
		left, right = row.Precedence+1, precMinus
	case row.Compares:
		left++
	}
	t.expr(e.X, left)
	if row.Spaced {
		t.put(" ")
	}
	t.put(e.Op)
	t.mayBreak(row.Spaced)
	t.expr(e.Y, right)
}

func (t *text) indexed(e *Index) {
	if _, literal := e.X.(*Number); literal {
		t.open("(")
		t.bare(e.X)
		t.close(")")
	} else {
		t.expr(e.X, precPostfix)
	}
	t.index(e.I)
}

func (t *text) call(e *Call) {
	t.put(e.Fn.Name)
	if e.Prime {
		t.put("'")
	}
	t.open("(")
	for i, a := range e.Args {
		t.comma(i)
		t.expr(a, 0)
	}
	before := ""
	if len(e.Args) > 0 {
		before = " "
	}
	t.per(before, e.Per)
	for i, a := range e.Params {
		t.semicolon(i, len(e.Args) > 0 || e.Per != nil)
		if a.Name.Name != "" {
			t.put(a.Name.Name + " = ")
		}
		t.expr(a.Value, 0)
	}
	t.close(")")
}

// numberText is a literal as it was written, or the shortest for its value.
func numberText(e *Number) string {
	switch {
	case e.Literal != "":
		return e.Literal
	case math.IsInf(e.Value, 1):
		return "inf"
	case math.IsInf(e.Value, -1):
		return "-inf"
	case math.IsNaN(e.Value):
		return "(inf - inf)"
	}
	return strconv.FormatFloat(e.Value, 'g', -1, 64)
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (t *text) flat() string {
	var b strings.Builder
	for i, p := range t.parts {
		b.WriteString(p.s)
		if p.space && i < len(t.parts)-1 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func (p part) width() int {
	n := utf8.RuneCountInString(p.s)
	if p.space {
		n++
	}
	return n
}

func (t *text) width() int {
	n := 0
	for _, p := range t.parts {
		n += p.width()
	}
	return n
}

// fold breaks the line where it is too long; it begins at a column, lines after the first are indented.
func (t *text) fold(column, indent int) string {
	var b strings.Builder
	for rest := t.parts; len(rest) > 0; {
		n := fit(rest, lineWidth-column)
		line := text{parts: rest[:n]}
		b.WriteString(line.flat())
		rest = rest[n:]
		if len(rest) > 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		}
	}
	return b.String()
}

// fit is how many parts go on a line of a width: all that fit, or up to the last of the places
// for a break that lie in the fewest brackets.
func fit(parts []part, width int) int {
	best, rank, used := 0, math.MaxInt, 0
	for i, p := range parts {
		last := i == len(parts)-1
		used += p.width()
		over := used
		if p.space {
			over--
		}
		if over > width && best > 0 {
			return best
		}
		if last {
			return len(parts)
		}
		if p.rank > 0 && p.rank <= rank {
			best, rank = i+1, p.rank
		}
		if over > width {
			return i + 1
		}
	}
	return len(parts)
}
