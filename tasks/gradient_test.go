package tasks

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// widen is a dataset in float64.
func widen(d *dataset[float32]) *dataset[float64] {
	wide := func(x []float32) (out []float64) {
		for _, v := range x {
			out = append(out, float64(v))
		}
		return out
	}
	return &dataset[float64]{in: d.in, x: wide(d.x), class: d.class, y: wide(d.y), pair: d.pair, text: d.text, at: d.at, matrix: wide(d.matrix)}
}

func slicesFor[T float32 | float64](params []Param) [][]T {
	var out [][]T
	for _, p := range params {
		out = append(out, make([]T, p.Len()))
	}
	return out
}

// gradientError returns the largest difference between g and central finite
// differences of the loss, over the parameters that pick selects.
func gradientError(m model[float64], p, g [][]float64, rows []int, pick func() bool) (worst float64, tried int) {
	const h = 1e-6
	scratch := slicesFor[float64](m.params())
	for i := range p {
		for j, x := range p[i] {
			if !pick() {
				continue
			}
			p[i][j] = x + h
			up := m.gradient(p, scratch, rows)
			p[i][j] = x - h
			down := m.gradient(p, scratch, rows)
			p[i][j] = x
			worst = max(worst, math.Abs((up-down)/(2*h)-g[i][j]))
			tried++
		}
	}
	return worst, tried
}

// randomCase draws the widths and the data of a model. Extents of 1 are among them.
func randomCase(name string, s *stream) (Spec, shape, *dataset[float64]) {
	upTo := func(n int) int { return 1 + s.below(n) }
	spec := Spec{Name: name, Model: name}
	d := shape{rows: 12, in: upTo(6), classes: 2 + s.below(3), symbols: 2 + s.below(5), extent: [2]int{upTo(5), upTo(4)}}
	switch kind := models[name]; {
	case name == "conv":
		edge := upTo(5)
		d.in = edge * edge
		for range upTo(3) {
			spec.Widths = append(spec.Widths, upTo(3))
		}
	case name == "attention":
		heads := upTo(3)
		spec.Widths = []int{upTo(5), heads * upTo(3), heads, upTo(4)}
	case name == "chars":
		spec.Widths = []int{upTo(4), upTo(3), upTo(5)}
	case name == "factor":
		d.in = 2
		spec.Widths = []int{upTo(3)}
	case kind.kind == synthetic:
		spec.Widths = []int{upTo(6), upTo(100)}
		spec.Noise = 0.5
		spec.Sizes = [3]int{10, 1, 1}
		return spec, d, widen(spec.bowl(12, s.next()))
	case len(kind.widths) > 0:
		for range upTo(3) {
			spec.Widths = append(spec.Widths, upTo(5))
		}
	}
	data := &dataset[float64]{in: d.in}
	for range d.rows * d.in {
		data.x = append(data.x, s.symmetric())
	}
	for range d.rows {
		data.class = append(data.class, s.below(d.classes))
		data.y = append(data.y, s.symmetric())
		data.pair = append(data.pair, [2]int{s.below(d.extent[0]), s.below(d.extent[1])})
		data.at = append(data.at, s.below(20))
	}
	for range 40 {
		data.text = append(data.text, uint8(s.below(d.symbols)))
	}
	return spec, d, data
}

// TestGradient compares every derivative of every model with finite differences,
// over random shapes, parameters, data and batches.
func TestGradient(t *testing.T) {
	for _, name := range Models() {
		worst, tried := 0.0, 0
		for trial := range 12 {
			s := newStream(4, uint64(trial), uint64(len(name)), uint64(name[0]))
			spec, d, data := randomCase(name, s)
			m := build[float64](&spec, d)
			m.use(data)
			p, g := slicesFor[float64](m.params()), slicesFor[float64](m.params())
			for i := range p {
				for j := range p[i] {
					p[i][j] = 0.7 * s.symmetric()
					g[i][j] = math.NaN() // what is there before does not matter
				}
			}
			rows := make([]int, 1+s.below(9))
			for i := range rows {
				rows[i] = s.below(12)
			}
			loss := m.gradient(p, g, rows)
			error, n := gradientError(m, p, g, rows, func() bool { return true })
			if !(error <= 2e-8) {
				t.Errorf("%s %v of %+v: the gradient is off by %g", name, spec.Widths, d, error)
			}
			worst, tried = max(worst, error), tried+n
			if score := score(m, p, rows); !(math.Abs(score.Loss-loss) <= 1e-12*math.Max(1, loss)) {
				t.Errorf("%s: score %v, gradient's loss %v", name, score.Loss, loss)
			}
			if trial%4 > 0 {
				continue
			}
			for i := range g { // the same comparison must see one wrong derivative
				j := s.below(len(g[i]))
				right := g[i][j]
				g[i][j] += 1e-6
				if error, _ := gradientError(m, p, g, rows, func() bool { return true }); error < 5e-7 {
					t.Errorf("%s: a wrong derivative of %s went unseen", name, m.params()[i].Name)
				}
				g[i][j] = right
			}
		}
		t.Logf("%-12s %5d derivatives, largest error %.2g", name, tried, worst)
		if tried < 12 {
			t.Errorf("%s: %d derivatives", name, tried)
		}
	}
}

