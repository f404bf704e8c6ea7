package compiler_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
)

// TestFastMath holds what Settings.Math changes: the program that interpreter and plan share, its dumps and its digest.
func TestFastMath(t *testing.T) {
	plain, strict := compile(t, adam, compiler.Settings{}), compile(t, adam, compiler.Settings{Math: compiler.Strict})
	fast := compile(t, adam, compiler.Settings{Math: compiler.Fast})
	if plain.Digest != strict.Digest || plain.Plan.String() != strict.Plan.String() {
		t.Error("strict is not what is compiled when nothing is said")
	}
	if fast.Digest == strict.Digest || fast.Plan.String() == strict.Plan.String() {
		t.Error("fast is strict")
	}
	for i, d := range fast.Dumps {
		if d.Pass == "real" {
			if fast.Dumps[i-1].Pass != "simplify" || d.Text != fast.Checked.String() || d.Text == fast.Dumps[i-1].Text {
				t.Errorf("after %s:\n%s\nthe interpreter runs\n%s", fast.Dumps[i-1].Pass, d.Text, fast.Checked)
			}
		}
	}
	digests := map[string]bool{}
	for _, k := range strict.Plan.Kernels {
		digests[k.Digest] = true
	}
	for _, k := range fast.Plan.Kernels {
		if !k.Fast || digests[k.Digest] {
			t.Errorf("%s: fast is %t and its digest %s that of a strict kernel", k.Name, k.Fast, k.Digest)
		}
	}
	again := compile(t, adam, compiler.Settings{Math: compiler.Fast})
	if again.Digest != fast.Digest || again.Plan.String() != fast.Plan.String() {
		t.Error("two results")
	}
}

// TestFastMathOfNothing holds that a rule that fast leaves as it is has another digest all the same: its next version
// may be rewritten.
func TestFastMathOfNothing(t *testing.T) {
	text := "rule r { x <- x - g }"
	strict, fast := compile(t, text, compiler.Settings{}), compile(t, text, compiler.Settings{Math: compiler.Fast})
	if len(ir.Reachable(fast.Checked.X)) != len(ir.Reachable(strict.Checked.X)) || fast.Digest == strict.Digest {
		t.Errorf("%s and %s", strict.Checked, fast.Checked)
	}
	for _, stages := range [][]ir.Stage{fast.Plan.First, fast.Plan.Later} {
		for _, s := range stages {
			if s.Kernel != nil && (!s.Kernel.Fast || s.Kernel.Digest == strict.Plan.Kernels[0].Digest) {
				t.Errorf("a stage has the kernel %s of strict math", s.Kernel.Digest)
			}
		}
	}
	u, _ := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if _, _, err := compiler.Compile(u, "r", compiler.Settings{Math: "quick"}); err == nil || !strings.Contains(err.Error(), `math "quick" is neither strict nor fast`) {
		t.Errorf("quick: %v", err)
	}
}
