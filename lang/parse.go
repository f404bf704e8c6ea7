package lang

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Parse reads a file: the tree of all declarations that parsed, and every diagnostic.
// A file with errors yields what is right in it.
func Parse(name string, src []byte) (*File, Diagnostics) {
	return parse(name, src, MaxDiagnostics)
}

// parse shows at most so many diagnostics.
func parse(name string, src []byte, most int) (*File, Diagnostics) {
	file := &File{Name: name, Source: src}
	out := &sink{file: name}
	if len(src) > MaxFileSize {
		at := Pos{0, 1, 1}
		out.add(Span{at, at}, fmt.Sprintf("the file has %d bytes; the limit is %d", len(src), MaxFileSize), "split it and `import` the parts")
		return file, out.done(most)
	}
	scan := newScanner(name, src, out)
	lex, err := lexer.Upgrade(scan)
	if err != nil {
		panic(err) // the scanner reports to out and returns no error
	}
	p := &parser{lex: lex, src: src, out: out, docs: newDocs(scan.comments)}
	p.tokens = lex.Range(0, lexer.RawCursor(scan.count))
	p.refused = checkLimits(p.tokens, out)
	file.Decls = p.decls()
	file.Comments = p.docs.rest()
	return file, out.done(most)
}

// parser reads declarations and blocks; heads of statements are read by the grammar in the tags.
type parser struct {
	lex     *lexer.PeekingLexer
	tokens  []lexer.Token
	src     []byte
	out     *sink
	docs    *docs
	refused map[int]bool // by checkLimits
	inRule  bool
}

func (p *parser) peek() *lexer.Token { return p.lex.Peek() }

// last is the end of the token before the next one.
func (p *parser) last() Pos { return spanOf(&p.tokens[p.lex.RawCursor()-1]).End }

// report gives an error to the reader.
func (p *parser) report(err error) {
	var at *problem
	if errors.As(err, &at) {
		p.out.add(at.Span, at.message, at.hint)
		return
	}
	if !errors.Is(err, errReported{}) {
		p.out.add(spanOf(p.peek()), err.Error(), "")
	}
}

func (p *parser) decls() []Decl {
	var decls []Decl
	for {
		t := p.peek()
		switch {
		case t.Type == lexer.EOF:
			return decls
		case p.refused[int(p.lex.RawCursor())]:
			p.skipDecl()
		case t.Type == tokEnd:
			p.lex.Next()
		case isWord(t) && reserved[t.Value] == beginsDecl:
			d, err := p.decl(t)
			if err != nil {
				p.report(err)
				p.skipDecl()
			} else if d != nil {
				decls = append(decls, d)
			}
		default:
			p.report(p.noDecl(t))
			p.skipDecl()
		}
	}
}

// skipDecl goes to the next line that begins a declaration.
func (p *parser) skipDecl() {
	for p.lex.Next(); p.peek().Type != tokDecl && p.peek().Type != lexer.EOF; {
		p.lex.Next()
	}
}

var declWords = []string{"import", "fn", "rule"}

// noDecl is the error of a token where a declaration should begin.
func (p *parser) noDecl(t *lexer.Token) error {
	const want = "`import`, `fn` or `rule`"
	switch {
	case t.Type == tokBad:
		return errReported{}
	case isOp(t, "}"):
		return &problem{spanOf(t), "this `}` closes nothing", ""}
	case isWord(t) && reserved[t.Value] == beginsStmt:
		return &problem{spanOf(t), "`" + t.Value + "` stands outside a rule or fn", ""}
	case isName(t) && aliases[t.Value] == "fn":
		return expected(want, t, "a function is written `"+forms["fn"]+"`")
	case isName(t):
		if near := Suggest(t.Value, declWords); near != "" {
			return expected(want, t, "did you mean `"+near+"`?")
		}
	}
	return expected(want, t, "")
}

