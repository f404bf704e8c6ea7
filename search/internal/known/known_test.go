package known

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
	"github.com/optc-lang/optc/search/internal/vm"
)

// TestRowsAreDistinct holds that no genome is two rules: which of them it is called would be a matter of order.
func TestRowsAreDistinct(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.Name] {
			t.Errorf("%s stands twice", r.Name)
		}
		names[r.Name] = true
		if !strings.ContainsAny(r.Doc, "0123456789") || len(r.Forms) == 0 {
			t.Errorf("%s: %q, %d forms", r.Name, r.Doc, len(r.Forms))
		}
	}
	count := 0
	r := rand.New(rand.NewPCG(11, 12))
	for _, f := range allForms() {
		{
			count++
			said, _ := constants(f.row, f.text, r)
			g, err := genome.Parse(said)
			if err != nil {
				t.Fatal(err)
			}
			s, _ := newShape(g)
			for _, other := range index()[s.hash()] {
				l := other.fixed
				if other.row != f.row && s.match(other, s.Root, other.shape.Root, &l) {
					t.Errorf("%s is %s as %s and %s as %s", said, f.row.Name, f.text, other.row.Name, other.text)
				}
			}
		}
	}
	t.Logf("%d rules, %d forms", len(rows), count)
}

// allForms are the forms in the order of the table.
func allForms() []*form {
	var all []*form
	for _, forms := range index() {
		all = append(all, forms...)
	}
	slices.SortFunc(all, func(a, b *form) int {
		return cmp.Or(strings.Compare(a.row.Name, b.row.Name), strings.Compare(a.text, b.text), cmp.Compare(a.fixed.at('p'), b.fixed.at('p')),
			cmp.Compare(a.fixed.at('q'), b.fixed.at('q')), cmp.Compare(a.fixed.at('c'), b.fixed.at('c')))
	})
	return all
}

// TestConstantsSurvive holds that every number in a form is one that its text has, or a letter: no rewrite has made one
// constant of two.
func TestConstantsSurvive(t *testing.T) {
	for _, f := range allForms() {
		{
			for _, s := range f.slots {
				if s.letter == 0 && s.number != 0 && s.number != 1 {
					t.Errorf("%s: %s has the constant %v in its form", f.row.Name, f.text, s.number)
				}
			}
		}
	}
}

// TestRowsRecogniseThemselves writes every form in other ways and with other constants.
func TestRowsRecogniseThemselves(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		row := &rows[i]
		for range 60 {
			text := row.Forms[r.IntN(len(row.Forms))]
			said, l := constants(row, text, r)
			g := disguise(t, said, r)
			m, ok := Name(g)
			if !ok || m.Name != row.Name {
				t.Fatalf("%s: %s, whose form is %s, is recognised as %q", row.Name, g, g.Canonical(), m.Name)
			}
			if want, got := shares(&l), shares(&m.letters); !slices.EqualFunc(want, got, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
				t.Fatalf("%s: %s: the shares are %v, not %v", row.Name, said, got, want)
			}
		}
	}
}

