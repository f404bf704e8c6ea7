package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/optc-lang/optc/search/internal/genome"
)

var (
	update = flag.Bool("update", false, "rewrite testdata/small.html")
	keep   = flag.String("keep", "", "write the rich page into this folder, to look at it")
)

// write is the page as a file, of which it asks that writing again gives the same, and what must hold of any page.
func write(t *testing.T, p Page) string {
	t.Helper()
	var out, again bytes.Buffer
	if err := Write(&out, p); err != nil {
		t.Fatal(err)
	}
	if err := Write(&again, p); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Fatalf("written again, the page is another: %v", err)
	}
	checkFile(t, out.String())
	return out.String()
}

// allowed are the elements that a page may have.
var allowed = strings.Fields(`html head meta title style body header main section nav h1 h2 h3 p a b code pre ul li ol span div dl dt dd
	table thead tbody tr th td figure figcaption details summary script svg path line rect text
	math mrow mi mn mo mtext msub msup mover mfrac msqrt mtable mtr mtd`)

// attributes are those that elements may have.
var attributes = strings.Fields(`lang charset name content http-equiv id href class scope role aria-label aria-hidden data-id data-name viewBox width height
	x y x1 x2 y1 y2 d text-anchor form fence stretchy accent displaystyle`)

// checkFile reads a page as XML, strictly, and finds what should not be in it.
func checkFile(t *testing.T, file string) {
	t.Helper()
	if !utf8.ValidString(file) {
		t.Error("the file is not UTF-8")
	}
	if i := strings.IndexFunc(file, strange); i >= 0 {
		t.Errorf("a strange character: %q", file[i:i+4])
	}
	d := xml.NewDecoder(strings.NewReader(file))
	scripts := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the file is not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			checkElement(t, e)
			if e.Name.Local == "script" {
				scripts++
			}
		}
	}
	if scripts != 1 || strings.Count(file, script) != 1 {
		t.Errorf("%d scripts", scripts)
	}
}

func checkElement(t *testing.T, e xml.StartElement) {
	t.Helper()
	if !slices.Contains(allowed, e.Name.Local) {
		t.Errorf("element %s", e.Name.Local)
	}
	for _, a := range e.Attr {
		name, value := a.Name.Local, a.Value
		if !slices.Contains(attributes, name) {
			t.Errorf("%s has the attribute %s", e.Name.Local, name)
		}
		if name == "href" && !strings.HasPrefix(value, "#") {
			t.Errorf("a link to %q", value)
		}
		drawn := slices.Contains(strings.Fields("x y x1 x2 y1 y2 d width height viewBox"), name)
		if drawn && (strings.Contains(value, "NaN") || strings.Contains(value, "Inf") || strings.Contains(value, "e+") || len(value) > 60_000) {
			t.Errorf("%s of %s is %.60q", name, e.Name.Local, value)
		}
	}
}

func TestRich(t *testing.T) {
	html := write(t, richPage(t))
	if len(html) > 1_000_000 {
		t.Errorf("%d bytes", len(html))
	}
	if strings.Contains(html, "Not in this report") {
		t.Error("a section has no data")
	}
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, "rich.html"), []byte(html), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// smallPage has a little of most, some of it not known.
func smallPage() Page {
	best := Form{ID: "19", Name: "signed momentum, β = 0.9", Formula: "sign(ema(g; 0.1))", Bound: 0.25, Fitness: 0.5, Rungs: 2, Size: 2, StateBytes: 4, Flops: 4, Births: 7, Evaluations: 2, Front: true, Scores: []float64{0.75, 0.25, math.NaN()}}
	first := Form{ID: "0", Formula: "g", Bound: -1.5, Fitness: -1, Rungs: 1, Degree: 1, Births: 1, Evaluations: 1, Scores: []float64{-1}}
	return Page{
		Title: "A small search", Archive: Archive{Name: "a b.search", Digest: "0123", Numerics: "strict-1", Seed: 1, Bytes: 65536},
		Totals: Totals{Births: 20, Forms: 12, Evaluated: 9, Cached: 8, Runs: 80, CPUSeconds: 12.5},
		Pick:   &Pick{Form: best, Rule: "rule find {\n  x <- x - lr*sign(s1)\n}\n", Chance: &Chance{Chains: 1000, Length: 2}},
		Curves: []Curve{{"bowl", []Run{{Rule: "the pick", Losses: []float64{1, 0.5, 0.25}}, {Rule: "AdamW", Steps: 2, Losses: []float64{1, math.Inf(1)}, Diverged: true}}}},
		Hall:   []Form{best, first}, Forms: []Form{first, best},
		Progress: Progress{Births: 20, Best: []Level{{0, -1.5, "0", "", "g"}, {19, 0.25, "19", "", "sign(ema(g; 0.1))"}}, Events: []Event{{12, "restart", "nothing better on island 2"}}},
		Family:   Family{19, []Birth{{0, -1, "g", -1.5, ""}, {5, 0, "g", -1.5, ""}, {19, 5, "sign(ema(g; 0.1))", 0.25, "sign and ema put in"}, {6, 0, "neg(g)", -6, ""}}},
		Starts:   []Named{{"sgd", "g"}}, Operators: []Named{{"sign", "-1, 0 or 1"}},
		Tasks: []Task{{Name: "bowl", Doc: "finds a bottom", Parameters: 64, Batch: 4, Steps: 400}, {Name: "mpg", Rung: 1, Parameters: 289, Batch: 16, Steps: 600}},
	}
}

