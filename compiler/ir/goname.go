package ir

import (
	"strings"
	"unicode"
)

// GoName is the exported Go spelling of a name of the rule language: weight_decay is WeightDecay, lr is LR, β1 is Beta1.
func GoName(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "_") {
		if initialisms[word] {
			b.WriteString(strings.ToUpper(word))
			continue
		}
		b.WriteString(capital(latin(word)))
	}
	s := b.String()
	if s == "" || !unicode.IsUpper([]rune(s)[0]) {
		s = "X" + s
	}
	return s
}

var initialisms = map[string]bool{"lr": true, "sgd": true, "sgld": true, "ema": true}

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// greek are the letters α to ω by name.
var greek = strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi chi psi omega")

func latin(word string) string {
	var b strings.Builder
	for _, r := range word {
		if r >= 'α' && r <= 'ω' {
			b.WriteString(greek[r-'α'])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
