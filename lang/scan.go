package lang

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// operators, longest first where one begins another. Those that are not the language's own
// are lexed whole so that the parser can say what to write instead.
var operators = []string{
	"<-", "<=", ">=", "==", "!=", "..",
	"&&", "||", "**", ":=", "+=", "-=", "*=", "/=", "%=", "^=", "=>",
	"+", "-", "*", "/", "%", "@", "^", "'", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ";", "!", "&", "|",
}

// lookalikes are characters that editors and papers put where the language wants another.
var lookalikes = map[rune]string{
	'−': "-", '–': "-", '—': "-", '×': "*", '·': "*", '⋅': "*", '∗': "*", '÷': "/",
	'≤': "<=", '≥': ">=", '≠': "!=", '←': "<-", '∞': "inf", '√': "sqrt(...)",
	'“': `"`, '”': `"`, '„': `"`, '‘': "'", '’': "'", '′': "'", '²': "^2", '³': "^3", '½': "0.5",
	'~': "not", '∧': "and", '∨': "or", '¬': "not",
}

// scanner turns source into tokens and applies the layout rule between them.
type scanner struct {
	file     string
	src      string
	at       Pos // of the next rune
	out      *sink
	comments []scannedComment

	count     int // of tokens given
	depth     int // of open ( and [
	prev      lexer.Token
	held      lexer.Token  // the token after an End
	holding   bool         // held is still to be given
	ahead     *lexer.Token // scanned, not yet laid out
	aheadLine bool         // ahead is the first of its line
}

type scannedComment struct {
	Comment
	own bool // nothing stands before it on its line
}

func newScanner(file string, src []byte, out *sink) *scanner {
	s := &scanner{file: file, src: string(src), at: Pos{0, 1, 1}, out: out}
	s.src = strings.TrimPrefix(s.src, "\ufeff")
	if skipped := len(src) - len(s.src); skipped > 0 {
		s.src = string(src)
		s.at.Offset = skipped
	}
	s.prev.Type = tokEnd
	return s
}

// Next is the next token after layout.
func (s *scanner) Next() (lexer.Token, error) {
	t := s.held
	if !s.holding {
		t = s.layout()
	} else {
		s.holding = false
	}
	s.prev = t
	s.count++
	return t, nil
}

// layout is the next token, or the End that is due before it; then the token is held.
func (s *scanner) layout() lexer.Token {
	t, first := s.raw()
	if first && t.Type == tokName && reserved[t.Value] == beginsDecl {
		t.Type = tokDecl
	}
	begins := first && s.beginsStmt(&t)
	if begins || t.Type == lexer.EOF || isOp(&t, "{") || isOp(&t, "}") {
		s.depth = 0 // what stands here stands in no bracket: one was forgotten
	}
	if t.Type == lexer.EOF && s.count > 0 {
		t.Pos = s.endOfPrev()
	}
	due := s.prev.Type != tokEnd && (begins || first && s.endDue(&t))
	s.bracket(&t)
	if due {
		s.held, s.holding = t, true
		return lexer.Token{Type: tokEnd, Value: "\n", Pos: s.endOfPrev()}
	}
	return t
}

// bracket counts brackets; a semicolon outside them is an End.
func (s *scanner) bracket(t *lexer.Token) {
	if t.Type != tokOp {
		return
	}
	switch t.Value {
	case "(", "[":
		s.depth++
	case ")", "]":
		s.depth = max(0, s.depth-1)
	case ";":
		if s.depth == 0 {
			t.Type = tokEnd
		}
	}
}

// beginsStmt reports whether the first token of a line cannot belong to the line before.
func (s *scanner) beginsStmt(t *lexer.Token) bool {
	switch {
	case t.Type == tokDecl || isOp(t, "}"):
		return true
	case t.Type != tokName:
		return false
	case Reserved(t.Value):
		return reserved[t.Value] == beginsStmt
	}
	return isOp(s.peekRaw(), "<-")
}

// endDue reports whether the line that ended before t ended a statement.
func (s *scanner) endDue(t *lexer.Token) bool {
	if s.depth > 0 || t.Type == lexer.EOF || continues(&s.prev) {
		return false
	}
	return !isInfix(t) && !(t.Type == tokName && t.Value == "else")
}