func TestGolden(t *testing.T) {
	const name = "testdata/small.html"
	got := write(t, smallPage())
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page is not %s: look at what has changed, then test with -update", name)
	}
}

// TestMissing asks a page of nothing to say how to get each section.
func TestMissing(t *testing.T) {
	html := write(t, Page{Archive: Archive{Name: "it's here.search"}, Pick: &Pick{Form: Form{ID: "77"}}})
	for _, want := range []string{"simplify &#39;it&#39;\\&#39;&#39;s here.search&#39; 77</code>", "test ", "funnel ", "lineage "} {
		if !strings.Contains(html, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	html = write(t, Page{})
	if n := strings.Count(html, "optc search "); n != len(sections)-1 { // how to read it needs no data
		t.Errorf("%d of %d sections say how to get them", n, len(sections)-1)
	}
	if !strings.Contains(html, "simplify FILE ID") || strings.Contains(html, `id="pick"`) {
		t.Error("a page of nothing is not as it should be")
	}
}

// hostile are strings that break out of pages that do not escape, and others that break parsers.
var hostile = []string{
	`</script><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; alert(1); '`, `</title></svg></style>`, `<!-- ]]> <![CDATA[`,
	"\x00\x01\x1b[31m\x7f", "\xff\xfe\xc0\xaf", "\u202egnp.exe\u2066", "\ufffe\uffff\u0085", "{{.}}", "javascript:alert(1)", "&lt;&#x3c;&", "a\r\nb\tc", "`${alert(1)}`", "NaN", "",
	strings.Repeat("neg(", 1<<16) + "g", strings.Repeat("x", 1<<17), strings.Repeat("é😀", 9999), "div(g, 0)", "where(g, g, g)", "--file=x", "FILE ID",
}

var oddNumbers = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 0, math.Copysign(0, -1), 1, -1, 1e-9, 0.3, 1e18}

var oddCounts = []int64{0, 1, 2, -1, -7, 3, 12, 1000, math.MaxInt64, math.MinInt64, math.MaxInt32}

// fill sets all of a value to what is odd. Lists have so many elements, and half of it where they stand in others.
func fill(v reflect.Value, r *rand.Rand, elements int, texts []string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Float64:
		v.SetFloat(oddNumbers[r.IntN(len(oddNumbers))])
		if r.IntN(2) == 0 {
			v.SetFloat(r.NormFloat64())
		}
	case reflect.Int, reflect.Int64:
		n := oddCounts[r.IntN(len(oddCounts))]
		if r.IntN(2) == 0 {
			n = int64(r.IntN(elements + 1))
		}
		if v.OverflowInt(n) {
			n = 1
		}
		v.SetInt(n)
	case reflect.Uint64:
		v.SetUint(r.Uint64())
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r, elements, texts)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r, elements, texts)
		}
	case reflect.Slice:
		n := r.IntN(elements + 1)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), r, elements/2, texts)
		}
	default:
		panic(fmt.Sprintf("a page holds a %s", v.Kind()))
	}
}

