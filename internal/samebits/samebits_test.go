package samebits

import (
	"strings"
	"testing"
)

// TestHouse holds the packages of this module whose results are promised to be the same bits everywhere. Those of the search
// have a test like it.
func TestHouse(t *testing.T) {
	faults, err := Folders("../../runtime", "../../runtime/elem", "../../runtime/matrix", "../gemm", "../../tasks",
		"../../compiler/interp", "../../compiler/op", "../../compiler/elementary")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

func TestFaults(t *testing.T) {
	const head = "package p\nimport m \"math\"\nfunc f[T any](a T) float64 { return m.Pi }\nfunc g(a, b float64, n int) float64 {\n"
	for body, want := range map[string]string{
		"return a*b + 1":                  "a product",
		"return (a*b) - 1":                "a product",
		"return f(a * b)":                 "a product", // f may be inlined
		"a *= b; return a":                "a product",
		"return m.Exp(a)":                 "math.Exp",
		"return m.FMA(a, b, a)":           "math.FMA",
		"return float64(a*b) + 1":         "",
		"return float64((a*b)) + 1":       "",
		"return a*b/2":                    "",
		"return a*b*a/a + m.Sqrt(b)":      "",
		"n *= 2; return float64(n*n + 1)": "",
		"return 2.0*3 + a":                "",
		"return f(a*b > 1)":               "",
	} {
		faults, err := Source(head + body + "\n}")
		if err != nil {
			t.Fatal(body, err)
		}
		if got := strings.Join(faults, ""); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
