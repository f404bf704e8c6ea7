package search

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStarts holds that what cannot be begun with is refused with what can.
func TestStarts(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const step = "{ hyper lr = 1\n x <- x - lr*g }\n"
	two, none, wrong := write("two.opt", "rule down "+step+"rule slope "+step), write("none.opt", "fn f(u) = u\n"), write("wrong.opt", "rule down { x <- y }\n")
	for name, want := range map[string]string{
		two:             "start " + two + ": the file declares 2 rules: name the one to begin with, as " + two + ":down; there are down, slope",
		two + ":slop":   "start " + two + ":slop: the file has no rule slop; did you mean slope?",
		two + ":nosuch": "start " + two + ":nosuch: the file has no rule nosuch; there are down, slope",
		none:            "start " + none + ": the file declares no rule",
		none + ":f":     "start " + none + ": the file declares no rule",
		wrong:           "start: wrong.opt:1:18: error: ",
		"std/adm":       "start std/adm: the library has no rule adm; did you mean adam?",
		"std/prodigy":   "start: optc/std/prodigy.opt:",
		"adm":           `start: no start "adm"; did you mean adamw or std/adam?; there are empty, sgd, adamw, lion, std/NAME of the library, FILE.opt, FILE.opt:RULE, or a rule over g`,
		"lin":           `no start "lin"; did you mean lion`,
		"adagrad":       `no start "adagrad"; did you mean std/adagrad?`,
		"perceptron":    `no start "perceptron"; there are empty`,
		"sgn(g)":        `"sgn" is neither an operator nor a number`,
		"missing.opt:a": "missing.opt",
	} {
		_, err := start(name)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), ":0:0:") {
			t.Errorf("%s: the error is %v\nwant %s", name, err, want)
		}
	}
	if _, err := start("std/nosuch"); err == nil || !strings.HasPrefix(err.Error(), "start std/nosuch: the library has no rule nosuch; there are ada") {
		t.Errorf("the error is %v", err)
	}
	for _, name := range []string{"sgd", two + ":slope", "std/adam", "sign(g)"} {
		if _, err := start(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
