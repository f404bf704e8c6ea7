// Package compiler turns the text of a rule into a plan of kernels. Its one function reads as the list of what happens.
package compiler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/derive"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/lang"
)

// Settings fix what is decided when a rule is compiled.
type Settings = check.Settings

// Strict and Fast are the values of Settings.Math; the empty text is Strict.
const (
	Strict = "strict"
	Fast   = "fast"
)

// Rule is a compiled rule.
type Rule struct {
	Name     string
	Checked  *ir.Program // as checked, derivatives resolved, with fast math also rewritten: what the interpreter runs
	Plan     *ir.Plan
	Settings Settings
	Digest   string     // of the checked rule and the layout of its states
	Source   []byte     // the text of the file that declares it
	Decl     *lang.Rule // its declaration in that file
	Dumps    []Dump     // the program after each pass
}

// Dump is the program after a pass.
type Dump struct{ Pass, Text string }

// Load reads a file and its imports; std is the library.
func Load(fsys fs.FS, name string, std fs.FS) (*check.Unit, lang.Diagnostics) {
	return check.Load(fsys, name, std)
}

// Library is the unit of the library's own rules.
func Library(std fs.FS) (*check.Unit, lang.Diagnostics) { return check.Library(std) }

// Compile compiles one rule of a unit. Diagnostics are the user's; an error is a defect of the compiler.
func Compile(u *check.Unit, name string, set Settings) (*Rule, lang.Diagnostics, error) {
	fast := set.Math == Fast
	if !fast && set.Math != Strict && set.Math != "" {
		return nil, nil, fmt.Errorf("rule %s: math %q is neither %s nor %s", name, set.Math, Strict, Fast)
	}
	params, err := pass.ParseParams(set.Params)
	if err != nil {
		return nil, nil, fmt.Errorf("rule %s: params: %w", name, err)
	}
	checked, diags := check.Rule(u, name, set)
	if checked == nil {
		return nil, diags, nil
	}
	r := &Rule{Name: name, Settings: set}
	r.Decl, r.Source, _ = u.Rule(name)
	if set.Adjoint && params.Format != "" {
		return nil, append(diags, lang.Diagnostic{File: u.File(name), Span: r.Decl.Name.Span, Hint: "build the adjoint for float32 or float64 parameters",
			Message: "there is no adjoint for parameters in " + params.Format + ": its own parameters are derivatives, which have another range"}), nil
	}
	if set.Adjoint {
		adjoint, err := derive.Adjoint(pass.DropStates(pass.DropTold(checked)))
		if err != nil {
			return nil, append(diags, lang.Diagnostic{File: u.File(name), Span: r.Decl.Name.Span, Message: "there is no adjoint: " + err.Error()}), nil
		}
		checked, r.Name = adjoint, adjoint.Name
	}
	checked = pass.KeepParams(checked, params)
	r.Checked = checked
	r.Dumps = append(r.Dumps, Dump{"check", checked.String()})
	prog, err := pass.Run(pass.DropTold(checked), pass.Passes(fast), func(ps pass.Pass, p *ir.Program) error {
		if ps.Name == "real" {
			r.Checked = p
		}
		r.Dumps = append(r.Dumps, Dump{ps.Name, p.String()})
		if err := p.Verify(); err != nil {
			return fmt.Errorf("after pass %s: %w", ps.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, diags, err
	}
	classes := pass.Classes(prog)
	if classes == nil {
		return nil, append(diags, tooLarge(r, u, "decide less by shape and name", "it tells more than %d classes of tensors apart by shape and name", pass.MaxClasses)), nil
	}
	if work := pass.Work(prog, classes); work > pass.MaxWork {
		return nil, append(diags, tooLarge(r, u, "let fewer reductions depend on each other", "its passes over memory times its values are %d, and the limit is %d", work, pass.MaxWork)), nil
	}
	r.Plan = pass.Schedule(prog, classes)
	if fast {
		pass.FastKernels(r.Plan)
	}
	if k := pass.TooWide(r.Plan); k != nil {
		return nil, append(diags, tooLarge(r, u, "keep fewer states", "a pass touches %d arrays, and the limit is %d", len(k.Streams), pass.MaxStreams)), nil
	}
	r.Dumps = append(r.Dumps, Dump{"kernels", r.Plan.String()})
	r.Digest = digest(r.Plan.Program, fast)
	return r, diags, nil
}

// tooLarge refuses a rule that goes beyond a limit of the scheduler.
func tooLarge(r *Rule, u *check.Unit, hint, format string, args ...any) lang.Diagnostic {
	return lang.Diagnostic{File: u.File(r.Decl.Name.Name), Span: r.Decl.Name.Span, Hint: hint, Message: fmt.Sprintf("rule %s is too large: ", r.Name) + fmt.Sprintf(format, args...)}
}

// digest identifies a rule by what it computes and keeps: not by its text, its comments, the names of its lets, or the
// defaults and intervals of its hyperparameters. A rule under fast math is another than the same under strict math.
func digest(p *ir.Program, fast bool) string {
	bare := *p
	bare.Hypers = nil
	for _, h := range p.Hypers {
		bare.Hypers = append(bare.Hypers, ir.HyperDecl{Name: h.Name})
	}
	var b strings.Builder
	if fast {
		fmt.Fprintln(&b, "math", Fast)
	}
	for line := range strings.Lines(bare.String()) {
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "  # ")
		b.WriteString(line + "\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}
