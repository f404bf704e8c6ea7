// Package optc carries the sources of the packages that compiled rules run on, so that the command can build and run a
// rule without a network and without a copy of this module. It is for cmd/optc alone.
package optc

import "embed"

// Source is what a program that runs a compiled rule consists of, besides the generated code of the rule.
//
//go:embed runtime internal/gemm internal/host tasks
var Source embed.FS
