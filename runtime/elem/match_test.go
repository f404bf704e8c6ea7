package elem

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestMatch compares with the regular expression that a pattern stands for.
func TestMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	word := func(alphabet string, n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	fits := 0
	for range 20000 {
		pattern, name := word("ab.*", 9), word("ab.", 12)
		re := regexp.MustCompile(`\A(?s)` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`)
		want := re.MatchString(name)
		if want {
			fits++
		}
		if got := Match(pattern, name); got != want {
			t.Fatalf("%q fits %q: %v, want %v", pattern, name, got, want)
		}
	}
	if fits < 500 {
		t.Errorf("only %d pairs fit", fits)
	}
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"", "", true}, {"*", "", true}, {"", "a", false}, {"*.bias", "l/é.bias", true}, {"[a]?", "[a]?", true}, {"[a]?", "ab", false}, {"a\n*", "a\nb\nc", true}} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("%q fits %q: %v", c.pattern, c.name, got)
		}
	}
}

// TestMatchIsFast holds that many stars cost no exponential time.
func TestMatchIsFast(t *testing.T) {
	if Match(strings.Repeat("a*", 2000)+"b", strings.Repeat("a", 4000)) {
		t.Error("fits what has no b")
	}
}
