package oracle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

const folder = "../../testdata/oracle"

// The folder next, where there is one, holds the cases of rules that the library does not have yet.
var readAll = sync.OnceValues(func() (all []Case, err error) {
	for _, f := range []string{folder, folder + "/next"} {
		if _, err := os.Stat(f); f != folder && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		cases, err := Cases(os.DirFS(f))
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return all, nil
})

func committed(t *testing.T) []Case {
	t.Helper()
	cases, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestCasesCoverTheLibrary(t *testing.T) {
	seen := map[string]int{}
	for _, c := range committed(t) {
		seen[c.Rule+" "+string(c.DType)]++
		if c.Reference == "" || c.Formula == "" || c.Call == "" {
			t.Errorf("%s: incomplete metadata", c.Name)
		}
		last, ok := c.After(100)
		if !ok || len(last.Params) != len(c.Tensors) {
			t.Errorf("%s: no step 100", c.Name)
		}
		for _, s := range c.Steps {
			if _, ok := c.After(s - 1); c.DType == F32 && slices.Contains([]int{1, 2, 3, 10, 100}, s) && !ok {
				t.Errorf("%s: step %d has no state before it", c.Name, s)
			}
		}
	}
	for _, rule := range strings.Fields("sgd adagrad rmsprop adam adamw amsgrad lion signum lamb lars dog") {
		for _, d := range []string{" f64", " f32"} {
			if seen[rule+d] < 2 {
				t.Errorf("%s%s: %d cases", rule, d, seen[rule+d])
			}
		}
	}
}

// Every formula has cases of both types, so that a rule written from it can be held against something.
func TestCasesCoverTheFormulas(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range committed(t) {
		seen[c.Rule+" "+string(c.DType)] = true
		if formulas[c.Rule] == nil && awaited[c.Rule] == nil {
			t.Errorf("%s: no formula for %s", c.Name, c.Rule)
		}
	}
	for rule := range awaited {
		if !seen[rule+" f64"] || !seen[rule+" f32"] {
			t.Errorf("%s: no cases in both types", rule)
		}
	}
}

// Loss, Curvature and Grad are of one function: between two points the loss changes by the mean gradient
// times the distance.
func TestLossOfQuadratic(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tried := 0
	for _, c := range committed(t) {
		if !c.Quadratic() || c.DType != F64 {
			continue
		}
		var a, b [][]float64
		want, size := 0.0, 0.0
		for k := range c.Tensors {
			x, y := c.Init(k), c.Init(k)
			for i := range y {
				y[i] += rng.NormFloat64()
			}
			ga, gb := c.Grad(1, k, x), c.Grad(1, k, y)
			for i, h := range c.Curvature(k) {
				want += (ga[i] + gb[i]) / 2 * (y[i] - x[i])
				size += h * (y[i] - x[i]) * (y[i] - x[i])
				if d := gb[i] - ga[i] - h*(y[i]-x[i]); math.Abs(d) > 1e-13*(1+math.Abs(ga[i])) {
					t.Fatalf("%s: curvature is off by %g", c.Name, d)
				}
			}
			a, b = append(a, x), append(b, y)
		}
		if got := c.Loss(b) - c.Loss(a); math.Abs(got-want) > 1e-12*(1+size+c.Loss(a)) {
			t.Errorf("%s: loss changes by %g, not %g", c.Name, got, want)
		}
		tried++
	}
	if tried < 5 {
		t.Errorf("%d quadratics", tried)
	}
}

func TestAfterOnlyStoredSteps(t *testing.T) {
	c := committed(t)[0]
	for _, step := range []int{-1, 4, 15, 101, math.MaxInt} {
		if _, ok := c.After(step); ok {
			t.Errorf("step %d is not stored", step)
		}
	}
}

// The inputs computed here are those the references were given, by the bits.
func TestInputsDigest(t *testing.T) {
	for _, c := range committed(t) {
		sha := sha256.New()
		put := func(v []float64) { binary.Write(sha, binary.LittleEndian, v) }
		for i := range c.Tensors {
			put(c.Init(i))
		}
		if c.Quadratic() {
			for i, tensor := range c.Tensors {
				put(c.fill(tensor, false, func(j int) float64 { return curvatureAt(c.Seed, i, j) }))
				put(c.fill(tensor, false, func(j int) float64 { return centreAt(c.Seed, i, j) }))
			}
		} else {
			for step := 1; step <= 100; step++ {
				for i := range c.Tensors {
					put(c.Grad(step, i, nil))
				}
			}
		}
		if got := hex.EncodeToString(sha.Sum(nil)); got != c.Digest {
			t.Errorf("%s: inputs differ: %s, want %s", c.Name, got, c.Digest)
		}
	}
}

func TestGeneratorSamples(t *testing.T) {
	raw, err := os.ReadFile(folder + "/generator.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Seed                                uint64
		Step, Tensor, Element               int
		Bits, Grad, Init, Curvature, Centre string
	}
	if err := json.Unmarshal(raw, &rows); err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	for _, r := range rows {
		if got := bits(r.Seed, kindGrad, r.Step, r.Tensor, r.Element); strconv.FormatUint(got, 16) != strings.TrimLeft(r.Bits, "0") {
			t.Errorf("bits %x, want %s", got, r.Bits)
		}
		same := func(what string, got float64, want string) {
			v, err := strconv.ParseFloat(want, 64)
			if err != nil || math.Float64bits(v) != math.Float64bits(got) {
				t.Errorf("%+v: %s is %x", r, what, got)
			}
		}
		same("grad", gradAt(r.Seed, r.Step, r.Tensor, r.Element), r.Grad)
		same("init", initAt(r.Seed, r.Tensor, r.Element), r.Init)
		same("curvature", curvatureAt(r.Seed, r.Tensor, r.Element), r.Curvature)
		same("centre", centreAt(r.Seed, r.Tensor, r.Element), r.Centre)
	}
}

// Gradients must be worth testing with: many magnitudes, both signs, some exact zeros.
func TestGradientsAreVaried(t *testing.T) {
	var zeros, negatives, n int
	smallest, largest := math.Inf(1), 0.0
	for step := 1; step <= 20; step++ {
		for i := range 1056 {
			n++
			switch g := gradAt(99, step, 6, i); {
			case g == 0:
				zeros++
			default:
				smallest, largest = min(smallest, math.Abs(g)), max(largest, math.Abs(g))
				negatives += int(math.Float64bits(g) >> 63)
			}
		}
	}
	if zeros < n/20 || zeros > n/5 || negatives < n/3 || largest/smallest < 1e5 {
		t.Errorf("%d zeros and %d negatives of %d, from %g to %g", zeros, negatives, n, smallest, largest)
	}
}

// Float32 cases serve step by step from the reference's own state; Adam in plain float32 shows how.
// 1 - beta is taken in float64: 1 - float32(0.999) is off by 5e-5, which a tensor that starts at zero shows.
func TestAdamFloat32FromState(t *testing.T) {
	compared := 0
	for _, c := range committed(t) {
		if c.Rule != "adam" || c.DType != F32 || !strings.HasPrefix(c.Reference, "torch") {
			continue
		}
		for _, step := range c.Steps {
			before, ok := c.After(step - 1)
			if !ok {
				continue
			}
			after, _ := c.After(step)
			for i := range c.Tensors {
				got := adam32(&c, step, c.Grad(step, i, nil), before, i)
				if e := Error(got, after.Params[i], before.Params[i]...); e > 5e-7 {
					t.Errorf("%s: step %d tensor %d: error %.2g", c.Name, step, i, e)
				}
				compared++
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d tensors compared", compared)
	}
}

func adam32(c *Case, step int, g []float64, before Snapshot, i int) []float64 {
	h := func(name string) float32 { return float32(c.Hypers[name]) }
	rest := func(name string) float32 { return float32(1 - c.Hypers[name]) }
	bias := func(name string) float32 { return float32(1 - math.Pow(c.Hypers[name], float64(step))) }
	out := make([]float64, len(g))
	for j := range out {
		x, m, v := float32(before.Params[i][j]), float32(before.States["exp_avg"][i][j]), float32(before.States["exp_avg_sq"][i][j])
		d := float32(g[j]) + h("weight_decay")*x
		m += rest("beta1") * (d - m)
		v = h("beta2")*v + rest("beta2")*d*d
		root := float32(math.Sqrt(float64(v / bias("beta2"))))
		out[j] = float64(x - h("lr")*(m/bias("beta1"))/(root+h("eps")))
	}
	return out
}

func TestError(t *testing.T) {
	if e := Error([]float64{1, 2}, []float64{1, 1}, 0, -4); e != 0.25 {
		t.Errorf("beside -4: %g", e)
	}
	nan := math.NaN()
	for _, c := range []struct {
		got, want []float64
		err       float64
	}{
		{[]float64{1, 2}, []float64{1, 2}, 0},
		{[]float64{1, 2.5}, []float64{1, 2}, 0.25},
		{[]float64{0, 0}, []float64{0, 0}, 0},
		{[]float64{1e-300}, []float64{0}, math.Inf(1)},
		{[]float64{1}, []float64{1, 2}, math.Inf(1)},
		{[]float64{nan, 1}, []float64{1, 1}, math.Inf(1)},
		{[]float64{math.Inf(1)}, []float64{1}, math.Inf(1)},
	} {
		if e := Error(c.got, c.want); e != c.err {
			t.Errorf("Error(%v, %v) = %g, want %g", c.got, c.want, e, c.err)
		}
	}
}

const sampleCase = "sgd-torch-momentum-f32" + Ext

func unpacked(t *testing.T) (header map[string]any, body []byte) {
	t.Helper()
	packed, err := os.Open(folder + "/" + sampleCase)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	text, body, err := split(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header, body
}

func pack(raw []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(raw)
	z.Close()
	return out.Bytes()
}

func packCase(t *testing.T, header map[string]any, body []byte) []byte {
	t.Helper()
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	raw := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(text)))
	return pack(slices.Concat(raw, text, body))
}

func load(data []byte) error {
	_, err := Cases(fstest.MapFS{sampleCase: {Data: data}})
	return err
}

func TestDamagedFilesAreErrors(t *testing.T) {
	header, body := unpacked(t)
	if err := load(packCase(t, header, body)); err != nil {
		t.Fatalf("the undamaged file: %v", err)
	}
	header["shapes"] = map[string]any{"momentum_buffer": []any{[]int{5}, []int{3, 5}, []int{}, []int{4}, []int{24}, []int{7}}}
	if err := load(packCase(t, header, body)); err != nil {
		t.Fatalf("the undamaged file with as many values of other shapes: %v", err)
	}
	delete(header, "shapes")
	damaged := map[string][]byte{
		"empty":             {},
		"not gzip":          []byte("OPTCREF1 and more"),
		"only magic":        pack([]byte(magic)),
		"other magic":       pack([]byte("OPTCREF2\x02\x00\x00\x00{}")),
		"header past end":   pack([]byte(magic + "\xff\xff\x00\x00{}")),
		"huge header":       pack([]byte(magic + "\xff\xff\xff\xff{}")),
		"header not JSON":   pack([]byte(magic + "\x02\x00\x00\x00{]")),
		"no values":         packCase(t, header, nil),
		"a value too few":   packCase(t, header, body[4:]),
		"a value too many":  packCase(t, header, append(slices.Clone(body), 0, 0, 0, 0)),
		"gzip cut":          packCase(t, header, body)[:2000],
		"larger than limit": pack(make([]byte, maxFile+1)),
	}
	for field, values := range map[string][]any{
		"dtype":   {"f16", "", "f64"},
		"problem": {"", "other"},
		"tensors": {
			[]any{}, []any{map[string]any{"shape": []int{-1}}}, []any{map[string]any{"shape": []int{0}}},
			[]any{map[string]any{"shape": []int{1 << 19, 1 << 19}}}, []any{map[string]any{"shape": []int{1 << 62, 4}}},
			[]any{map[string]any{"shape": []int{2}, "init": "one"}}, slices.Repeat([]any{map[string]any{"shape": []int{1}}}, maxTensors+1),
		},
		"steps":  {[]int{}, []int{1, 1}, []int{2, 1}, []int{-1, 1}, []int{maxStep + 1}, "x"},
		"states": {[]string{}, []string{"m", "m"}, []string{""}, strings.Fields(strings.Repeat("m ", maxNames+1))},
		"shapes": {
			map[string]any{"other": []any{}}, map[string]any{"momentum_buffer": []any{}}, map[string]any{"momentum_buffer": "x"},
			map[string]any{"momentum_buffer": []any{[]int{7}, []int{15}, []int{}, []int{24}, []int{4}, nil}},
			map[string]any{"momentum_buffer": []any{[]int{-7}, []int{15}, []int{}, []int{24}, []int{4}, []int{5}}},
			map[string]any{"momentum_buffer": []any{[]int{1 << 19, 1 << 19}, nil, nil, nil, nil, nil}},
		},
		"tolerance": {-1, 2, "x"},
		"name":      {"other"},
		"unknown":   {1},
	} {
		for _, v := range values {
			changed := map[string]any{}
			for k, old := range header {
				changed[k] = old
			}
			changed[field] = v
			text, _ := json.Marshal(v)
			damaged[field+" "+string(text[:min(len(text), 60)])] = packCase(t, changed, body)
		}
	}
	for name, data := range damaged {
		if err := load(data); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), sampleCase) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
}

// Flipped bits must never panic, and gzip's checksum sees those that change the content.
func TestFlippedBits(t *testing.T) {
	data, err := os.ReadFile(folder + "/" + sampleCase)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		bad := slices.Clone(data)
		at := 10 + rng.IntN(len(bad)-10) // the ten bytes of gzip's header hold a time and flags that change nothing
		bad[at] ^= 1 << rng.IntN(8)
		if load(bad) == nil {
			t.Fatalf("byte %d changed and no error", at)
		}
	}
}

func TestMissingFolderAndEmptyFolder(t *testing.T) {
	for _, f := range []fs.FS{os.DirFS("testdata/none"), fstest.MapFS{}} {
		if _, err := Cases(f); err == nil {
			t.Error("no error")
		}
	}
	if _, err := Load(fstest.MapFS{}, "none"+Ext); err == nil {
		t.Error("no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(magic + "\x02\x00\x00\x00{}"))
	f.Add([]byte(magic + "\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := decode(bytes.NewReader(pack(raw))); err == nil {
			if _, ok := c.After(c.Steps[0]); !ok {
				t.Error("a stored step is missing")
			}
		}
	})
}
