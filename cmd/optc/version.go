package main

import (
	"fmt"
	"runtime"

	"github.com/optc-lang/optc/internal/version"
)

type versionCmd struct{}

// Help is the verb's example.
func (versionCmd) Help() string {
	return `Example:
  optc version`
}

// Run prints the versions.
func (versionCmd) Run(c *console) error {
	fmt.Fprintln(c.out, versions())
	return nil
}

func versions() string {
	return fmt.Sprintf("optc %s %s %s/%s", version.Module(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
