package gosrc

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// optimizer prints the typed optimizer for one element type, its description and its kernels.
func (g *generator) optimizer(dt target.DType) []AsmKernel {
	typ := TypeName(g.rule.Name, dt)
	hyper := ir.GoName(g.rule.Name) + "Hyper"
	elem := jen.Id(dt.Go())
	f := g.file
	g.declare(g.typeDoc(typ, dt))
	f.Type().Id(typ).Struct(jen.Op("*").Qual(runtimePath, "Optimizer").Types(elem))

	g.declare(fmt.Sprintf("New%s makes an optimizer for params, whose data it updates in place. It allocates every state at once. Errors are\nthose of [optrt.New]: shapes, names, overlap, a hyperparameter outside its interval.", typ))
	f.Func().Id("New"+typ).Params(jen.Id("params").Index().Qual(runtimePath, "Param").Types(elem), jen.Id("hyper").Id(hyper), jen.Id("opts").Op("...").Qual(runtimePath, "Option")).
		Params(jen.Op("*").Id(typ), jen.Error()).Block(
		jen.List(jen.Id("o"), jen.Err()).Op(":=").Qual(runtimePath, "New").Call(jen.Id(g.ruleVar(dt)), jen.Id("params"), jen.Id("hyper").Dot("values").Call(), jen.Id("opts").Op("...")),
		jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err())),
		jen.Return(jen.Op("&").Id(typ).Values(jen.Id("o")), jen.Nil()))
	g.step(typ, dt)
	g.setters(typ, hyper)

	g.declare(fmt.Sprintf("%sRule describes the rule to the runtime, for programs that choose rules at run time.", typ))
	f.Func().Id(typ+"Rule").Params().Op("*").Qual(runtimePath, "Rule").Block(jen.Return(jen.Id(g.ruleVar(dt))))
	g.description(dt)
	var asm []AsmKernel
	for _, k := range g.plan.Kernels {
		g.kernel(g.symbol(k, dt), k, dt)
		asm = append(asm, AsmKernel{k, dt, g.symbol(k, dt)})
	}
	return asm
}

func (g *generator) ruleVar(dt target.DType) string {
	return lower(g.rule.Name) + "Rule" + strings.ToUpper(dt.String())
}

// typeDoc is the rule's own documentation, its formula and its cost.
func (g *generator) typeDoc(typ string, dt target.DType) string {
	p := g.plan.Program
	var b strings.Builder
	fmt.Fprintf(&b, "%s applies the rule %s to %s parameters.\n", typ, g.rule.Name, dt.Go())
	if p.Doc != "" {
		b.WriteString("\n" + p.Doc + "\n")
	}
	b.WriteString("\nOne step:\n\n")
	for _, e := range p.Formula() {
		b.WriteString("\t" + e.String() + "\n")
	}
	c := pass.CostOf(g.plan.Later)
	fmt.Fprintf(&b, "\nA step makes %s over memory and moves %d bytes a parameter.", count(c.Passes, "pass", "passes"), c.Bytes(dt.Size()))
	if p.Eval != nil {
		b.WriteString(" The model is to be evaluated at EvalParams, not at the\nparameters.")
	}
	return b.String()
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (g *generator) step(typ string, dt target.DType) {
	params := []jen.Code{jen.Id("grads").Index().Index().Id(dt.Go())}
	args := []jen.Code{jen.Id("grads"), jen.Lit(0)}
	doc := "Step takes one step. grads holds one gradient a parameter, each as long as the parameter's data; they are read, not\nchanged. After an error nothing has changed."
	if g.plan.Program.Reads("loss") {
		params = append(params, jen.Id("loss").Float64())
		args[1] = jen.Id("loss")
		doc = "Step takes one step. grads holds one gradient a parameter, each as long as the parameter's data, and loss the value of\nthe loss at the parameters. After an error nothing has changed."
	}
	g.declare(doc)
	g.file.Func().Params(jen.Id("o").Op("*").Id(typ)).Id("Step").Params(params...).Error().Block(
		jen.Return(jen.Id("o").Dot("Optimizer").Dot("Step").Call(args...)))
}

// setters prints typed access to the hyperparameters of a group.
func (g *generator) setters(typ, hyper string) {
	f := g.file
	recv := jen.Id("o").Op("*").Id(typ)
	inner := jen.Id("o").Dot("Optimizer")
	g.declare("Hyper is the hyperparameters of a group.")
	f.Func().Params(recv).Id("Hyper").Params(jen.Id("group").Int()).Params(jen.Id(hyper), jen.Error()).BlockFunc(func(b *jen.Group) {
		v := jen.Id("v")
		if len(g.plan.Program.Hypers) == 0 {
			v = jen.Id("_")
		}
		b.List(v, jen.Err()).Op(":=").Add(inner).Dot("Hypers").Call(jen.Id("group"))
		b.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id(hyper).Values(), jen.Err()))
		b.Return(jen.Id(hyper).ValuesFunc(func(b *jen.Group) {
			for i := range g.plan.Program.Hypers {
				b.Id("v").Index(jen.Lit(i))
			}
		}), jen.Nil())
	})
	g.declare("SetHyper sets all hyperparameters of a group; after an error none has changed.")
	f.Func().Params(recv).Id("SetHyper").Params(jen.Id("group").Int(), jen.Id("hyper").Id(hyper)).Error().Block(
		jen.Return(jen.Add(inner).Dot("SetHypers").Call(jen.Id("group"), jen.Id("hyper").Dot("values").Call())))
	for _, h := range g.plan.Program.Hypers {
		name := "Set" + ir.GoName(h.Name)
		g.declare(fmt.Sprintf("%s sets %s, in %s, of the groups named, or of every group when none is. It may be called between any\ntwo steps.", name, h.Name, h.Interval()))
		f.Func().Params(recv).Id(name).Params(jen.Id("v").Float64(), jen.Id("groups").Op("...").Int()).Error().Block(
			jen.Return(jen.Add(inner).Dot("Set").Call(jen.Lit(h.Name), jen.Id("v"), jen.Id("groups").Op("..."))))
	}
}

