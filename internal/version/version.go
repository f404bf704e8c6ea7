// Package version tells which version of optc a program contains.
package version

import "runtime/debug"

const modulePath = "github.com/optc-lang/optc"

// Module is that of the optc module in this program, "devel" for a working copy.
func Module() string {
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
