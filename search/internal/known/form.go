package known

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/optc-lang/optc/search/internal/genome"
)

// of spells out the choices of forms.
func of(texts ...string) []string {
	var all []string
	for _, text := range texts {
		end := strings.IndexByte(text, '}')
		if end < 0 {
			all = append(all, text)
			continue
		}
		open := strings.LastIndexByte(text[:end], '{')
		for _, choice := range strings.Split(text[open+1:end], "|") {
			all = append(all, of(text[:open]+choice+text[end+1:])...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// each puts every text in the place of $ in every form, the same in all places of a form.
func each(texts []string, forms ...string) []string {
	var all []string
	for _, form := range of(forms...) {
		for _, text := range texts {
			all = append(all, of(strings.ReplaceAll(form, "$", text))...)
		}
	}
	return all
}

// one is a choice between texts.
func one(texts []string) string { return "{" + strings.Join(texts, "|") + "}" }

// form is a canonical genome whose constants are letters.
type form struct {
	row   *row
	text  string
	shape shape
	slots []slot  // by node
	fixed letters // those that are 1 in this form, and so leave no trace in it
}

// slot is what the constant of a node must be: a letter or a number.
type slot struct {
	letter byte // 0 for a number
	number float64
}

// bind reports whether a slot may be k, and then gives its letter that value.
func (s slot) bind(k float64, to *letters) bool {
	if s.letter == 0 {
		return k == s.number
	}
	at := &to[s.letter-'a']
	if !(k > 0) || *at == *at && math.Abs(*at-k) > 1e-12*k {
		return false
	}
	*at = k
	return true
}

// weights are the letters that rewrites drop where they are 1.
const weights = "cpq"

// index holds all forms by the hash of their shapes.
var index = sync.OnceValue(func() map[uint64][]*form {
	all := map[uint64][]*form{}
	for i := range rows {
		for _, text := range rows[i].Forms {
			for ones := range 1 << len(weights) {
				f, ok := newForm(&rows[i], text, ones)
				if !ok {
					continue
				}
				same := all[f.shape.hash()]
				if !slices.ContainsFunc(same, f.equal) {
					all[f.shape.hash()] = append(same, f)
				}
			}
		}
	}
	return all
})

// equal reports whether two forms recognise the same genomes.
func (f *form) equal(other *form) bool {
	return f.row == other.row && slices.Equal(f.slots, other.slots) && slices.Equal(f.shape.Nodes, other.shape.Nodes)
}

// mark is what stands for a letter while a form is brought into canonical form: no rewrite makes one of others.
func mark(letter byte) float64 { return 0.2 + float64(0.0271828182845*float64(letter-'a')) }

// newForm reads a form in which some of the weights are 1. It is none if the form has not got these weights, or if with them
// other constants have no effect.
func newForm(r *row, text string, ones int) (*form, bool) {
	f := &form{row: r, text: text, fixed: noLetters()}
	missing := false
	for i := range weights {
		if ones>>i&1 > 0 {
			f.fixed[weights[i]-'a'] = 1
			missing = missing || !hasLetter(text, weights[i])
		}
	}
	if missing {
		return nil, false
	}
	g, err := genome.Parse(substitute(text, func(letter byte) float64 {
		if f.fixed.at(letter) == 1 {
			return 1
		}
		return mark(letter)
	}))
	if err != nil {
		panic(fmt.Sprintf("known: %s: %v", r.Name, err))
	}
	f.shape, _ = newShape(g)
	f.slots = make([]slot, len(f.shape.Nodes))
	for i, n := range f.shape.Nodes {
		if n.Op.Row().Const {
			f.slots[i] = slotOf(n.K)
		}
		f.shape.Nodes[i].K = 0
	}
	return f, f.complete()
}

// complete reports whether all letters of the text are in the form or fixed.
func (f *form) complete() bool {
	for letter := byte('a'); letter <= 'z'; letter++ {
		has := func(s slot) bool { return s.letter == letter }
		if hasLetter(f.text, letter) && f.fixed.at(letter) != 1 && !slices.ContainsFunc(f.slots, has) {
			return false
		}
	}
	return true
}

// slotOf is the slot of a constant that has been brought into canonical form.
func slotOf(k float64) slot {
	for letter := byte('a'); letter <= 'z'; letter++ {
		if math.Abs(k-mark(letter)) < 1e-12 {
			return slot{letter: letter}
		}
	}
	return slot{number: k}
}

// substitute puts numbers in the place of letters.
func substitute(text string, with func(letter byte) float64) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if letterAt(text, i) {
			out.WriteString(strconv.FormatFloat(with(text[i]), 'g', -1, 64))
		} else {
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

func hasLetter(text string, letter byte) bool {
	for i := range text {
		if text[i] == letter && letterAt(text, i) {
			return true
		}
	}
	return false
}

// letterAt reports whether a constant stands at a place of a form: a letter alone that is no leaf.
func letterAt(text string, i int) bool {
	alone := func(j int) bool { return j < 0 || j == len(text) || !unicode.IsLetter(rune(text[j])) }
	return text[i] >= 'a' && text[i] <= 'z' && text[i] != 'g' && text[i] != 'x' && alone(i-1) && alone(i+1)
}
