package compiler_test

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

// keptAs compiles a rule for parameters that are kept in 16 bits; text "" is the library.
func keptAs(t *testing.T, text, name, params string) *compiler.Rule {
	t.Helper()
	u, _ := compiler.Library(stdlib.FS)
	if text != "" {
		u, _ = compiler.Load(fstest.MapFS{"rule.opt": {Data: []byte(text)}}, "rule.opt", stdlib.FS)
	}
	r, diags, err := compiler.Compile(u, name, compiler.Settings{Params: params})
	if r == nil || err != nil {
		t.Fatalf("%s: %v %v", params, diags, err)
	}
	return r
}

// TestMasterAgainstTorch holds adamw with bf16 parameters and a float32 master copy to PyTorch's AdamW over such a copy.
// The two order their arithmetic differently; so the copies differ by roundings, and the parameters where those matter.
func TestMasterAgainstTorch(t *testing.T) {
	text, err := os.ReadFile("../testdata/params/adamw-torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Hypers map[string]float64
		N      int
		Steps  map[int]struct{ X, Master string }
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	r := keptAs(t, "", "adamw", "bf16")
	m := interp.New[float32](r.Checked, []interp.Tensor{{Name: "w", Shape: []int{ref.N}}}, 1)
	for i, h := range r.Checked.Hypers {
		v, ok := ref.Hypers[h.Name]
		if !ok {
			t.Fatalf("the reference has no %s", h.Name)
		}
		m.Hypers[0][i] = v
	}
	master := len(r.Checked.States) - 1
	if s := r.Checked.States[master]; s.Name != "x.master" || s.As.Format != "" {
		t.Fatalf("the last state is %v", s)
	}
	number := func(step, i, low int) float32 {
		h := uint32(step)*1000003 + uint32(i)*7919 + 12345
		for range 3 {
			h = (h ^ h>>15) * 0x2C1B3C6D
			h ^= h >> 12
		}
		return float32(math.Ldexp(float64(int(h%255)-127), -(low + int(h>>16%8))))
	}
	for i := range m.Params[0] {
		m.Params[0][i] = number(0, i, 6)
	}
	compared, equal := 0, 0
	for step := 1; step <= 100; step++ {
		g := make([]float32, ref.N)
		for i := range g {
			g[i] = number(step, i, 10)
		}
		if err := m.Step([][]float32{g}, 0); err != nil {
			t.Fatal(err)
		}
		want, ok := ref.Steps[step]
		if !ok {
			continue
		}
		_, copies := m.State(master)
		for i, x := range m.Params[0] {
			wantMaster, wantX := math.Float32frombits(hexBits(t, want.Master[8*i:][:8])), math.Float32frombits(hexBits(t, want.X[4*i:][:4])<<16)
			if x != nearest(copies[0][i], 8) {
				t.Fatalf("step %d: x[%d] is %v, and its copy %v", step, i, x, copies[0][i])
			}
			tolerance := 4e-6 * (math.Abs(float64(wantMaster)) + 0.01*float64(step))
			if d := math.Abs(float64(copies[0][i]) - float64(wantMaster)); !(d <= tolerance) {
				t.Fatalf("step %d: the copy of x[%d] is %v, torch has %v", step, i, copies[0][i], wantMaster)
			}
			compared++
			if x == wantX {
				equal++
			}
		}
	}
	if compared != 5*ref.N || equal < compared*99/100 {
		t.Errorf("%d of %d parameters are those of torch", equal, compared)
	}
}

func hexBits(t *testing.T, text string) uint32 {
	t.Helper()
	b, err := strconv.ParseUint(text, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(b)
}

// nearest rounds to bf16, of 8 bits of significand, or f16, of 11, by other means than package elem; not for subnormal bf16.
func nearest(v float32, bits uint) float32 {
	if bits == 11 && math.Abs(float64(v)) < 0x1p-14 {
		return float32(math.RoundToEven(float64(v)*0x1p24) * 0x1p-24)
	}
	f, _ := new(big.Float).SetPrec(bits).SetMode(big.ToNearestEven).SetFloat64(float64(v)).Float32()
	return f
}

const decayed = `rule decayed {
  state m = 0
  m <- 0.9*m + 0.1*g
  x <- x - 0.01*m - 0.0001*x
}`

// TestKahanFormula follows Kahan's compensation by its formula: x = hi + lo, hi' = bf16(x'), lo' = bf16(x' - hi').
func TestKahanFormula(t *testing.T) {
	for format, bits := range map[string]uint{"bf16": 8, "f16": 11} {
		p := interp.New[float32](keptAs(t, decayed, "decayed", format+"+kahan").Checked, []interp.Tensor{{Name: "w", Shape: []int{40}}}, 1)
		n := 40
		hi, lo, m := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range hi {
			hi[i] = nearest(float32(i-20)/7+0.01, bits)
			p.Params[0][i] = hi[i]
		}
		lost := 0
		for step := range 200 {
			g := make([]float32, n)
			for i := range g {
				g[i] = nearest(float32(math.Sin(float64(step*31+i*7))), bits)
			}
			if err := p.Step([][]float32{g}, 0); err != nil {
				t.Fatal(err)
			}
			_, rest := p.State(1)
			for i := range hi {
				m[i] = float32(0.9)*m[i] + float32(float32(0.1)*g[i])
				x := hi[i] + lo[i]
				u := float32(x - float32(float32(0.01)*m[i]))
				u -= float32(float32(0.0001) * x)
				hi[i] = nearest(u, bits)
				lo[i] = nearest(u-hi[i], 8)
				if p.Params[0][i] != hi[i] || rest[0][i] != lo[i] {
					t.Fatalf("%s, step %d: x[%d] is %v + %v, not %v + %v", format, step, i, p.Params[0][i], rest[0][i], hi[i], lo[i])
				}
				if lo[i] != 0 {
					lost++
				}
			}
		}
		if lost < 100*n {
			t.Errorf("%s: only %d roundings lost anything", format, lost)
		}
	}
}

// TestSmallUpdates takes 1000 steps that are each a sixteenth of a unit in the last place: to nearest all of them are lost, and
// in no other form.
func TestSmallUpdates(t *testing.T) {
	const n, steps, rate = 256, 1000, 1.0 / (16 * 128)
	for _, c := range []struct {
		params    string
		tolerance float64
	}{{"bf16+master", 1e-6}, {"bf16+kahan", 2e-3}, {"bf16+sr", 0.02}, {"bf16+nearest", -1}} {
		r := keptAs(t, "rule plain {\n  x <- x + 0.00048828125*g\n}", "plain", c.params)
		m := interp.New[float32](r.Checked, []interp.Tensor{{Name: "w", Shape: []int{n}}}, 1)
		g := make([]float32, n)
		for i := range g {
			m.Params[0][i], g[i] = 1, 1
		}
		for range steps {
			if err := m.Step([][]float32{g}, 0); err != nil {
				t.Fatal(err)
			}
		}
		mean := elem.Reduce(elem.ReduceSum, m.Params[0]) / n
		if c.tolerance < 0 {
			if mean != 1 {
				t.Errorf("%s: %v, and every step should be lost", c.params, mean)
			}
			continue
		}
		if want := 1 + steps*rate; math.Abs(mean-want) > c.tolerance+0x1p-8 {
			t.Errorf("%s: %v, not %v", c.params, mean, want)
		}
	}
}

// TestParamsText holds the forms of the setting, and what is no form of it.
func TestParamsText(t *testing.T) {
	u, _ := compiler.Library(stdlib.FS)
	for _, text := range []string{"bf16+", "+kahan", "bf16+Kahan", "bf32", "f64", "bf16 kahan", "q8"} {
		if r, _, err := compiler.Compile(u, "adam", compiler.Settings{Params: text}); err == nil || r != nil {
			t.Errorf("%q is taken", text)
		}
	}
	digests := map[string]string{}
	for _, text := range []string{"", "bf16+master", "bf16+kahan", "bf16+sr", "bf16+nearest", "f16", "f16+kahan", "f16+sr", "f16+nearest"} {
		r, _, err := compiler.Compile(u, "adam", compiler.Settings{Params: text})
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := digests[r.Digest]; taken {
			t.Errorf("%q and %q have one digest: a checkpoint of the one would load into the other", text, other)
		}
		digests[r.Digest] = text
	}
	if r, diags, err := compiler.Compile(u, "adam", compiler.Settings{Params: "bf16", Adjoint: true}); r != nil || err != nil || !diags.HasErrors() {
		t.Errorf("an adjoint for parameters in bf16: %v %v", diags, err)
	}
}