// shares are what averages take of new values, in order of size: which of two averages is the first may be open.
func shares(l *letters) []float64 {
	var all []float64
	for _, letter := range []byte("abd") {
		if v := l.at(letter); v == v {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// constants draws the letters of a form.
func constants(row *row, text string, r *rand.Rand) (string, letters) {
	for {
		l := noLetters()
		said := substitute(text, func(letter byte) float64 {
			if l.at(letter) != l.at(letter) {
				l[letter-'a'] = draw(letter, r)
			}
			return l.at(letter)
		})
		if row.Only == nil || row.Only(&l) {
			return said, l
		}
	}
}

func draw(letter byte, r *rand.Rand) float64 {
	v := math.Round(1000*(0.002+0.9*r.Float64())) / 1000
	switch {
	case strings.IndexByte(weights, letter) >= 0 && r.IntN(4) == 0:
		return 1
	case strings.IndexByte(weights, letter) >= 0:
		return 3 * v
	case letter == 'e' || letter == 'f':
		return math.Pow(10, -3-float64(r.IntN(10)))
	}
	return v
}

// disguise writes a genome in another way that does the same, up to a positive factor.
func disguise(t *testing.T, text string, r *rand.Rand) genome.Genome {
	t.Helper()
	plain := text
	text = other(text, r, 2)
	switch r.IntN(4) {
	case 0:
		text = fmt.Sprintf("mul(%v, %s)", 0.5+r.Float64(), text)
	case 1:
		text = fmt.Sprintf("neg(mul(%s, -2))", text)
	}
	g, err := genome.Parse(text)
	if err != nil { // of too many nodes
		g, err = genome.Parse(plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Nodes) < genome.MaxNodes-2 { // nodes that nothing reads
		at := r.IntN(len(g.Nodes))
		g.Nodes = append(g.Nodes, genome.Node{Op: genome.Lookup("tanh"), Args: [3]uint8{uint8(at)}}, genome.Node{Op: genome.X})
	}
	return g
}

// other rewrites some of the operators of a text, each by what is the same.
func other(text string, r *rand.Rand, budget int) string {
	name, args, k := split(text)
	for i := range args {
		args[i] = other(args[i], r, budget)
	}
	if name == "" || r.IntN(budget+1) == 0 {
		return join(text, name, args, k)
	}
	swapped := func() string { return join(text, name, []string{args[1], args[0]}, k) }
	var ways []string
	switch name {
	case "add":
		ways = []string{swapped(), "sub(" + args[0] + ", neg(" + args[1] + "))"}
	case "mul", "min", "max", "dot":
		ways = []string{swapped()}
	case "sub":
		ways = []string{"add(" + args[0] + ", neg(" + args[1] + "))", "neg(sub(" + args[1] + ", " + args[0] + "))"}
	case "div":
		ways = []string{"mul(" + args[0] + ", recip(" + args[1] + "))", "div(neg(" + args[0] + "), neg(" + args[1] + "))"}
	case "square":
		ways = []string{"mul(" + args[0] + ", " + args[0] + ")", "square(neg(" + args[0] + "))", "square(abs(" + args[0] + "))"}
	case "sqrt":
		ways = []string{"sqrt(abs(" + args[0] + "))", "sqrt(neg(" + args[0] + "))"}
	case "sign", "ema", "avg", "total", "prev", "rmsnorm", "mean":
		ways = []string{"neg(" + join(text, name, []string{"neg(" + args[0] + ")"}, k) + ")"}
	case "abs":
		ways = []string{"max(" + args[0] + ", neg(" + args[0] + "))"}
	}
	ways = append(ways, "neg(neg("+join(text, name, args, k)+"))")
	return ways[r.IntN(len(ways))]
}

// split takes an operator from its arguments and its constant.
func split(text string) (name string, args []string, k string) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return "", nil, ""
	}
	depth, from := 0, open+1
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 1 && (text[i] == ',' || text[i] == ';') || depth == 0 {
			if part := strings.TrimSpace(text[from:i]); len(args) > 0 && text[from-1] == ';' {
				k = part
			} else {
				args = append(args, part)
			}
			from = i + 1
		}
	}
	return text[:open], args, k
}

func join(text, name string, args []string, k string) string {
	if name == "" {
		return text
	}
	if k != "" {
		k = "; " + k
	}
	return name + "(" + strings.Join(args, ", ") + k + ")"
}

// TestStarts recognises what searches begin with.
func TestStarts(t *testing.T) {
	for start, want := range map[string]string{
		"sgd": "gradient descent", "adamw": "Adam, β1 = 0.9, β2 = 0.999, eps = 1e-8", "lion": "Lion, β1 = 0.9, β2 = 0.99",
	} {
		g, err := genome.Start(start)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := Name(g); !ok || m.String() != want {
			t.Errorf("%s: %s, not %s", start, m, want)
		}
	}
	g, err := genome.Start("empty")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := Name(g); ok {
		t.Errorf("no update is recognised as %s", m)
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"sign(ema(g; 0.1))":                                                                 "signed momentum, β = 0.9",
		"sign(lerp(prev(ema(g; 0.01)), g; 0.1))":                                            "Lion, β1 = 0.9, β2 = 0.99",
		"sign(lerp(ema(g; 0.01), g; 0.0909090909090909))":                                   "Lion, β1 = 0.9, β2 = 0.99",
		"add(mul(0.9, ema(g; 0.1)), mul(0.1, g))":                                           "Nesterov momentum, β = 0.9, ν = 0.9",
		"add(g, mul(9, ema(g; 0.1)))":                                                       "Nesterov momentum, β = 0.9, ν = 0.9",
		"div(g, add(1e-10, sqrt(total(square(g)))))":                                        "AdaGrad, eps = 1e-10",
		"mul(g, min(1, div(2, sqrt(dot(g, g)))))":                                           "norm-clipped gradient, bound = 2",
		"mul(sign(g), abs(div(ema(g; 0.1), sqrt(ema(square(g); 0.01)))))":                   "Grams, β1 = 0.9, β2 = 0.99",
		"where(mul(ema(g; 0.1), g), ema(g; 0.1), 0)":                                        "cautious momentum, β = 0.9",
		"ema(div(g, add(sqrt(ema(square(g); 0.01)), 1e-8)); 0.1)":                           "RMSProp with momentum, β = 0.99, momentum = 0.9, eps = 1e-8",
		"mul(add(ema(g; 0.1), mul(5, ema(g; 0.0001))), recip(sqrt(avg(square(g); 0.001))))": "AdEMAMix, β1 = 0.9, β2 = 0.999, β3 = 0.9999, α = 5",
	} {
		g, err := genome.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := Name(g); !ok || m.String() != want {
			t.Errorf("%s: %s, not %s", text, m.String(), want)
		}
	}
}

// TestOthersAreNotRecognised shows that what differs in more than constants is another rule.
func TestOthersAreNotRecognised(t *testing.T) {
	for _, text := range []string{
		"mul(0, g)", "neg(g)", "neg(sign(g))", "x", "add(g, x)", "prev(g)", "sign(prev(g))", "div(ema(g; 0.1), sub(sqrt(ema(square(g); 0.1)), 1e-8))",
		"div(ema(g; 0.1), sqrt(ema(g; 0.1)))", "div(ema(square(g); 0.1), sqrt(ema(square(g); 0.1)))", "sub(g, ema(g; 0.1))", "sub(mul(0.5, g), prev(g))", "sub(g, prev(g))",
		"where(mul(g, ema(g; 0.1)), mul(0.5, g), mul(2, g))", "where(mul(ema(g; 0.1), g), ema(g; 0.1), 1)", "where(mul(ema(g; 0.1), g), ema(g; 0.2), 0)",
		"div(ema(g; 0.1), add(sqrt(ema(square(g); 0.1)), g))", "div(add(ema(g; 0.1), 1), sqrt(ema(square(g); 0.1)))", "mul(mean(g), g)",
		"div(ema(g; 0.1), sqrt(ema(square(sub(g, ema(g; 0.2))); 0.1)))",
	} {
		g, err := genome.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := Name(g); ok {
			t.Errorf("%s is recognised as %s by %s", text, m, m.form.text)
		}
	}
}

// TestMutants changes rules at random. One that is recognised must do what the form does with the constants that were
// found; one that differs from its rule by more than constants is not recognised as it then.
func TestMutants(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := genome.DefaultMutator()
	m.MaxStates, m.MaxNodes = 6, 40
	m.Leaves = []genome.Op{genome.G, genome.X}
	recognised := map[string]int{}
	total := 0
	for i := range rows {
		for range 120 {
			said, _ := constants(&rows[i], rows[i].Forms[r.IntN(len(rows[i].Forms))], r)
			g := disguise(t, said, r)
			for range 1 + r.IntN(4) {
				g = m.Mutate(g, r)
			}
			total++
			match, ok := Name(g)
			if !ok {
				continue
			}
			recognised[match.Name]++
			again, err := genome.Parse(substitute(match.form.text, match.letters.at))
			if err != nil {
				t.Fatalf("%s: %v", match.form.text, err)
			}
			if !alike(t, g.Canonical(), again) {
				t.Fatalf("%s is taken for %s as %s", g, match, again)
			}
		}
	}
	n := 0
	for _, c := range recognised {
		n += c
	}
	t.Logf("of %d mutants %d are %d known rules", total, n, len(recognised))
	if len(recognised) < len(rows)*3/4 {
		t.Errorf("of %d rules only %d were met", len(rows), len(recognised))
	}
}

// alike reports whether two genomes do the same: by their fingerprints, or within rounding and the scale of the first step.
func alike(t *testing.T, a, b genome.Genome) bool {
	t.Helper()
	var taker seen.Taker
	p, errA := taker.Take(a)
	q, errB := taker.Take(b)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if p.Digest == q.Digest {
		return true
	}
	u, v := updates(t, a), updates(t, b)
	for i := range u {
		if math.Abs(u[i]-v[i]) > 1e-3*(1+math.Abs(u[i])) {
			return false
		}
	}
	return true
}

// updates are those of some steps, relative to the size of the first that is not zero.
func updates(t *testing.T, g genome.Genome) []float64 {
	t.Helper()
	p, err := vm.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	m := p.New([]int{n})
	r := rand.New(rand.NewPCG(7, 8))
	var all []float64
	unit := 0.0
	for range 6 {
		out, x, grad := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range grad {
			x[i], grad[i] = float32(r.NormFloat64()), float32(math.Copysign(0.3+r.Float64(), r.NormFloat64()))
		}
		m.Update([][]float32{out}, [][]float32{x}, [][]float32{grad})
		for i := range out {
			if unit == 0 {
				unit = math.Abs(float64(out[i]))
			}
			all = append(all, float64(out[i])/math.Max(unit, 1e-30))
		}
	}
	return all
}

func TestFamilies(t *testing.T) {
	for text, want := range map[string]Family{
		"g": Gradient, "mul(3, g)": Gradient, "neg(g)": Other, "total(g)": Momentum, "ema(ema(g; 0.1); 0.2)": Momentum, "lerp(ema(g; 0.1), g; 0.1)": Momentum,
		"sign(g)": Sign, "sign(ema(g; 0.1))": SignMean, "sign(tanh(ema(g; 0.1)))": SignMean, "sign(add(ema(g; 0.1), g))": LionForm,
		"sign(lerp(prev(ema(g; 0.01)), g; 0.1))": LionForm, "sign(sub(ema(g; 0.1), g))": Other, "sign(div(ema(g; 0.1), sqrt(ema(square(g); 0.1))))": SignMean,
		"rmsnorm(g)": Normalised, "div(g, sqrt(dot(g, g)))": Normalised, "div(ema(g; 0.1), max(0.1, rms(ema(g; 0.1))))": Normalised,
		"div(g, sqrt(total(square(g))))": Adaptive, "div(g, most(abs(g)))": Adaptive, "div(g, sqrt(g))": Other,
		"div(ema(g; 0.1), add(sqrt(ema(square(g); 0.1)), 1e-8))":                                     AdamLike,
		"div(ema(g; 0.1), sqrt(ema(square(ema(g; 0.3)); 0.1)))":                                      AdamLike,
		"rmsnorm(div(lerp(avg(g; 0.1), g; 0.2), sqrt(most(ema(square(sub(g, ema(g; 0.2))); 0.1)))))": AdamLike,
		"clip(div(total(g), sqrt(total(square(g)))), 2)":                                             AdamLike,
		"where(mul(g, ema(g; 0.1)), div(ema(g; 0.1), sqrt(avg(square(g); 0.2))), 0)":                 AdamLike,
		"mul(div(ema(g; 0.1), sqrt(avg(square(g); 0.2))), max(0, sign(mul(g, ema(g; 0.1)))))":        AdamLike,
		"ema(div(g, sqrt(avg(square(g); 0.2))); 0.1)":                                                MeanOfThem,
		"add(g, x)": Other, "mul(g, mean(g))": Other, "div(ema(g; 0.1), sub(sqrt(ema(square(g); 0.1)), 1))": Other, "div(sub(g, ema(g; 0.1)), sqrt(ema(square(g); 0.1)))": Other,
	} {
		g, err := genome.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if f := FamilyOf(g); f != want {
			t.Errorf("%s: %q, not %q", text, f, want)
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	for row, want := range map[string]Family{
		"Adam": AdamLike, "AMSGrad": AdamLike, "AdaBelief": AdamLike, "NAdam": AdamLike, "Lion": LionForm, "signed momentum": SignMean, "momentum": Momentum,
		"RMSProp": Adaptive, "AdaGrad": Adaptive, "LaProp": MeanOfThem, "normalised momentum": Normalised, "cautious Lion": LionForm, "cautious Adam": AdamLike, "Padam": AdamLike,
	} {
		for i := range rows {
			if rows[i].Name != row {
				continue
			}
			for range 40 {
				said, _ := constants(&rows[i], rows[i].Forms[r.IntN(len(rows[i].Forms))], r)
				dbg := disguise(t, said, r).Canonical()
				if m, _ := Name(dbg); m.Family != want {
					t.Errorf("%s as %s is of the family %q, not %q: %s", row, said, m.Family, want, dbg)
				}
			}
		}
	}
}

// TestAnyGenome names what a search comes by, as it stands and in canonical form, the same.
func TestAnyGenome(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	m := genome.DefaultMutator()
	for i := range 3000 {
		g, err := genome.Start(genome.Starts[i%len(genome.Starts)].Name)
		if err != nil {
			t.Fatal(err)
		}
		for range r.IntN(30) {
			g = m.Mutate(g, r)
		}
		a, okA := Name(g)
		b, okB := Name(g.Canonical())
		if okA != okB || a.String() != b.String() || a.Family != b.Family || FamilyOf(g) != FamilyOf(g.Canonical()) {
			t.Fatalf("%s is %s, its form %s", g, a, b)
		}
	}
}

// BenchmarkName names what a search comes by.
func BenchmarkName(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	m := genome.DefaultMutator()
	g, err := genome.Start("adamw")
	if err != nil {
		b.Fatal(err)
	}
	var all []genome.Genome
	for i := range 1000 {
		if i%20 == 0 {
			g, _ = genome.Start(genome.Starts[1+i/20%3].Name)
		}
		g = m.Mutate(g, r)
		all = append(all, g.Canonical())
	}
	index()
	named := 0
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := Name(all[n%len(all)]); ok {
			named++
		}
		n++
	}
	b.ReportMetric(float64(named)/float64(n), "named/op")
}
