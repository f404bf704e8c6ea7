package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/optc-lang/optc"
	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/goasm"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/internal/version"
	optrt "github.com/optc-lang/optc/runtime"
)

// isaEngine is the engine whose kernels are of an instruction set.
func isaEngine(isa goasm.ISA) optrt.Engine {
	return [...]optrt.Engine{goasm.AVX2: optrt.AVX2, goasm.AVX512: optrt.AVX512, goasm.NEON: optrt.NEON}[isa]
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
func checkEngine(r *compiler.Rule, name engineFlag) error {
	if name == "" {
		return nil
	}
	e, err := optrt.ParseEngine(string(name))
	if err != nil {
		return usagef("%v", err)
	}
	if !optrt.Has(e) {
		return usagef("this CPU lacks the engine %s", e)
	}
	for _, isa := range goasm.ISAs {
		if isaEngine(isa) == e {
			if op := lacking(r, isa); op != "" {
				return usagef("rule %s has no %s kernel, because of the operator %s; its engines are go and interp", r.Name, e, op)
			}
		}
	}
	return nil
}

// interrupted is a context that ends with Ctrl-C.
func interrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// buildProgram builds a program around a rule, and around its roof unless that is nil. On a terminal it says that it does.
func buildProgram(ctx context.Context, c *console, r, roof *compiler.Rule, dtype target.DType) (string, error) {
	req := target.Request{Package: "main", Base: "rule", Source: r.Name, Version: version.Module(),
		Rules: []*compiler.Rule{r}, DTypes: []target.DType{dtype}}
	p := driver.Program{Source: optc.Source, DType: dtype.Go(), Rule: gosrc.TypeName(r.Name, dtype) + "Rule"}
	if roof != nil {
		req.Rules = append(req.Rules, roof)
		p.Roof = gosrc.TypeName(roof.Name, dtype) + "Rule"
	}
	files, err := codegen.Emit(req)
	if err != nil {
		return "", internalError{err}
	}
	for _, f := range files {
		p.Files = append(p.Files, driver.File{Name: f.Name, Data: f.Data})
	}
	p.Building = func() {
		if c.tty {
			fmt.Fprintf(c.err, "building %s ...", r.Name)
		}
	}
	path, err := driver.Build(ctx, p)
	c.clearLine()
	if errors.Is(err, driver.ErrNoToolchain) {
		return "", fmt.Errorf("%w; optc trace and optc run need none with --engine %s", err, interpEngine)
	}
	return path, err
}

// request is a request for a rule with hyperparameters.
func request(engine engineFlag, threads int, hypers []float64) host.Request {
	req := host.Request{Engine: string(engine), Workers: threads, Hypers: make([]host.Number, len(hypers))}
	for i, h := range hypers {
		req.Hypers[i] = host.Number(h)
	}
	return req
}
