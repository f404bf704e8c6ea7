package stdlib_test

import (
	"io/fs"
	"testing"

	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// TestCanonical holds the library to the formatter's layout.
func TestCanonical(t *testing.T) {
	names, err := fs.Glob(stdlib.FS, "*.opt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(stdlib.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		tree, diags := lang.Parse(name, src)
		if len(diags) > 0 || string(lang.Format(tree)) != string(src) {
			t.Errorf("%s: run `optc fmt -w` on it %v", name, diags)
		}
	}
}