// decl reads a declaration; it is nil when an error inside its body has been reported.
func (p *parser) decl(t *lexer.Token) (Decl, error) {
	before := p.out.total()
	var d Decl
	var err error
	switch t.Value {
	case "import":
		d, err = p.importDecl()
	case "fn":
		d, err = p.fnDecl(p.docs.above(t))
	default:
		d, err = p.ruleDecl(p.docs.above(t))
	}
	if err != nil {
		return nil, err
	}
	if next := p.peek(); next.Type != tokEnd && next.Type != tokDecl && next.Type != lexer.EOF {
		return nil, trailing(next)
	}
	if p.out.total() > before {
		return nil, nil
	}
	d.(interface{ setSpan(Span) }).setSpan(Span{startOf(t), p.last()})
	return d, nil
}

func (p *parser) importDecl() (Decl, error) {
	d, err := importHead.read(p.lex)
	if err != nil {
		return nil, p.explain(err, "import")
	}
	d.Path = unquote(d.Path)
	return d, nil
}

func (p *parser) fnDecl(doc string) (Decl, error) {
	d, err := fnHead.read(p.lex)
	if err != nil {
		return nil, p.explain(err, "fn")
	}
	d.Doc = doc
	p.inRule = false
	d.Body, d.open, err = p.body("fn", d.Value)
	return d, err
}

func (p *parser) ruleDecl(doc string) (Decl, error) {
	d, err := ruleHead.read(p.lex)
	if err != nil {
		return nil, p.explain(err, "rule")
	}
	d.Doc = doc
	p.inRule = true
	d.Body, d.open, err = p.body("rule", d.Value)
	return d, err
}

// body reads the block of a declaration that has no value.
func (p *parser) body(form string, value Expr) ([]Stmt, Pos, error) {
	t := p.peek()
	if value != nil {
		return nil, Pos{}, nil
	}
	if !isOp(t, "{") {
		hint := "it is written `" + forms[form] + "`"
		if isEnd(t) {
			return nil, Pos{}, &problem{spanOf(t), "the " + form + " has neither `= VALUE` nor a block", "a block's `{` stands on the same line"}
		}
		return nil, Pos{}, expected("`=` or `{`", t, hint)
	}
	return p.block()
}

func (p *parser) explain(err error, form string) error {
	from := max(0, int(p.lex.RawCursor())-2000)
	return explain(err, form, p.tokens[from:p.lex.RawCursor()])
}

// block reads { statements }. An error within is reported, and the next statement read.
func (p *parser) block() ([]Stmt, Pos, error) {
	open := p.lex.Next()
	stmts := []Stmt{}
	for {
		t := p.peek()
		switch {
		case t.Type == tokEnd:
			p.lex.Next()
		case isOp(t, "}"):
			p.lex.Next()
			return stmts, startOf(open), nil
		case t.Type == tokDecl || t.Type == lexer.EOF:
			p.out.add(spanOf(open), "this `{` is never closed", "")
			return stmts, startOf(open), nil
		default:
			s, err := p.stmt(t)
			if err != nil {
				p.report(err)
				p.skipStmt()
			} else {
				stmts = append(stmts, s)
			}
		}
	}
}

// skipStmt goes to the end of a statement in error; a block that belongs to it is read for its own errors.
func (p *parser) skipStmt() {
	for {
		t := p.peek()
		switch {
		case t.Type == tokEnd || t.Type == tokDecl || t.Type == lexer.EOF || isOp(t, "}"):
			return
		case isOp(t, "{"):
			if _, _, err := p.block(); err != nil {
				p.report(err)
			}
		default:
			p.lex.Next()
		}
	}
}

// stmt reads a statement and what must follow it.
func (p *parser) stmt(t *lexer.Token) (Stmt, error) {
	doc := ""
	if documented[t.Value] {
		doc = p.docs.above(t)
	}
	s, err := p.stmtHead(t, doc)
	if err != nil {
		return nil, p.explain(err, formOf(t))
	}
	if next := p.peek(); !isEnd(next) && next.Type != tokDecl {
		return nil, p.afterStmt(s, next)
	}
	s.(interface{ setSpan(Span) }).setSpan(Span{startOf(t), p.last()})
	return s, nil
}

// documented are the statements that keep the /// lines above them.
var documented = map[string]bool{"hyper": true, "option": true, "state": true, "let": true, "given": true}

func formOf(t *lexer.Token) string {
	if forms[t.Value] != "" {
		return t.Value
	}
	return "<-"
}

