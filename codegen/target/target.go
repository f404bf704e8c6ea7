// Package target is what code generators share: what they are given and what they give.
package target

import "github.com/optc-lang/optc/compiler"

// Output is one generated file.
type Output struct {
	Name string
	Data []byte
}

// DType is an element type that kernels are generated for.
type DType uint8

// The element types.
const (
	F32 DType = iota
	F64
)

// String is the name on the command line.
func (d DType) String() string { return [...]string{"f32", "f64"}[d] }

// Go is the name of the type in Go.
func (d DType) Go() string { return [...]string{"float32", "float64"}[d] }

// Size is the number of bytes of an element.
func (d DType) Size() int { return [...]int{4, 8}[d] }

// Request asks for the files of one rule file.
type Request struct {
	Package string           // of the generated Go code
	Base    string           // output names are Base_opt.go, Base_opt_amd64.s, ...
	Source  string           // the rule file, as the header names it
	Version string           // of optc
	Rules   []*compiler.Rule // with distinct names
	DTypes  []DType
}
