// Package codegen turns compiled rules into files: it knows which targets there are, and nothing about any.
package codegen

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"

	"github.com/optc-lang/optc/codegen/goasm"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/python"
	"github.com/optc-lang/optc/codegen/target"
)

// arch is an architecture with assembly kernels. ADD A TARGET HERE.
type arch struct {
	name    string // GOARCH
	engines []engine
}

type engine struct {
	name string // of the constant in the runtime
	isa  goasm.ISA
}

var archs = []arch{
	{"amd64", []engine{{"AVX2", goasm.AVX2}, {"AVX512", goasm.AVX512}}},
	{"arm64", []engine{{"NEON", goasm.NEON}}},
}

// Hosts are the targets beside Go: libraries of Python, one module a rule file.
var Hosts = python.Hosts

// Refusal says why a host cannot run a rule that Go can.
type Refusal = python.Refusal

// EmitFor generates the module of a request for a host. An error is a [Refusal] or a defect of the compiler.
func EmitFor(host python.Host, req target.Request) ([]target.Output, error) {
	text, err := python.Emit(host, req)
	if err != nil {
		return nil, err
	}
	return []target.Output{{Name: python.FileName(host, req.Base), Data: text}}, nil
}

// Emit generates the files for a request, in a fixed order. Same request, same bytes. An error is a defect of the compiler.
func Emit(req target.Request) ([]target.Output, error) {
	src, kernels, err := gosrc.Emit(req)
	if err != nil {
		return nil, err
	}
	out := []target.Output{{Name: req.Base + "_opt.go", Data: src}}
	if len(kernels) == 0 {
		return out, nil
	}
	var not []string
	for _, a := range archs {
		files, err := a.emit(req, kernels)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
		not = append(not, "!"+a.name)
	}
	portable, err := table(req, strings.Join(not, " && ")+" || purego", kernels, nil)
	if err != nil {
		return nil, err
	}
	return append(out, target.Output{Name: req.Base + "_opt_noasm.go", Data: portable}), nil
}

// emit prints an architecture's assembly and the Go declarations beside it.
func (a arch) emit(req target.Request, kernels []gosrc.AsmKernel) ([]target.Output, error) {
	var bodies [][]byte
	for _, k := range kernels {
		for _, e := range a.engines {
			if !goasm.Supports(e.isa, k.Kernel) {
				continue
			}
			body, err := goasm.Emit(e.isa, goasm.DType(k.DType), k.Symbol+e.name, k.Kernel)
			if err != nil {
				return nil, err
			}
			bodies = append(bodies, body)
		}
	}
	decls, err := table(req, "!purego", kernels, a.engines)
	if err != nil {
		return nil, err
	}
	asm := goasm.File(gosrc.Header(req, "!purego"), bodies)
	return []target.Output{
		{Name: fmt.Sprintf("%s_opt_%s.go", req.Base, a.name), Data: decls},
		{Name: fmt.Sprintf("%s_opt_%s.s", req.Base, a.name), Data: asm},
	}, nil
}

// table prints, under a build constraint, which kernels each pass has.
func table(req target.Request, build string, kernels []gosrc.AsmKernel, engines []engine) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(gosrc.Header(req, build))
	fmt.Fprintf(&b, "\npackage %s\n\nimport optrt %q\n", req.Package, "github.com/optc-lang/optc/runtime")
	for _, k := range kernels {
		b.WriteString("\n")
		var entries []string
		if !k.Direct {
			entries = append(entries, "optrt.Go: "+k.Symbol)
		}
		for _, e := range engines {
			if goasm.Supports(e.isa, k.Kernel) {
				fmt.Fprintf(&b, "//go:noescape\nfunc %s%s(a *optrt.Args)\n\n", k.Symbol, e.name)
				entries = append(entries, fmt.Sprintf("optrt.%s: %s%s", e.name, k.Symbol, e.name))
			}
		}
		fmt.Fprintf(&b, "var %sKernels = [optrt.NumEngines]optrt.Kernel{%s}\n", k.Symbol, strings.Join(entries, ", "))
	}
	return format.Source(b.Bytes())
}
