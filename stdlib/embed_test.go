package stdlib_test

import (
	"io/fs"
	"testing"

	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// TestCanonical holds the library to the formatter's layout.
func TestCanonical(t *testing.T) {
	files := 0
	err := fs.WalkDir(stdlib.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		src, err := fs.ReadFile(stdlib.FS, name)
		if err != nil {
			return err
		}
		tree, diags := lang.Parse(name, src)
		if len(diags) > 0 || string(lang.Format(tree)) != string(src) {
			t.Errorf("%s: run `optc fmt -w` on it %v", name, diags)
		}
		return nil
	})
	if err != nil || files < 30 {
		t.Error(files, err)
	}
}
