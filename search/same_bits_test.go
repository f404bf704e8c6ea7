package search

import (
	"testing"

	"github.com/optc-lang/optc/internal/samebits"
)

// TestSameBits holds what archives follow from to arithmetic that is the same on every machine.
func TestSameBits(t *testing.T) {
	faults, err := samebits.Folders("internal/vm", "internal/vm/ops", "internal/work", "internal/fitness", "internal/evolve", "internal/genome",
		"internal/seen", "internal/known", "internal/simplify", "internal/sealed")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}
