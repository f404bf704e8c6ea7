package compiler_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/stdlib"
)

// TestDocumentedRules compiles every block of the language's reference and of the README.
func TestDocumentedRules(t *testing.T) {
	blocks := 0
	for path, pattern := range map[string]string{"../lang/language.md": "(?s)```\n(.*?)```", "../README.md": `(?m)((?:^    .*\n|^\n)+)`} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(block[1], "rule ") {
				continue
			}
			blocks++
			compileAll(t, block[1])
		}
	}
	if blocks < 6 {
		t.Errorf("only %d blocks found", blocks)
	}
}

func compileAll(t *testing.T, text string) {
	t.Helper()
	u, diags := compiler.Load(fstest.MapFS{"doc.opt": {Data: []byte(text)}}, "doc.opt", stdlib.FS)
	if len(diags) > 0 {
		t.Errorf("%v\n%s", diags, text)
		return
	}
	for _, name := range u.Rules() {
		if r, diags, err := compiler.Compile(u, name, compiler.Settings{}); r == nil || err != nil || len(diags) > 0 {
			t.Errorf("%s: %v %v\n%s", name, diags, err, text)
		}
	}
}
