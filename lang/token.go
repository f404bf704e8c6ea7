package lang

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// Kinds of token. An End ends a statement: a newline or `;` that the layout rule keeps.
const (
	tokName lexer.TokenType = lexer.EOF - 1 - iota
	tokNumber
	tokText
	tokOp
	tokEnd
	tokDecl // import, fn or rule at the start of a line
	tokBad  // already reported
)

// definition tells participle the names of the kinds.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": lexer.EOF, "Name": tokName, "Number": tokNumber, "Text": tokText,
		"Op": tokOp, "End": tokEnd, "Decl": tokDecl, "Bad": tokBad,
	}
}

// Lex is asked for by participle's interface; Parse hands it tokens instead.
func (definition) Lex(name string, r io.Reader) (lexer.Lexer, error) {
	src, err := io.ReadAll(r)
	return newScanner(name, src, &sink{file: name}), err
}

// reserved are the words that cannot be names; the value tells where the word begins something.
var reserved = map[string]wordPlace{
	"import": beginsDecl, "fn": beginsDecl, "rule": beginsDecl,
	"hyper": beginsStmt, "option": beginsStmt, "state": beginsStmt, "let": beginsStmt,
	"when": beginsStmt, "repeat": beginsStmt, "until": beginsStmt, "probe": beginsStmt,
	"given": beginsStmt, "eval": beginsStmt, "clear": beginsStmt, "return": beginsStmt,
	"else": inside, "and": inside, "or": inside, "not": inside, "in": inside,
	"per": inside, "at": inside, "as": inside, "one": inside, "of": inside,
}

type wordPlace uint8

const (
	inside wordPlace = iota + 1
	beginsStmt
	beginsDecl
)

// Reserved reports whether a word cannot be a name.
func Reserved(word string) bool { return reserved[word] != 0 }

func isWord(t *lexer.Token) bool { return t.Type == tokName || t.Type == tokDecl }

func isName(t *lexer.Token) bool { return t.Type == tokName && reserved[t.Value] == 0 }

func isOp(t *lexer.Token, op string) bool { return t.Type == tokOp && t.Value == op }

func startOf(t *lexer.Token) Pos { return Pos{t.Pos.Offset, t.Pos.Line, t.Pos.Column} }

// spanOf is a token's place; no token crosses a line, and an End has no width.
func spanOf(t *lexer.Token) Span {
	start := startOf(t)
	end := start
	if t.Type != tokEnd {
		end.Offset += len(t.Value)
		end.Col += utf8.RuneCountInString(t.Value)
	}
	return Span{start, end}
}

// describe names a token in the reader's words.
func describe(t *lexer.Token) string {
	switch {
	case t.Type == lexer.EOF:
		return "the end of the file"
	case t.Type == tokEnd && t.Value == ";":
		return "`;`"
	case t.Type == tokEnd:
		return "the end of the line"
	case t.Type == tokText:
		return "the string " + shorten(t.Value)
	case isWord(t) && Reserved(t.Value):
		return "the reserved word `" + t.Value + "`"
	default:
		return "`" + shorten(t.Value) + "`"
	}
}

// shorten keeps messages to a line of printable text whatever the source holds.
func shorten(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}
