package lang

import (
	"strconv"

	"github.com/alecthomas/participle/v2/lexer"
)

// operator is a row of the infix table.
type operator struct {
	Precedence int  // a higher one binds tighter
	Right      bool // the chain a^b^c is a^(b^c), and the right operand may be a unary
	Compares   bool // does not chain
	Spaced     bool // printed with spaces around it
}

// Precedences of what is not infix.
const (
	precNot     = 3
	precMinus   = 7
	precPostfix = 9
)

// infix is the one table of infix operators.
var infix = map[string]operator{
	"or":  {Precedence: 1, Spaced: true},
	"and": {Precedence: 2, Spaced: true},
	"<":   {Precedence: 4, Compares: true, Spaced: true},
	"<=":  {Precedence: 4, Compares: true, Spaced: true},
	">":   {Precedence: 4, Compares: true, Spaced: true},
	">=":  {Precedence: 4, Compares: true, Spaced: true},
	"==":  {Precedence: 4, Compares: true, Spaced: true},
	"!=":  {Precedence: 4, Compares: true, Spaced: true},
	"+":   {Precedence: 5, Spaced: true},
	"-":   {Precedence: 5, Spaced: true},
	"*":   {Precedence: 6},
	"/":   {Precedence: 6},
	"%":   {Precedence: 6, Spaced: true},
	"@":   {Precedence: 6},
	"^":   {Precedence: 8, Right: true},
}

// isInfix reports whether a line that begins with t continues the line above it.
func isInfix(t *lexer.Token) bool {
	if t.Type != tokOp && t.Type != tokName {
		return false
	}
	_, ok := infix[t.Value]
	return ok || isOp(t, "..")
}

// parseExpr reads one expression. Its recursion is bounded: checkLimits has seen the tokens.
func parseExpr(lex *lexer.PeekingLexer) (Expr, error) { return climb(lex, 0) }

// climb reads operands joined by operators that bind at least as tightly as least.
func climb(lex *lexer.PeekingLexer, least int) (Expr, error) {
	left, err := prefix(lex, least)
	for err == nil {
		t := lex.Peek()
		if !isInfix(t) || infix[t.Value].Precedence < max(least, 1) {
			break
		}
		left, err = join(lex, left)
	}
	return left, err
}

// join reads an operator and its right operand.
func join(lex *lexer.PeekingLexer, left Expr) (Expr, error) {
	t := lex.Next()
	row := infix[t.Value]
	tight := row.Precedence + 1
	if row.Right {
		tight = row.Precedence
	}
	right, err := climb(lex, tight)
	if err != nil {
		return nil, err
	}
	if next := lex.Peek(); row.Compares && isInfix(next) && infix[next.Value].Compares {
		return nil, chained(lex, left, t, right)
	}
	return &Binary{between(left, right), t.Value, spanOf(t), left, right}, nil
}

// chained is the error of a < b < c.
func chained(lex *lexer.PeekingLexer, a Expr, op *lexer.Token, b Expr) error {
	next := lex.Next()
	hint := chainHint
	if c, err := climb(lex, precNot+2); err == nil {
		hint = "write `" + FormatExpr(a) + " " + op.Value + " " + FormatExpr(b) +
			" and " + FormatExpr(b) + " " + next.Value + " " + FormatExpr(c) + "`"
	}
	if len(hint) > 120 {
		hint = chainHint
	}
	return &problem{spanOf(next), "comparisons do not chain", hint}
}

func between(a, b Expr) Span { return Span{a.Where().Start, b.Where().End} }

// prefix reads a unary operator and what it applies to, or a postfix expression.
func prefix(lex *lexer.PeekingLexer, least int) (Expr, error) {
	t := lex.Peek()
	operand := precMinus + 1
	switch {
	case isOp(t, "-"):
	case t.Type == tokName && t.Value == "not":
		if least > precNot {
			return nil, &problem{spanOf(t), "`not` binds looser than the operator before it", "put it in parentheses: `(not ...)`"}
		}
		operand = precNot
	default:
		return postfix(lex)
	}
	lex.Next()
	x, err := climb(lex, operand)
	if err != nil {
		return nil, err
	}
	return &Unary{Span{startOf(t), x.Where().End}, t.Value, x}, nil
}

// postfix reads an operand with its transposes and indices.
func postfix(lex *lexer.PeekingLexer) (Expr, error) {
	literal := lex.Peek().Type == tokNumber
	x, err := operand(lex)
	for err == nil {
		t := lex.Peek()
		start := x.Where().Start
		switch {
		case isOp(t, "'"):
			lex.Next()
			x = &Transpose{Span{start, spanOf(t).End}, x}
		case isOp(t, "[") && !literal:
			lex.Next()
			var i Expr
			if i, err = parseExpr(lex); err != nil {
				break
			}
			var end Pos
			end, err = closing(lex, t, "]")
			x = &Index{Span{start, end}, x, i}
		default:
			return x, nil
		}
		literal = false
	}
	return nil, err
}

