package live

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

func TestNumbers(t *testing.T) {
	for _, c := range [][2]string{
		{whole(0), "0"}, {whole(999), "999"}, {whole(1000), "1,000"}, {whole(-123456), "-123,456"}, {whole(math.MaxInt32), "2,147,483,647"},
		{short(9999), "9,999"}, {short(10_000), "10.0K"}, {short(99_950), "100K"}, {short(999_499), "999K"}, {short(999_500), "1.00M"},
		{short(9_994_999), "9.99M"}, {short(9_995_000), "10.0M"}, {short(math.MaxInt32), "2.15G"}, {short(-5), "-5"},
		{rate(0), "0.0/s"}, {rate(12.34), "12.3/s"}, {rate(99.96), "100/s"}, {rate(999.4), "999/s"}, {rate(3324), "3.3K/s"}, {rate(51_204), "51.2K/s"},
		{rate(math.NaN()), "-"}, {rate(-1), "-"}, {rate(math.Inf(1)), "-"}, {rate(1e17), "100P/s"},
		{share(1, 0, 1), "-"}, {share(9999, 10_000, 1), "99.9%"}, {share(10_000, 10_000, 0), "100%"}, {share(999, 1000, 0), "99%"}, {share(1, 3, 1), "33.3%"}, {share(5, 3, 0), "100%"},
		{score(0.6125), "+0.613"}, {score(-2), "-2.000"}, {score(-0.0004), "0.000"}, {score(math.NaN()), "-"}, {score(math.Inf(-1)), "-∞"}, {score(math.Inf(1)), "+∞"},
		{score(99.95), "+1e+2"}, {score(-math.MaxFloat64), "-2e+308"}, {signed(-0.004, 2), "0.00"},
		{span(-time.Second), "0s"}, {span(59499 * time.Millisecond), "59s"}, {span(time.Minute), "1m 00s"}, {span(time.Hour + 5*time.Minute), "1h 05m"},
		{span(49 * time.Hour), "2d 01h"}, {exact(10 * time.Minute), "10m"}, {exact(90 * time.Second), "1m 30s"}, {exact(48 * time.Hour), "2d 00h"}, {age(90 * time.Minute), "1h"},
		{rungs(2, 5), "●●○○○"}, {rungs(-1, 2), "○○"}, {rungs(9, 2), "●●"}, {rungs(3, 12), "3/12"},
		{quoted("lion.search"), "lion.search"}, {quoted("my search's"), `'my search'\''s'`}, {quoted(""), "''"}, {quoted("$(rm)"), "'$(rm)'"},
		{quoted("a\x1b'\\\"\""), `$'a\x1b\'\\\"\"'`},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, not %q", c[0], c[1])
		}
	}
}

// Shortened texts are as long as they may be, and of the text's own characters.
func TestShortening(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	letters := []rune("abc,;( )0β勾é🙂\u0301")
	for range 3000 {
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		s, w := b.String(), r.IntN(30)
		for name, cut := range map[string]string{"clip": clip(s, w), "middle": middle(s, w)} {
			n := width(cut)
			if n > w || width(s) > w && n < w-2 || width(s) <= w && cut != s {
				t.Fatalf("%s of %q to %d: %q", name, s, w, cut)
			}
		}
		lines := wrap(s, w, 3)
		if len(lines) > 3 {
			t.Fatalf("%q in %d lines", s, len(lines))
		}
		for _, l := range lines {
			if width(l) > w {
				t.Fatalf("%q wrapped at %d: %q", s, w, lines)
			}
		}
	}
}

// Nothing of a text reaches the terminal but what it may print.
func FuzzClean(f *testing.F) {
	f.Add("g\x1b[31m")
	f.Add("\u202e\u2028\x9b\xff")
	f.Fuzz(func(t *testing.T, s string) {
		c := clean(s)
		odd := func(r rune) bool { return !unicode.IsGraphic(r) }
		if strings.ContainsFunc(c, odd) || !utf8.ValidString(c) || ansi.Strip(c) != c {
			t.Errorf("%q is cleaned to %q", s, c)
		}
	})
}