// prepared is the data of a task in both precisions, and its models.
func prepared(t *testing.T, task Task) (model[float32], model[float64]) {
	t.Helper()
	data, err := task.rows()
	if err != nil {
		t.Fatal(err)
	}
	narrow, wide := build[float32](&task.Spec, task.shape), build[float64](&task.Spec, task.shape)
	narrow.use(data)
	wide.use(widen(data))
	return narrow, wide
}

// TestTaskGradients compares, for every task on its own data, a sample of the
// derivatives in float64 with finite differences, and all in float32 with float64.
func TestTaskGradients(t *testing.T) {
	for _, task := range All() {
		narrow, wide := prepared(t, task)
		p, g := slicesFor[float32](task.Params), slicesFor[float32](task.Params)
		p64, g64 := slicesFor[float64](task.Params), slicesFor[float64](task.Params)
		narrow.init(p, 5)
		for i := range p {
			for j, v := range p[i] {
				p64[i][j] = float64(v)
			}
		}
		rows := []int{3, 1, 4, 1, 5, 9, 2, 6, task.Sizes[TrainSet], task.Sizes[TrainSet] + 1}
		loss, loss64 := narrow.gradient(p, g, rows), wide.gradient(p64, g64, rows)
		if math.Abs(float64(loss)-loss64) > 1e-5*max(1, loss64) {
			t.Errorf("%s: loss %v in float32, %v in float64", task.Name, loss, loss64)
		}
		scale := 0.0
		for _, g := range g64 {
			for _, v := range g {
				scale = max(scale, math.Abs(v))
			}
		}
		for i := range g {
			for j := range g[i] {
				if e := math.Abs(float64(g[i][j]) - g64[i][j]); !(e <= 2e-5*scale) {
					t.Fatalf("%s: gradient of %s[%d]: %v in float32, %v in float64", task.Name, task.Params[i].Name, j, g[i][j], g64[i][j])
				}
			}
		}
		s := newStream(17)
		skip := 1 + task.Elements()/40
		worst, tried := gradientError(wide, p64, g64, rows, func() bool { return s.below(skip) == 0 })
		if tried == 0 || !(worst <= 1e-7*max(1, loss64)*max(1, scale)) {
			t.Errorf("%s: the gradient, up to %g at loss %g, is off by %g in one of %d derivatives", task.Name, scale, loss64, worst, tried)
		}
	}
}

// TestShort holds the short functions to those of runtime/elem, rounded, bit for
// bit, and the error of shortExp to the bound on which that rests.
func TestShort(t *testing.T) {
	s := newStream(23)
	for i := range 2_000_000 {
		x := float32(s.symmetric() * []float64{12, 1, 0.02, 100, 1e-4, 3}[i%6])
		if i%5 == 0 {
			x = math.Float32frombits(uint32(s.next()))
		}
		for name, pair := range map[string][2]float32{"exp": {exp32(x), float32(elem.Exp(float64(x)))}, "tanh": {tanh32(x), float32(elem.Tanh(float64(x)))}, "log": {log32(x), float32(elem.Log(float64(x)))}} {
			if got, want := pair[0], pair[1]; math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
				t.Fatalf("%s(%v) = %v, want %v", name, x, got, want)
			}
		}
	}
	exp, log := 0.0, 0.0
	for i := range 300_000 {
		x := s.symmetric() * 88
		if i%2 == 0 { // the ends of the polynomial's range
			x = (float64(s.below(200)-100)+0.5)*math.Ln2 + s.symmetric()*1e-6
		}
		exp = max(exp, math.Abs(shortExp(x)/elem.Exp(x)-1))
		y := []float64{elem.Exp(x), 1 + x*0x1p-20, math.Sqrt2 * (1 + x*0x1p-40), float64(i)}[i%4]
		if log32(float32(y)) != 0 {
			log = max(log, math.Abs(shortLog(y)/elem.Log(y)-1))
		}
	}
	t.Logf("largest relative errors of shortExp and shortLog: %.2g, %.2g", exp, log)
	if !(max(exp, log) < shortError/2) {
		t.Errorf("shortExp is off by %g and shortLog by %g, more than half of %g", exp, log, shortError)
	}
}