func (p *parser) afterStmt(s Stmt, t *lexer.Token) error {
	switch s.(type) {
	case *Hyper, *Option:
		if isOp(t, "(") || isOp(t, "[") {
			return &problem{spanOf(t), "`in` is missing before the interval", "it is written `" + forms["hyper"] + "`"}
		}
	}
	return trailing(t)
}

func (p *parser) stmtHead(t *lexer.Token, doc string) (Stmt, error) {
	if !isWord(t) || !Reserved(t.Value) {
		return p.assign(t)
	}
	switch t.Value {
	case "hyper":
		s, err := hyperHead.read(p.lex)
		s.Doc = doc
		return s, err
	case "option":
		return p.option(doc)
	case "state", "let":
		s, err := bindHead.read(p.lex)
		s.Doc = doc
		return s, err
	case "given":
		s, err := givenHead.read(p.lex)
		s.Doc = doc
		return s, err
	case "probe":
		return p.probe()
	case "when":
		return p.when()
	case "repeat":
		return p.repeat()
	case "until":
		s, err := untilHead.read(p.lex)
		return s, err
	case "eval":
		s, err := evalHead.read(p.lex)
		return s, err
	case "clear":
		s, err := clearHead.read(p.lex)
		return s, err
	case "return":
		if p.inRule {
			return nil, &problem{spanOf(t), "`return` stands in a rule", "a rule gives its result with `x <- ...`; `return` belongs to a fn"}
		}
		s, err := returnHead.read(p.lex)
		return s, err
	case "rule", "fn", "import":
		return nil, &problem{spanOf(t), "`" + t.Value + "` stands inside a block", "declarations stand at the top of a file, each on its own line"}
	}
	return nil, trailing(t)
}

func (p *parser) option(doc string) (Stmt, error) {
	s, err := optionHead.read(p.lex)
	if err != nil {
		return nil, err
	}
	s.Doc = doc
	if s.Kind != "" && s.Range != nil {
		return nil, &problem{s.Range.Span, "an option that holds a " + s.Kind + " has no range", ""}
	}
	return s, nil
}

func (p *parser) probe() (Stmt, error) {
	s, err := probeHead.read(p.lex)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Kind == "hvp" && s.Vector == nil:
		return nil, expected("the vector after `hvp`", p.peek(), "it is written `probe NAME = hvp VECTOR at POINT`")
	case s.Kind != "hvp" && s.Vector != nil:
		return nil, &problem{s.Vector.Where(), "`" + s.Kind + "` takes no vector", "the point follows `at`: `probe NAME = " + s.Kind + " at POINT`"}
	}
	return s, nil
}

// openBlock reads the block that must follow a head.
func (p *parser) openBlock(after string) ([]Stmt, Pos, error) {
	t := p.peek()
	if !isOp(t, "{") {
		if err := misplaced(t); err != nil {
			return nil, Pos{}, err
		}
		if isEnd(t) {
			return nil, Pos{}, &problem{spanOf(t), "the `" + after + "` has no block", "its `{` stands on the same line"}
		}
		hint := ""
		if after == "else" && t.Value == "if" {
			hint = "write `else when`"
		}
		return nil, Pos{}, expected("an operator or the `{` of the `"+after+"`", t, hint)
	}
	return p.block()
}

// when reads a chain of when and else without recursion along the chain.
func (p *parser) when() (Stmt, error) {
	first, err := p.whenHead()
	if err != nil {
		return nil, err
	}
	chain := []*When{first}
	for last := first; isWord(p.peek()) && p.peek().Value == "else"; {
		last.elseAt = startOf(p.lex.Next())
		last.HasElse = true
		if t := p.peek(); isWord(t) && t.Value == "when" {
			next, err := p.whenHead()
			if err != nil {
				return nil, err
			}
			last.Else = []Stmt{next}
			last = next
			chain = append(chain, next)
			continue
		}
		if last.Else, _, err = p.openBlock("else"); err != nil {
			return nil, err
		}
		break
	}
	for _, w := range chain {
		w.End = p.last()
	}
	return first, nil
}

// whenHead reads when COND { ... }.
func (p *parser) whenHead() (*When, error) {
	start := startOf(p.peek())
	w, err := whenHead.read(p.lex)
	if err != nil {
		return nil, p.explain(err, "when")
	}
	w.Start = start
	w.Then, w.open, err = p.openBlock("when")
	return w, err
}