// description prints what the runtime executes.
func (g *generator) description(dt target.DType) {
	p := g.plan.Program
	steps := lower(g.rule.Name) + "Step" + strings.ToUpper(dt.String())
	first := steps
	if !g.plan.Same {
		first = lower(g.rule.Name) + "First" + strings.ToUpper(dt.String())
		g.declare("")
		g.file.Var().Id(first).Op("=").Add(g.stageList(g.plan.First, dt))
	}
	g.declare("")
	g.file.Var().Id(steps).Op("=").Add(g.stageList(g.plan.Later, dt))
	line := func(name string, value jen.Code) jen.Code { return jen.Line().Add(field(name, value)) }
	fields := []jen.Code{
		line("Name", jen.Lit(p.Name)),
		line("Digest", jen.Lit(g.rule.Digest)),
		line("Hypers", jen.Index().Qual(runtimePath, "Hyper").ValuesFunc(func(v *jen.Group) {
			for _, h := range p.Hypers {
				v.Line().Values(hyperFields(h)...)
			}
			v.Line()
		})),
		line("States", jen.Index().Qual(runtimePath, "State").ValuesFunc(func(v *jen.Group) {
			for i := range p.States {
				v.Line().Values(g.stateFields(i)...)
			}
			v.Line()
		})),
		line("ModelSlots", jen.Lit(g.frames.size[ir.Model])),
		line("GroupSlots", jen.Lit(g.frames.size[ir.Group])),
		line("TensorSlots", jen.Lit(g.frames.size[ir.Tensor])),
		line("First", jen.Id(first)),
		line("Later", jen.Id(steps)),
	}
	if g.plan.Eval != nil {
		fields = append(fields, line("Eval", g.stageList(g.plan.Eval, dt)))
	}
	fields = append(fields, line("ReadsGrad", jen.Lit(p.Reads("g"))), line("ReadsLoss", jen.Lit(p.Reads("loss"))),
		line("ElemBytes", jen.Lit(dt.Size())), jen.Line())
	g.declare("")
	g.file.Var().Id(g.ruleVar(dt)).Op("=").Op("&").Qual(runtimePath, "Rule").Values(fields...)
}

func (g *generator) stateFields(i int) []jen.Code {
	s := g.plan.Program.States[i]
	f := []jen.Code{field("Name", jen.Lit(s.Name)), field("Extent", jen.Qual(runtimePath, extentNames[s.Extent]))}
	if s.Init != 0 {
		f = append(f, field("Init", literal(s.Init)))
	}
	if s.Extent < ir.Elem {
		f = append(f, field("Slot", jen.Lit(g.frames.states[i].index)))
	}
	return f
}

func hyperFields(h ir.HyperDecl) []jen.Code {
	f := []jen.Code{field("Name", jen.Lit(h.Name)), field("Default", literal(h.Default)), field("Lo", literal(h.Lo)), field("Hi", literal(h.Hi))}
	if h.OpenLo {
		f = append(f, field("OpenLo", jen.True()))
	}
	if h.OpenHi {
		f = append(f, field("OpenHi", jen.True()))
	}
	if h.Integer {
		f = append(f, field("Integer", jen.True()))
	}
	return f
}
