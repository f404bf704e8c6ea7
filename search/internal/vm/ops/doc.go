// Package ops holds the operators of genomes as compiled rules, whose kernels package vm runs one after another.
package ops

//go:generate go run ./gen
//go:generate go run github.com/optc-lang/optc/cmd/optc build ops.opt
