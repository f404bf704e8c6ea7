//go:build unix

package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoEnd holds that a file that never ends is refused and not read: neither as a spec nor as a rule nor as data.
func TestNoEnd(t *testing.T) {
	folder := t.TempDir()
	link := func(name string) string {
		path := filepath.Join(folder, name)
		if err := os.Symlink("/dev/zero", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, spec := ReadSpec(link("zero.toml"))
	_, rule := start(link("zero.opt"))
	s := Spec{Archive: filepath.Join(folder, "a.db"), Tasks: []TaskSpec{{Name: "mine", Model: "logistic", Data: link("zero.csv")}}}
	_, data := Run(context.Background(), s)
	_, inFolder := ReadSpec(folder)
	for want, err := range map[string]error{
		"zero.toml is a device": spec,
		"zero.opt is a device":  rule,
		"task mine: data " + folder + "/zero.csv: not a regular file": data,
		"is a folder": inFolder,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}

// TestPipes holds that a pipe is read as a file is, if somebody writes it.
func TestPipes(t *testing.T) {
	folder := t.TempDir()
	path, silent := filepath.Join(folder, "pipe.toml"), filepath.Join(folder, "silent.toml")
	if err := errors.Join(syscall.Mkfifo(path, 0o600), syscall.Mkfifo(silent, 0o600)); err != nil {
		t.Skip(err)
	}
	if _, err := readWithin(silent, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "nobody has written it") {
		t.Errorf("of nobody: %v", err)
	}
	for text, want := range map[string]string{"seed = 7\n": "", strings.Repeat("#", maxText+1): "more than 1048576 bytes"} {
		written := make(chan error, 1)
		go func() { written <- os.WriteFile(path, []byte(text), 0) }()
		s, err := ReadSpec(path)
		if want == "" && (err != nil || s.Seed != 7) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.10q: seed %d, %v", text, s.Seed, err)
		}
		<-written
	}
}
