package main

import (
	"github.com/optc-lang/optc/codegen/goasm"
	"github.com/optc-lang/optc/compiler"
	optrt "github.com/optc-lang/optc/runtime"
)

// interpEngine is the interpreter: it needs no toolchain.
const interpEngine = "interp"

// isaEngine is the engine whose kernels are of an instruction set.
func isaEngine(isa goasm.ISA) optrt.Engine {
	if isa == goasm.AVX512 {
		return optrt.AVX512
	}
	return optrt.AVX2
}

// lacking is an operator of the rule that an instruction set has not, or "".
func lacking(r *compiler.Rule, isa goasm.ISA) string {
	for _, k := range r.Plan.Kernels {
		for _, in := range k.Instrs {
			if !goasm.Has(isa, in.Op) {
				return in.Op
			}
		}
	}
	return ""
}

// checkEngine refuses an engine that is asked for and cannot be had: never another one instead. "" is the fastest.
func checkEngine(r *compiler.Rule, name string) error {
	if name == "" {
		return nil
	}
	e, err := optrt.ParseEngine(name)
	if err != nil {
		return usagef("%v", err)
	}
	if !optrt.Has(e) {
		return usagef("this CPU lacks the engine %s", e)
	}
	for _, isa := range []goasm.ISA{goasm.AVX2, goasm.AVX512} {
		if isaEngine(isa) == e {
			if op := lacking(r, isa); op != "" {
				return usagef("rule %s has no %s kernel, because of the operator %s; its engines are go and interp", r.Name, e, op)
			}
		}
	}
	return nil
}