func TestHostile(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		var p Page
		fill(reflect.ValueOf(&p).Elem(), r, int(seed%20), hostile)
		write(t, p)
	}
}

// TestEscapes finds a text again that a parser takes out of the page, wherever it was put.
func TestEscapes(t *testing.T) {
	const text = `<b onclick="x">'&amp;"</b></title></script>`
	p := Page{Title: text, Written: text, Pick: &Pick{Form: Form{ID: text, Name: text, Formula: text}, Rule: text, LaTeX: text, Why: text}, Spec: []Named{{text, text}}}
	p.Forms, p.Hall = []Form{p.Pick.Form}, []Form{p.Pick.Form}
	d := xml.NewDecoder(strings.NewReader(write(t, p)))
	found := 0
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.CharData:
			found += strings.Count(string(token), text)
		case xml.StartElement:
			for _, a := range token.Attr {
				found += strings.Count(a.Value, text)
			}
		}
	}
	if found < 20 {
		t.Errorf("the text is there %d times", found)
	}
}

// TestHuge bounds the size of a page by what it shows, not by what it is given.
func TestHuge(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var p Page
	fill(reflect.ValueOf(&p).Elem(), r, 500, []string{strings.Repeat("long ", 1<<12), strings.Repeat("ä", 1<<13)})
	p.Forms = make([]Form, 100_000)
	for i := range p.Forms {
		p.Forms[i] = Form{ID: fmt.Sprint(i), Formula: fmt.Sprint("g", i), Bound: r.NormFloat64(), Size: r.IntN(500), StateBytes: 4 * r.IntN(9), Rungs: r.IntN(9)}
	}
	levels := make([]Level, 1_000_000)
	for i := range levels {
		levels[i] = Level{Birth: i, Bound: r.NormFloat64()}
	}
	p.Progress = Progress{Births: len(levels), Best: levels, Limits: []Limit{{Name: "1", Levels: levels}, {Name: "2", Levels: levels}}, Events: make([]Event, 100_000)}
	p.Family = Family{Winner: 299_999}
	for i := range 300_000 {
		p.Family.Births = append(p.Family.Births, Birth{Index: i, Parent: i - 1, Formula: fmt.Sprint(i), Bound: r.NormFloat64()})
	}
	losses := make([]float64, 1_000_000)
	for i := range losses {
		losses[i] = r.ExpFloat64()
	}
	p.Curves = append([]Curve{{"long", []Run{{Rule: "a", Losses: losses}}}}, p.Curves...)
	if html := write(t, p); len(html) > 4_000_000 {
		t.Errorf("%d bytes", len(html))
	}
}

