package lang

import (
	"fmt"

	"github.com/alecthomas/participle/v2/lexer"
)

// foreign are operators of other languages, and the language's own where they cannot stand.
var foreign = map[string]struct{ message, hint string }{
	"&&": {"`&&` is not an operator here", "write `and`"},
	"&":  {"`&` is not an operator here", "write `and`"},
	"||": {"`||` is not an operator here", "write `or`"},
	"|":  {"`|` is not an operator here", "write `or`, or `abs(u)` for a magnitude"},
	"!":  {"`!` is not an operator here", "write `not`"},
	"**": {"`**` is not an operator here", "write `^` for a power"},
	"=>": {"`=>` is not an operator here", "write `>=` for greater or equal"},
	":=": {"`:=` is not part of the language", "declare with `let NAME = VALUE`, give a new value with `<-`"},
	"+=": {"`+=` is not part of the language", "write `x <- x + ...`"},
	"-=": {"`-=` is not part of the language", "write `x <- x - ...`"},
	"*=": {"`*=` is not part of the language", "write `x <- x*...`"},
	"/=": {"`/=` is not part of the language", "write `x <- x/...`"},
	"%=": {"`%=` is not part of the language", "write `x <- x % ...`"},
	"^=": {"`^=` is not part of the language", "write `x <- x^...`"},
	"=":  {"`=` does not compare", "write `==`"},
	"<-": {"`<-` stands inside an expression", "write `a < -b`"},
}

// isEnd reports whether nothing of the statement follows.
func isEnd(t *lexer.Token) bool {
	return t.Type == tokEnd || t.Type == lexer.EOF || isOp(t, "}")
}

// expected is the plain error: what was wanted, and what stands there.
func expected(what string, t *lexer.Token, hint string) error {
	if t.Type == tokBad {
		return errReported{}
	}
	return &problem{spanOf(t), "expected " + what + ", found " + describe(t), hint}
}

// chainHint is said where two comparisons cannot be written out.
const chainHint = "join two comparisons with `and`"

func reservedName(t *lexer.Token) error {
	return &problem{spanOf(t), "`" + t.Value + "` is a reserved word and cannot be a name", ""}
}

// misplaced is the error of a token that is foreign, or nil.
func misplaced(t *lexer.Token) error {
	if t.Type == tokBad {
		return errReported{}
	}
	if own, ok := foreign[t.Value]; ok && t.Type == tokOp {
		return &problem{spanOf(t), own.message, own.hint}
	}
	return nil
}

// perHint is said where an extent stands in the wrong place of a call.
const perHint = "one `per E` follows the variables, before the `;`, as in `kth(u per row; k = 3)`"

// noOperand is the error of a token where an expression should begin.
func noOperand(t *lexer.Token) error {
	if isOp(t, "=") {
		return expected("a value", t, "`==` compares, `<-` gives a new value")
	}
	if err := misplaced(t); err != nil {
		return err
	}
	switch {
	case isOp(t, "'"):
		return expected("a value", t, "strings stand in double quotes; a transpose follows what it transposes")
	case isOp(t, "+"):
		return expected("a value", t, "there is no unary `+`: leave it out")
	case isOp(t, ")") || isOp(t, "]"):
		return expected("a value", t, "something is missing before the bracket, or it closes nothing")
	case isWord(t) && t.Value == "per":
		return expected("a value", t, perHint)
	case isWord(t) && t.Value == "one":
		return expected("a value", t, "`one of (a, b)` stands in an option only")
	}
	return expected("a value", t, "")
}

// unclosed is the error of a token where a bracket should close.
func unclosed(t, open *lexer.Token, bracket string) error {
	if err := misplaced(t); err != nil {
		return err
	}
	hint := ""
	if isWord(t) && t.Value == "per" {
		hint = perHint
	}
	if isOp(t, ";") {
		hint = "one `;` is enough, in a call or a fn's head: variables stand before it, parameters after it"
	}
	if startsOperand(t) {
		hint = "an operator or a comma may be missing before it"
	}
	where := fmt.Sprintf("`%s` to close the `%s` of %d:%d", bracket, open.Value, open.Pos.Line, open.Pos.Column)
	return expected(where, t, hint)
}

func startsOperand(t *lexer.Token) bool {
	return t.Type == tokNumber || t.Type == tokText || isName(t) || isOp(t, "(")
}

// trailing is the error of a token after a complete statement.
func trailing(t *lexer.Token) error {
	if err := misplaced(t); err != nil {
		return err
	}
	switch {
	case isOp(t, ")") || isOp(t, "]"):
		return &problem{spanOf(t), "`" + t.Value + "` closes nothing", ""}
	case isOp(t, ","):
		return &problem{spanOf(t), "a `,` stands outside brackets", "write one statement a line"}
	case isOp(t, "{"):
		return &problem{spanOf(t), "a block cannot stand here", "blocks follow `when`, `else`, `repeat`, `fn` and `rule`"}
	case isWord(t) && t.Value == "per":
		return &problem{spanOf(t), "`per` stands outside a call", "write it inside the call, `norm(g per model)`, or before the `=` of a `state` or `let`"}
	case isWord(t) && t.Value == "else":
		return &problem{spanOf(t), "this `else` belongs to no `when`", ""}
	case isWord(t) && Reserved(t.Value):
		return &problem{spanOf(t), describe(t) + " cannot stand here", ""}
	}
	hint := ""
	if startsOperand(t) {
		hint = "an operator may be missing before it (a product is written `a*b`)"
	}
	return expected("an operator or the end of the statement", t, hint)
}