// TestSlowModels holds the convolution and the attention to their definitions,
// written as loops over single numbers.
func TestSlowModels(t *testing.T) {
	for trial := range 20 {
		s := newStream(31, uint64(trial))
		for _, name := range []string{"conv", "attention"} {
			spec, d, data := randomCase(name, s)
			m := build[float64](&spec, d)
			m.use(data)
			p := slicesFor[float64](m.params())
			for i := range p {
				for j := range p[i] {
					p[i][j] = s.symmetric()
				}
			}
			row := s.below(12)
			want := 0.0
			if name == "conv" {
				want = slowConv(spec.Widths, data.input(row), data.class[row], d.classes, p)
			} else {
				want = slowAttention(spec.Widths, data.text[data.at[row]:], d.symbols, p)
			}
			if got := score(m, p, []int{row}).Loss; !(math.Abs(got-want) <= 1e-9*max(1, want)) {
				t.Errorf("%s %v: loss %v, want %v", name, spec.Widths, got, want)
			}
		}
	}
}

func slowConv(channels []int, image []float64, class, classes int, p [][]float64) float64 {
	in, edge, stride := 1, side(len(image)), 1
	for l, out := range channels {
		k, c := p[2*l], p[2*l+1]
		smaller := (edge + stride - 1) / stride
		var next []float64
		for y := range smaller {
			for x := range smaller {
				for o := range out {
					sum := c[o]
					for dy := range 3 {
						for dx := range 3 {
							yy, xx := y*stride+dy-1, x*stride+dx-1
							if yy < 0 || yy >= edge || xx < 0 || xx >= edge {
								continue
							}
							for i := range in {
								sum += k[((dy*3+dx)*in+i)*out+o] * image[(yy*edge+xx)*in+i]
							}
						}
					}
					next = append(next, max(sum, 0))
				}
			}
		}
		image, in, edge, stride = next, out, smaller, 2
	}
	z := slowLayer(image, p[len(p)-2], p[len(p)-1])
	return slowEntropy(z, class)
}

func slowLayer(x, w, b []float64) []float64 {
	z := slices.Clone(b)
	for i, v := range x {
		for j := range z {
			z[j] += v * w[i*len(z)+j]
		}
	}
	return z
}

func slowEntropy(z []float64, class int) float64 {
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(v)
	}
	return math.Log(sum) - z[class]
}

func slowNorm(x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	out := slices.Clone(x)
	for i := range out {
		out[i] /= math.Sqrt(sum/float64(len(x)) + 1e-6)
	}
	return out
}

func slowAttention(w []int, text []uint8, symbols int, p [][]float64) float64 {
	length, d, heads := w[0], w[1], w[2]
	var x, q, k, v [][]float64
	for t := range length {
		row := slices.Clone(p[attEmb][int(text[t])*d:][:d])
		for j := range row {
			row[j] += p[attPos][t*d+j]
		}
		none := make([]float64, d)
		x = append(x, row)
		q = append(q, slowLayer(slowNorm(row), p[attQ], none))
		k = append(k, slowLayer(slowNorm(row), p[attK], none))
		v = append(v, slowLayer(slowNorm(row), p[attV], none))
	}
	loss := 0.0
	for t := range length {
		a := make([]float64, d)
		for h := range heads {
			from, to := h*d/heads, (h+1)*d/heads
			var weight []float64
			total := 0.0
			for u := range t + 1 {
				dot := 0.0
				for j := from; j < to; j++ {
					dot += q[t][j] * k[u][j]
				}
				weight = append(weight, math.Exp(dot/math.Sqrt(float64(to-from))))
				total += weight[u]
			}
			for u := range t + 1 {
				for j := from; j < to; j++ {
					a[j] += weight[u] / total * v[u][j]
				}
			}
		}
		x1 := slowLayer(a, p[attO], x[t])
		u := slowLayer(slowNorm(x1), p[attW1], p[attB1])
		for j := range u {
			u[j] = max(u[j], 0)
		}
		x2 := slowLayer(u, p[attW2], p[attB2])
		for j := range x2 {
			x2[j] += x1[j]
		}
		loss += slowEntropy(slowLayer(slowNorm(x2), p[attU], p[attBU]), int(text[t+1]))
	}
	return loss / float64(length)
}

func ExampleModels() {
	for _, name := range Models() {
		fmt.Println(name)
	}
	// Output:
	// attention
	// autoencoder
	// chars
	// conv
	// factor
	// linear
	// logistic
	// mlp
	// quadratic
	// regression
	// rotated
	// tanh
}
