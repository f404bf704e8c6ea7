package page

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// symbols are the letters of one algorithm: a key of the algorithm's expressions has one, and no two keys the same. The
// key of a variable is its id, that of a value in time ID|t, ID|t-1 or ID|0, that of one without bias hat|ID|t.
type symbols struct {
	nodes  map[string]*Node // by id
	taken  map[string]bool  // how the ids are written
	common map[string]string
	own    map[string]bool // names of the rule, whose letters are kept for it
}

// commonLetters are what the field writes for the usual hyperparameters.
var commonLetters = map[string]string{"lr": "eta", "weight_decay": "lambda", "momentum": "mu", "eps": "epsilon"}

// barred begins the name of a state of a call in the value of a let: the average that goes into m is m with a bar.
const barred = "bar|"

// newSymbols has the common letters for all names but those that declare such a letter themselves.
func newSymbols(declared map[string]bool) *symbols {
	s := &symbols{nodes: map[string]*Node{}, taken: map[string]bool{}, common: map[string]string{}}
	for name, greek := range commonLetters {
		if !declared[greek] && !declared[string(greekOf(greek))] {
			s.common[name] = greek
		}
	}
	for _, name := range []string{"x", "g", "t", "f", "loss"} {
		s.add(name, name)
	}
	return s
}

func greekOf(name string) rune {
	for i, g := range greekNames {
		if g == name {
			return 'α' + rune(i)
		}
	}
	return 0
}

// add gives a new variable its id and its letter.
func (s *symbols) add(name, id string) string {
	id = strings.ReplaceAll(id, "|", "~")
	base := id
	for i := 2; s.nodes[id] != nil; i++ {
		id = fmt.Sprintf("%s~%d", base, i)
	}
	n := s.spell(name)
	foreign := s.own[name] && base != name // of a fn, and the rule has one of its own
	for i := 2; foreign && i == 2 || s.taken[document.latex(n)]; i++ {
		n = scripted(s.spell(name), number(strconv.Itoa(i)))
	}
	s.nodes[id] = n
	s.taken[document.latex(n)] = true
	return id
}

func (s *symbols) spell(name string) *Node {
	if name == "loss" {
		return letter(`\ell`)
	}
	if rest, ok := strings.CutPrefix(name, barred); ok {
		return over(Bar, s.spell(rest))
	}
	if c, ok := s.common[name]; ok {
		name = c
	}
	return spell(name, s.common)
}

// spell writes a name as a paper does: a letter or a word with what follows it below, beta1 as β with a 1.
func spell(name string, common map[string]string) *Node {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' })
	if len(words) == 0 {
		return word(name)
	}
	first := strings.TrimRightFunc(words[0], unicode.IsDigit)
	digits := words[0][len(first):]
	if first == "" {
		first, digits = words[0], ""
	}
	if c, ok := common[first]; ok && (len(words) > 1 || digits != "") {
		first = c
	}
	base := word(first)
	r, width := utf8.DecodeRuneInString(first)
	switch {
	case greekLetters[`\`+first] != "" && first != "ell":
		base = letter(`\` + first)
	case width == len(first) && r >= 'α' && r <= 'ω' && greekLetters[`\`+greekNames[r-'α']] != "":
		base = letter(`\` + greekNames[r-'α'])
	case width == len(first) && unicode.IsLetter(r):
		base = letter(first)
	}
	var below []*Node
	if digits != "" {
		below = append(below, number(digits))
	}
	if len(words) > 2 && base.Kind == Word {
		return word(name)
	}
	for _, w := range words[1:] {
		below = append(below, word(w))
	}
	if below == nil {
		return base
	}
	return node(Sub, levelAtom, base, row(anything, list(below)...))
}

// addWord gives an option its own name for a letter: it is what -D chooses.
func (s *symbols) addWord(name string) string {
	id := s.add(name, name)
	s.nodes[id] = word(name)
	return id
}

// forget makes a name that the language declares one that a fn may have of its own.
func (s *symbols) forget(name string) {
	delete(s.taken, document.latex(s.nodes[name]))
	delete(s.nodes, name)
}

// node is how a key is written; nil for what is no key.
func (s *symbols) node(key string) *Node {
	if rest, ok := strings.CutPrefix(key, "hat|"); ok {
		n := s.node(rest)
		if n == nil {
			return nil
		}
		return over(Hat, n)
	}
	id, time, timed := strings.Cut(key, "|")
	n := s.nodes[id]
	if n == nil || !timed {
		return n
	}
	switch time {
	case "t":
		return scripted(n, letter("t"))
	case "0":
		return scripted(n, number("0"))
	}
	return scripted(n, row(levelSum, letter("t"), symbol("-"), number("1")))
}

// over puts a mark on the letter, not on what stands below it.
func over(mark Kind, n *Node) *Node {
	if n.Kind == Sub {
		return node(Sub, n.level, over(mark, n.Kids[0]), n.Kids[1])
	}
	return node(mark, levelAtom, n)
}