// closing takes the bracket that closes open.
func closing(lex *lexer.PeekingLexer, open *lexer.Token, bracket string) (Pos, error) {
	t := lex.Peek()
	if !isOp(t, bracket) {
		return Pos{}, unclosed(t, open, bracket)
	}
	return spanOf(lex.Next()).End, nil
}

func operand(lex *lexer.PeekingLexer) (Expr, error) {
	t := lex.Peek()
	switch {
	case t.Type == tokNumber:
		lex.Next()
		v, _ := strconv.ParseFloat(t.Value, 64) // the scanner has refused what overflows
		return &Number{spanOf(t), t.Value, v}, nil
	case t.Type == tokText:
		lex.Next()
		return &Text{spanOf(t), unquote(t.Value)}, nil
	case isName(t):
		lex.Next()
		return nameOrCall(lex, t)
	case isOp(t, "("):
		lex.Next()
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		end, err := closing(lex, t, ")")
		if err != nil {
			return nil, err
		}
		return widen(x, Span{startOf(t), end}), nil
	}
	return nil, noOperand(t)
}

// widen gives an expression the span of the parentheses around it.
func widen(x Expr, s Span) Expr {
	x.(interface{ setSpan(Span) }).setSpan(s)
	return x
}

func (s *Span) setSpan(to Span) { *s = to }

func nameOrCall(lex *lexer.PeekingLexer, t *lexer.Token) (Expr, error) {
	if isOp(lex.Peek(), "(") {
		return call(lex, t, false)
	}
	if isOp(lex.Peek(), "'") {
		mark := lex.MakeCheckpoint()
		lex.Next()
		if isOp(lex.Peek(), "(") {
			return call(lex, t, true)
		}
		lex.LoadCheckpoint(mark)
	}
	return &Name{spanOf(t), t.Value}, nil
}

// call reads ( [exprs] [per extent] [; args] ) after a function's name.
func call(lex *lexer.PeekingLexer, name *lexer.Token, prime bool) (Expr, error) {
	open := lex.Next()
	c := &Call{Fn: Ident{spanOf(name), name.Value}, Prime: prime}
	if err := callArgs(lex, c); err != nil {
		return nil, err
	}
	if t := lex.Peek(); isWord(t) && t.Value == "per" {
		lex.Next()
		c.Per = new(Extent)
		if err := c.Per.Parse(lex); err != nil {
			return nil, err
		}
		if t := lex.Peek(); isOp(t, ",") {
			return nil, expected("`;` or `)` after the extent", t, "variables stand before `per`, parameters after a `;`")
		}
	}
	if isOp(lex.Peek(), ";") {
		lex.Next()
		if err := callParams(lex, c); err != nil {
			return nil, err
		}
	}
	end, err := closing(lex, open, ")")
	c.Span = Span{startOf(name), end}
	return c, err
}

// callArgs reads the variables.
func callArgs(lex *lexer.PeekingLexer, c *Call) error {
	if t := lex.Peek(); isOp(t, ")") || isOp(t, ";") || isWord(t) && t.Value == "per" {
		return nil
	}
	for {
		x, err := parseExpr(lex)
		if err != nil {
			return err
		}
		c.Args = append(c.Args, x)
		t := lex.Peek()
		if name, ok := x.(*Name); ok && isOp(t, "=") {
			return &problem{spanOf(t), "an argument given by name stands before the `;`",
				"parameters follow a `;`: `" + shorten(c.Fn.Name) + "(...; " + shorten(name.Name) + " = ...)`"}
		}
		if !isOp(t, ",") {
			return nil
		}
		lex.Next()
	}
}

// callParams reads what follows the semicolon.
func callParams(lex *lexer.PeekingLexer, c *Call) error {
	for {
		arg, err := argument(lex)
		if err != nil {
			return err
		}
		c.Params = append(c.Params, arg)
		if !isOp(lex.Peek(), ",") {
			return nil
		}
		lex.Next()
	}
}

func argument(lex *lexer.PeekingLexer) (Arg, error) {
	var arg Arg
	if t := lex.Peek(); isName(t) {
		mark := lex.MakeCheckpoint()
		lex.Next()
		if isOp(lex.Peek(), "=") {
			lex.Next()
			arg.Name = Ident{spanOf(t), t.Value}
		} else {
			lex.LoadCheckpoint(mark)
		}
	}
	var err error
	arg.Value, err = parseExpr(lex)
	return arg, err
}
