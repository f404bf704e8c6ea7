package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/optc-lang/optc/internal/version"
)

// searchProgram is a program of its own, whose module has what this one must not depend on.
const (
	searchProgram = "optc-search"
	searchPackage = "github.com/optc-lang/optc/search/cmd/optc-search"
)

// searchCmd stands for the verbs of another program, which reads the rest of the command line.
type searchCmd struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"What the program optc-search is asked: see optc search --help."`
}

// Help is the verb's example.
func (searchCmd) Help() string {
	return `Evolves update rules on small real training tasks and prints them as rule files. It runs the program optc-search, which is a module of its own.

Example:
  optc search --budget 2m`
}

// Run hands the command line on.
func (cmd *searchCmd) Run(c *console) error { return search(c, cmd.Args) }

// search runs the program with the rest of a command line, and takes its exit code.
func search(c *console, args []string) error {
	program, err := findSearch()
	if err != nil {
		return err
	}
	return become(program, args)
}

// exitError is the exit code of a program that has said why.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// findSearch is the program beside this one, or on the path, or built of the module or workspace that one stands in.
func findSearch() (string, error) {
	name := searchProgram
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), name); isProgram(beside) {
			return beside, nil
		}
	}
	if found, err := exec.LookPath(searchProgram); err == nil {
		return found, nil
	}
	if exec.Command("go", "list", searchPackage).Run() == nil {
		return buildSearch(name)
	}
	return "", fmt.Errorf("the search is a program of its own: go install %s@%s", searchPackage, installVersion())
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// buildSearch builds the program into the user's cache folder.
func buildSearch(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "optc", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", path, searchPackage).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", searchPackage, err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// installVersion is the version to install: this one's, if it has one.
func installVersion() string {
	if v := version.Module(); strings.HasPrefix(v, "v") && !strings.Contains(v, "+") {
		return v
	}
	return "latest"
}