func (p *parser) repeat() (Stmt, error) {
	r, err := repeatHead.read(p.lex)
	if err != nil {
		return nil, p.explain(err, "repeat")
	}
	if r.Var.Name != "" && r.To == nil {
		return nil, expected("`..`", p.peek(), "it is written `"+forms["repeat"]+"`")
	}
	if r.Var.Name == "" && r.To != nil {
		return nil, &problem{between(r.From, r.To), "a range needs a name to count with", "it is written `" + forms["repeat"] + "`"}
	}
	r.Body, r.open, err = p.openBlock("repeat")
	return r, err
}

// aliases are the words by which other languages begin what ours begins with the value.
var aliases = map[string]string{
	"if": "when", "elif": "else when", "elsif": "else when", "unless": "when not", "for": "repeat", "while": "repeat", "loop": "repeat",
	"var": "let", "const": "let", "val": "let", "param": "hyper", "break": "until",
	"def": "fn", "func": "fn", "function": "fn", "fun": "fn",
}

var stmtWords = []string{"hyper", "option", "state", "let", "when", "repeat", "until", "probe", "given", "eval", "clear", "return"}

// assign reads NAME <- VALUE, or says what else the line might have meant.
func (p *parser) assign(t *lexer.Token) (Stmt, error) {
	if !isName(t) {
		return nil, noStmt(t)
	}
	mark := p.lex.MakeCheckpoint()
	p.lex.Next()
	next := p.peek()
	p.lex.LoadCheckpoint(mark)
	switch {
	case isOp(next, "<-") || isOp(next, "["):
		s, err := assignHead.read(p.lex)
		return s, err
	case aliases[t.Value] != "" && (startsOperand(next) || isOp(next, "-") || isEnd(next) || isOp(next, "!") || isWord(next)):
		return nil, &problem{spanOf(t), "`" + t.Value + "` is not a word of the language", "write `" + aliases[t.Value] + "`"}
	case isOp(next, "="):
		return nil, &problem{spanOf(next), "`=` does not give a new value", "write `" + p.rewrite(t, next, "<-") + "`, or `let " + shorten(t.Value) + " = ...` to declare it"}
	case isOp(next, ":="):
		return nil, &problem{spanOf(next), foreign[":="].message, "write `let " + shorten(t.Value) + " = ...` to declare it, `" + shorten(t.Value) + " <- ...` to give a new value"}
	case next.Type == tokOp && len(next.Value) == 2 && next.Value[1] == '=' && foreign[next.Value].hint != "":
		return nil, &problem{spanOf(next), foreign[next.Value].message, compound(t, next)}
	case isName(next):
		if near := Suggest(t.Value, stmtWords); near != "" {
			return nil, &problem{spanOf(t), "`" + t.Value + "` begins no statement", "did you mean `" + near + "`?"}
		}
	case isEnd(next):
		return nil, &problem{spanOf(t), "a name alone is no statement", "give it a value with `" + shorten(t.Value) + " <- ...`"}
	}
	if err := misplaced(next); err != nil {
		return nil, err
	}
	return nil, &problem{spanOf(t), "expected a statement, found an expression", "a value is given with `NAME <- VALUE`"}
}

func noStmt(t *lexer.Token) error {
	if t.Type == tokBad {
		return errReported{}
	}
	return expected("a statement", t, "")
}

// rewrite is the statement from t on with the operator op in place of the one written.
func (p *parser) rewrite(t, written *lexer.Token, op string) string {
	rest := string(p.src[spanOf(written).End.Offset:min(len(p.src), spanOf(written).End.Offset+60)])
	rest, _, _ = strings.Cut(rest, "\n")
	rest, _, _ = strings.Cut(rest, ";")
	rest, _, _ = strings.Cut(rest, "}")
	rest, _, _ = strings.Cut(rest, "//")
	return shorten(t.Value) + " " + op + " " + shorten(strings.TrimSpace(rest))
}

// compound is the hint for x += e.
func compound(t, op *lexer.Token) string {
	name := shorten(t.Value)
	infixed := op.Value[:1]
	if infix[infixed].Spaced {
		infixed = " " + infixed + " "
	}
	return "write `" + name + " <- " + name + infixed + "...`"
}
