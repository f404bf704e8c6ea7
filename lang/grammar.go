package lang

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// problem is a diagnostic on its way out of the parser.
type problem struct {
	Span
	message, hint string
}

func (p *problem) Error() string { return p.message }

// errReported is the error of a token that the scanner has already reported.
type errReported struct{}

func (errReported) Error() string { return "reported" }

// production reads one T by the grammar in T's tags.
type production[T any] struct{ parser *participle.Parser[T] }

// Without look-ahead an optional part that has begun must be complete,
// so that an error stands where the reader sees it.
func newProduction[T any]() production[T] {
	return production[T]{participle.MustBuild[T](
		participle.Lexer(definition{}),
		participle.ParseTypeWith(parseExpr),
		participle.UseLookahead(0),
	)}
}

func (p production[T]) read(lex *lexer.PeekingLexer) (*T, error) {
	return p.parser.ParseFromLexer(lex, participle.AllowTrailing(true))
}

var (
	importHead = newProduction[Import]()
	fnHead     = newProduction[Fn]()
	ruleHead   = newProduction[Rule]()
	hyperHead  = newProduction[Hyper]()
	optionHead = newProduction[Option]()
	bindHead   = newProduction[Bind]()
	givenHead  = newProduction[Given]()
	probeHead  = newProduction[Probe]()
	assignHead = newProduction[Assign]()
	whenHead   = newProduction[When]()
	repeatHead = newProduction[Repeat]()
	untilHead  = newProduction[Until]()
	evalHead   = newProduction[Eval]()
	clearHead  = newProduction[Clear]()
	returnHead = newProduction[Return]()
)

// Parse reads a name where one is declared or assigned. It serves the grammar in the tags.
func (i *Ident) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if !isName(t) {
		if isWord(t) {
			lex.Next() // so that no optional part hides the error
			return reservedName(t)
		}
		return participle.NextMatch
	}
	lex.Next()
	*i = Ident{spanOf(t), t.Value}
	return nil
}

// Parse reads an extent. It serves the grammar in the tags.
func (e *Extent) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	e.Span = spanOf(t)
	if !isOp(t, "[") {
		return e.name(lex)
	}
	lex.Next()
	if err := e.name(lex); err != nil {
		return err
	}
	if comma := lex.Peek(); !isOp(comma, ",") {
		return expected("`,` between the two extents of a matrix", comma, "a matrix extent is `[row, col]`")
	}
	lex.Next()
	if err := e.name(lex); err != nil {
		return err
	}
	var err error
	e.End, err = closing(lex, t, "]")
	return err
}

func (e *Extent) name(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if !isName(t) {
		return expected("an extent after `per`", t, "extents are `model`, `group`, `tensor`, `row`, `col`, `elem`, `[row, row]` and the like")
	}
	lex.Next()
	e.Names = append(e.Names, t.Value)
	e.End = spanOf(t).End
	return nil
}

// storages are the formats a state can be kept in.
var storages = []string{"bf16", "f16", "q8"}

// Parse reads a storage. It serves the grammar in the tags.
func (s *Storage) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if !isName(t) || !slices.Contains(storages, t.Value) {
		hint := "storages are `bf16`, `f16` and `q8`"
		if near := Suggest(t.Value, storages); near != "" {
			hint = "did you mean `" + near + "`?"
		}
		return expected("a storage after `as`", t, hint)
	}
	lex.Next()
	*s = Storage{spanOf(t), t.Value, false}
	if t = lex.Peek(); isName(t) && t.Value == "sr" {
		lex.Next()
		s.Stochastic = true
		s.End = spanOf(t).End
	}
	return nil
}

const rangeForm = "a range is an interval such as `[0, 1)`, or integers such as `1..10`"

// Parse reads what follows `in`, where a bracket always opens an interval. It serves the grammar in the tags.
func (r *Range) Parse(lex *lexer.PeekingLexer) error {
	first := lex.Peek()
	if isOp(first, "(") || isOp(first, "[") {
		return r.interval(lex)
	}
	var err error
	if r.Lo, err = parseExpr(lex); err != nil {
		return err
	}
	if t := lex.Peek(); !isOp(t, "..") {
		return expected("`..`", t, rangeForm)
	}
	lex.Next()
	if r.Hi, err = parseExpr(lex); err != nil {
		return err
	}
	r.Integers = true
	r.Span = between(r.Lo, r.Hi)
	return nil
}

