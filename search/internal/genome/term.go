package genome

import (
	"fmt"
	"strings"
)

// term is a text like ema(mul(g, 2); 0.1) as a tree: a word, what stands between its parentheses, and the constant after a semicolon.
type term struct {
	word     string
	args     []term
	constant string
}

// readTerm reads a text that is one term.
func readTerm(text string) (term, error) {
	t, rest, err := cutTerm(text)
	if rest = strings.TrimSpace(rest); err == nil && rest != "" {
		err = fmt.Errorf("%q is left", rest)
	}
	return t, err
}

// cutTerm reads the term at the start of a text.
func cutTerm(text string) (t term, rest string, err error) {
	t.word, rest = cutWord(text)
	if t.word == "" {
		return t, rest, fmt.Errorf("expected an operator or a number at %q", text)
	}
	if !strings.HasPrefix(rest, "(") {
		return t, rest, nil
	}
	for rest[0] == '(' || rest[0] == ',' {
		var arg term
		if arg, rest, err = cutTerm(rest[1:]); err != nil {
			return t, rest, err
		}
		if t.args = append(t.args, arg); rest == "" {
			return t, rest, fmt.Errorf("%s has no end", t.word)
		}
	}
	if rest[0] == ';' {
		t.constant, rest = cutWord(rest[1:])
	}
	if !strings.HasPrefix(rest, ")") {
		return t, rest, fmt.Errorf("expected ')' at %q", rest)
	}
	return t, rest[1:], nil
}

// cutWord cuts a text before the first mark.
func cutWord(text string) (word, rest string) {
	end := strings.IndexAny(text, "(),;")
	if end < 0 {
		end = len(text)
	}
	return strings.TrimSpace(text[:end]), text[end:]
}

// number is the number that a term without arguments is.
func (t term) number() (k float64, err error) {
	if len(t.args) == 0 && t.constant == "" {
		if n, scanned := fmt.Sscanf(t.word+"\n", "%g\n", &k); n == 1 && scanned == nil {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%q is neither an operator nor a number", t.word)
}