// continues reports whether a line that ends in t goes on.
func continues(t *lexer.Token) bool {
	switch t.Type {
	case tokOp:
		switch t.Value {
		case ")", "]", "}", "'":
			return false
		}
		return true
	case tokName:
		return t.Value == "and" || t.Value == "or" || t.Value == "not"
	}
	return false
}

func (s *scanner) endOfPrev() lexer.Position {
	end := spanOf(&s.prev).End
	return lexer.Position{Filename: s.file, Offset: end.Offset, Line: end.Line, Column: end.Col}
}

// raw is the next token before layout, and whether a line ended before it.
func (s *scanner) raw() (lexer.Token, bool) {
	if s.ahead != nil {
		t := *s.ahead
		s.ahead = nil
		return t, s.aheadLine
	}
	return s.scan()
}

func (s *scanner) peekRaw() *lexer.Token {
	if s.ahead == nil {
		t, first := s.scan()
		s.ahead, s.aheadLine = &t, first
	}
	return s.ahead
}

func (s *scanner) rest() string { return s.src[s.at.Offset:] }

// advance moves over n bytes of one line.
func (s *scanner) advance(n int) string {
	text := s.src[s.at.Offset : s.at.Offset+n]
	s.at.Offset += n
	s.at.Col += utf8.RuneCountInString(text)
	return text
}

// scan skips space and comments and reads one token.
func (s *scanner) scan() (lexer.Token, bool) {
	first := s.at.Offset == 0 || s.at.Line == 1 && s.at.Col == 1
	for {
		rest := s.rest()
		switch {
		case strings.HasPrefix(rest, "\n"):
			s.at = Pos{s.at.Offset + 1, s.at.Line + 1, 1}
			first = true
		case rest != "" && strings.ContainsRune(" \t\r\v\f", rune(rest[0])):
			s.advance(1)
		case strings.HasPrefix(rest, "//"):
			s.comment(first)
		default:
			pos := lexer.Position{Filename: s.file, Offset: s.at.Offset, Line: s.at.Line, Column: s.at.Col}
			kind, value := s.token(rest)
			return lexer.Token{Type: kind, Value: value, Pos: pos}, first
		}
	}
}

func (s *scanner) comment(own bool) {
	start := s.at
	line, _, _ := strings.Cut(s.rest(), "\n")
	s.badBytes(line)
	text := strings.TrimRight(s.advance(len(line)), " \t\r")
	end := start
	end.Offset += len(text)
	end.Col += utf8.RuneCountInString(text)
	s.comments = append(s.comments, scannedComment{Comment{Span{start, end}, text}, own})
}

// badBytes reports the first byte that is no text in a comment or string that begins here.
func (s *scanner) badBytes(text string) {
	for i, r := range text {
		_, n := utf8.DecodeRuneInString(text[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			at := s.at
			at.Offset += i
			at.Col += utf8.RuneCountInString(text[:i])
			end := at
			end.Offset++
			end.Col++
			s.out.add(Span{at, end}, notText(text[i:]), "")
			return
		}
	}
}

func notText(rest string) string {
	if rest[0] == 0 {
		return "a NUL byte is not text"
	}
	return fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])
}

// token reads one token at the start of rest, which does not begin with space.
func (s *scanner) token(rest string) (lexer.TokenType, string) {
	if rest == "" {
		return lexer.EOF, ""
	}
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r >= '0' && r <= '9':
		return s.number(rest)
	case isNameStart(r):
		return tokName, s.advance(nameLen(rest))
	case r == '"':
		return s.text(rest)
	}
	if strings.HasPrefix(rest, "/*") {
		return s.bad(2, "comments do not begin with `/*`", "begin each line of a comment with `//`")
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return tokOp, s.advance(len(op))
		}
	}
	return s.stray(rest)
}

func isNameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func nameLen(rest string) int {
	for i, r := range rest {
		if !isNameStart(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(rest)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// numberLen is the length of digits[.digits][e±digits].
func numberLen(s string) int {
	n := digits(s)
	if n < len(s) && s[n] == '.' {
		if d := digits(s[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		sign := 0
		if n+1 < len(s) && (s[n+1] == '+' || s[n+1] == '-') {
			sign = 1
		}
		if d := digits(s[n+1+sign:]); d > 0 {
			n += 1 + sign + d
		}
	}
	return n
}

func (s *scanner) number(rest string) (lexer.TokenType, string) {
	n := numberLen(rest)
	text, after := rest[:n], rest[n:]
	if word := nameLen(after); word > 0 {
		return s.bad(n+word, "`"+shorten(rest[:n+word])+"` is neither a number nor a name", numberHint(text, after[:word]))
	}
	if strings.HasPrefix(after, ".") && !strings.HasPrefix(after, "..") {
		return s.bad(n+1, "`"+shorten(text)+".` lacks digits after its point", "write `"+shorten(text)+"`")
	}
	if v, _ := strconv.ParseFloat(text, 64); math.IsInf(v, 0) {
		return s.bad(n, "`"+shorten(text)+"` is larger than the largest number", "write `inf` for infinity")
	}
	return tokNumber, s.advance(n)
}

func numberHint(number, word string) string {
	switch {
	case strings.HasPrefix(word, "_"):
		return "digits are not grouped"
	case word == "e" || word == "E":
		return "an exponent has digits: `" + shorten(number) + "e-3`"
	}
	return "write `" + shorten(number) + "*" + shorten(word) + "`"
}

// text reads a string; its value keeps quotes and escapes.
func (s *scanner) text(rest string) (lexer.TokenType, string) {
	escapes := []int{}
	i := 1
	for ; i < len(rest) && rest[i] != '\n' && rest[i] != '"'; i++ {
		if rest[i] == '\\' && i+1 < len(rest) && rest[i+1] != '\n' {
			escapes = append(escapes, i)
			i++
		}
	}
	if !strings.HasPrefix(rest[i:], `"`) {
		return s.bad(len(strings.TrimRight(rest[:i], " \t\r")), "the string is not closed on its line", "end it with `\"`")
	}
	for _, e := range escapes {
		s.escape(rest, e)
	}
	s.badBytes(rest[:i])
	return tokText, s.advance(i + 1)
}

// escape reports the escape at text[i:] when it is none of the language's.
func (s *scanner) escape(text string, i int) {
	r, n := utf8.DecodeRuneInString(text[i+1:])
	if r == '"' || r == '\\' {
		return
	}
	at := s.at
	at.Offset += i
	at.Col += utf8.RuneCountInString(text[:i])
	end := at
	end.Offset += 1 + n
	end.Col += 2
	s.out.add(Span{at, end}, "a string has no escape `"+shorten(text[i:i+1+n])+"`", `only \" and \\ are escapes`)
}

// stray reports a run of characters that begin no token.
func (s *scanner) stray(rest string) (lexer.TokenType, string) {
	r, n := utf8.DecodeRuneInString(rest)
	if r == 0 || r == utf8.RuneError && n == 1 {
		return s.bad(notTextLen(rest), notText(rest), "a rule file is UTF-8 text")
	}
	if unicode.IsDigit(r) {
		return s.bad(n, "`"+string(r)+"` begins neither a name nor a number", "numbers are written with the digits 0 to 9")
	}
	message := fmt.Sprintf("`%c` is not part of the language", r)
	if !unicode.IsPrint(r) {
		message = fmt.Sprintf("the character %U is not part of the language", r)
	}
	hint := ""
	if meant := lookalikes[r]; meant != "" {
		hint = "write `" + meant + "`"
	}
	switch r {
	case '.':
		hint = "a number begins with a digit, `0.5`; a range is `1..5`"
	case '#':
		hint = "a comment begins with `//`"
	case '\u00a0':
		hint = "write a plain space"
	}
	return s.bad(n, message, hint)
}

// notTextLen is the length of the run of bytes at the start of rest that are no text.
func notTextLen(rest string) int {
	for i := 0; i < len(rest); {
		r, n := utf8.DecodeRuneInString(rest[i:])
		if r != 0 && (r != utf8.RuneError || n != 1) {
			return i
		}
		i += n
	}
	return len(rest)
}

func (s *scanner) bad(n int, message, hint string) (lexer.TokenType, string) {
	start := s.at
	value := s.advance(n)
	s.out.add(Span{start, s.at}, message, hint)
	return tokBad, value
}

// unquote is the value of a string token whose escapes are right.
func unquote(text string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
}
