package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
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
	return fmt.Sprintf("optc %s %s %s/%s", moduleVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

const modulePath = "github.com/optc-lang/optc"

// moduleVersion is that of the optc module in this program, "devel" for a working copy.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	version := info.Main.Version
	for _, m := range info.Deps {
		if m.Path == modulePath {
			version = m.Version
		}
	}
	if info.Main.Path != modulePath && version == info.Main.Version || version == "" || version == "(devel)" {
		return "devel"
	}
	return version
}