// TestCloud asks for a legend and a shape of every count of state bytes, and that the pick is drawn however many forms are.
func TestCloud(t *testing.T) {
	p := Page{Pick: &Pick{Form: Form{ID: "the pick", Formula: "g", Bound: -3, Size: 1, Rungs: 2}}}
	for i := range 5000 {
		p.Forms = append(p.Forms, Form{ID: fmt.Sprint(i), Bound: float64(i%997) / 1000, Size: i % 40, StateBytes: i % 30, Rungs: i % 3})
	}
	p.Forms = append(p.Forms, p.Pick.Form)
	html := write(t, p)
	for _, want := range append(stateNames[:], `data-id="the pick"`, "pick: g") {
		if !strings.Contains(html, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(html, `class="dot s`); n > 2*mostDots+len(stateNames) {
		t.Errorf("%d dots", n)
	}
}

func TestWriteError(t *testing.T) {
	if err := Write(failing{}, smallPage()); err == nil {
		t.Error("an error of the writer is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

// TestMath sets formulas of all operators, and random ones, and asks for MathML that is well-formed.
func TestMath(t *testing.T) {
	for op := range genome.Ops {
		row := &genome.Ops[op]
		args := strings.Repeat("g, ", row.Args)
		text := row.Name + "(" + strings.TrimSuffix(args, ", ") + ")"
		switch {
		case row.Name == "const":
			text = "mul(-2.5e-9, g)"
		case row.Args == 0:
			text = row.Name
		case row.Const:
			text = strings.TrimSuffix(text, ")") + "; 0.25)"
		}
		if row.Kind == genome.Reduce {
			text = "mul(g, " + text + ")"
		}
		if set, used := mathOf(text); set == "" || len(legend(used)) > 5 {
			t.Errorf("%s: %q", text, set)
		}
	}
	for _, c := range []struct{ formula, want string }{
		{"mul(add(g, 1), sub(g, sub(g, 2)))", "(g+1)·(g−(g−2))"}, {"sign(lerp(ema(g; 0.01), g; 0.1))", "sign(0.9·ema0.99(g)+0.1·g)"},
		{"square(add(g, g))", "(g+g)2"}, {"neg(mul(g, g))", "−g·g"}, {"add(neg(g), neg(g))", "−g+(−g)"}, {"sub(mul(neg(g), -2), neg(neg(g)))", "(−g)·(−2)−(−(−g))"}, {"sqrt(g)", "|g|"}, {"sqrt(abs(g))", "|g|"}, {"sqrt(square(g))", "g2"}, {"mul(1e-8, g)", "10−8·g"},
		{"nonsense(g)", ""}, {"add(g", ""}, {"abs(" + strings.Repeat("g", longestMath), ""},
	} {
		set, _ := mathOf(c.formula)
		if got := plain(string(set)); got != c.want {
			t.Errorf("%s: %s, not %s", c.formula, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(8, 9))
	m := genome.DefaultMutator()
	g, _ := genome.Start("adamw")
	for range 300 {
		g = m.Mutate(g, r)
		if set, _ := mathOf(g.String()); set != "" {
			write(t, Page{Starts: []Named{{"it", g.String()}}})
		}
	}
}

// plain is the text of MathML.
func plain(html string) string {
	d := xml.NewDecoder(strings.NewReader(html))
	var out strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return out.String()
		}
		if text, ok := token.(xml.CharData); ok {
			out.WriteString(strings.Map(func(r rune) rune {
				if r == '\u2061' || unicode.IsSpace(r) { // function application
					return -1
				}
				return r
			}, string(text)))
		}
	}
}

func TestFamily(t *testing.T) {
	f := smallPage().Family
	line := f.line()
	if len(line) != 3 || line[0].Index != 0 || line[2].Index != 19 {
		t.Fatalf("%+v", line)
	}
	if ages := condensed(line, mostAges); len(ages) != 2 || ages[1].skipped != 1 || ages[1].step != 1.75 {
		t.Errorf("%+v", ages)
	}
	circle := Family{1, []Birth{{Index: 1, Parent: 2}, {Index: 2, Parent: 3}, {Index: 3, Parent: 1}}}
	if got := circle.line(); len(got) != 3 {
		t.Errorf("a circle: %+v", got)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var line []Birth
		for i := range 1 + r.IntN(200) {
			line = append(line, Birth{Index: i, Parent: i - 1, Formula: string(rune('a' + r.IntN(3))), Bound: math.Round(r.NormFloat64())})
		}
		ages := condensed(line, 2+r.IntN(30))
		sum := 0
		for _, a := range ages {
			sum += 1 + a.skipped
		}
		if sum != len(line) || ages[0].Index != 0 || ages[len(ages)-1].Index != len(line)-1 {
			t.Fatalf("%d of %d births told or counted", sum, len(line))
		}
	}
}

// TestWhatWasSimplified: what is found out of what is left of a pick is not told of the pick.
func TestWhatWasSimplified(t *testing.T) {
	p := richPage(t)
	said := []string{"Of what <code>simplify</code> has left of the pick: ", "Measured on 5 tasks.", "Not the pick was tested, but what <code>simplify</code> has left of it: ",
		"Sealed test of what simplify has left of it, not of the pick itself: better than"}
	page := write(t, p)
	for _, text := range said {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q of the pick itself", text)
		}
	}
	p.Simplified, p.Sealed.Of = &Simplified{"sign(g)", "on 5 tasks"}, "sign(g)"
	page = write(t, p)
	for _, text := range said {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	p.Simplified.Formula, p.Sealed.Of = p.Pick.Formula, p.Pick.Formula
	if page = write(t, p); strings.Contains(page, said[0]) || strings.Contains(page, said[2]) {
		t.Error("the page tells a pick that nothing was taken from from what is left of it")
	}
}