func (r *Range) interval(lex *lexer.PeekingLexer) error {
	open := lex.Next()
	var err error
	if r.Lo, err = parseExpr(lex); err != nil {
		return err
	}
	if t := lex.Peek(); !isOp(t, ",") {
		return expected("`,` between the ends of the interval", t, rangeForm)
	}
	lex.Next()
	if r.Hi, err = parseExpr(lex); err != nil {
		return err
	}
	t := lex.Peek()
	if !isOp(t, ")") && !isOp(t, "]") {
		return unclosed(t, open, ")` or `]")
	}
	lex.Next()
	r.OpenLo, r.OpenHi = open.Value == "(", t.Value == ")"
	r.Span = Span{startOf(open), spanOf(t).End}
	return nil
}

// forms shows how each kind of declaration and statement is written, but for those that are a word and a value.
var forms = map[string]string{
	"import": `import "file.opt"`,
	"fn":     "fn NAME(variables; parameters) = VALUE",
	"rule":   "rule NAME { ... }",
	"hyper":  "hyper NAME = DEFAULT in (LOW, HIGH)",
	"option": "option NAME = VALUE",
	"state":  "state NAME = VALUE",
	"let":    "let NAME = VALUE",
	"given":  "given NAME",
	"probe":  "probe NAME = grad at POINT",
	"repeat": "repeat i in 0..9 { ... }",
	"<-":     "NAME <- VALUE",
}

// wanted is what a grammar node that participle names is called by the reader.
var wanted = map[string]string{
	"Ident": "a name", "Expr": "a value", "Extent": "an extent", "Storage": "a storage",
	"Range": "a range", "Param": "a parameter", "<text>": `a file in quotes such as "file.opt"`,
}

// explain turns an error of the grammar into a problem; form is a key of forms.
func explain(err error, form string, tokens []lexer.Token) error {
	unexpected, ok := err.(*participle.UnexpectedTokenError)
	if !ok {
		return err
	}
	t := &unexpected.Unexpected
	if t.Type == tokBad {
		return errReported{}
	}
	node := grammarNode(unexpected.Message())
	hint := ""
	if f := forms[form]; f != "" {
		hint = "it is written `" + f + "`"
	}
	switch {
	case node == ")" && form == "fn" && isOp(t, "="):
		return &problem{spanOf(t), "a variable has no default", "only parameters have one, and they follow a `;`: `" + forms["fn"] + "`"}
	case node == ")" || node == "]":
		if open := openBracket(tokens, t); open != nil {
			return unclosed(t, open, node)
		}
	case node == "=" && isEnd(t):
		return &problem{spanOf(t), "the `" + form + "` has no value", hint}
	case node == "=" && isOp(t, "<-"):
		return &problem{spanOf(t), "a declaration gives its value with `=`, not `<-`", hint}
	case node == "=" && isWord(t) && t.Value == "per":
		hint = "the extent stands before the storage: `state NAME per row as bf16 = VALUE`"
	case node == "load":
		hint = "only a constant that the optimizer is built with is marked: `given NAME = load`"
	case node == "=" || node == "<-":
		if own := foreign[t.Value]; own.hint != "" && t.Type == tokOp {
			return &problem{spanOf(t), own.message, hint}
		}
	}
	name := wanted[node]
	if name == "" {
		name = "`" + node + "`"
	}
	if form == "probe" && node == "grad" {
		name = "`grad`, `loss` or `hvp`"
		if near := Suggest(t.Value, []string{"grad", "loss", "hvp"}); near != "" {
			hint = "did you mean `" + near + "`?"
		}
	}
	return expected(name, t, hint)
}

// grammarNode is the first symbol that participle would have taken.
func grammarNode(message string) string {
	_, node, _ := strings.Cut(message[max(0, strings.LastIndex(message, "(expected")):], "(expected")
	node = strings.TrimLeft(node, " (")
	if strings.HasPrefix(node, `"`) {
		node, _, _ = strings.Cut(node[1:], `"`)
		return node
	}
	return node[:len(node)-len(strings.TrimLeft(node, "<>abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
}

// openBracket is the bracket open at t, looked for backwards through its statement.
func openBracket(tokens []lexer.Token, t *lexer.Token) *lexer.Token {
	closed := 0
	for i := len(tokens) - 1; i >= 0; i-- {
		b := &tokens[i]
		switch {
		case b.Pos.Offset >= t.Pos.Offset || b.Type != tokOp:
		case b.Value == ")" || b.Value == "]":
			closed++
		case b.Value == "(" || b.Value == "[":
			if closed == 0 {
				return b
			}
			closed--
		}
	}
	return nil
}
