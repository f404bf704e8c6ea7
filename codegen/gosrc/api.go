package gosrc

import (
	"cmp"
	"fmt"
	"slices"
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
	f.Type().Id(typ).Struct(jen.Op("*").Add(g.half("Optimizer", elem)))

	g.givenType(typ, false, dt)
	g.givenType(typ, true, dt)
	g.declare(fmt.Sprintf("New%s makes an optimizer for params, whose data it updates in place. It allocates every state at once. Errors are\nthose of [optrt.New]: shapes, names, overlap, a hyperparameter outside its interval.", typ))
	params := []jen.Code{jen.Id("params").Index().Add(g.half("Param", elem)), jen.Id("hyper").Id(hyper)}
	options := jen.Id("opts").Op("...")
	if values := g.givenValues(true); len(values) > 0 {
		params = append(params, jen.Id("loaded").Id(typ+"Loaded"))
		options = jen.Append(jen.Id("opts").Index(jen.Empty(), jen.Len(jen.Id("opts")), jen.Len(jen.Id("opts"))),
			jen.Qual(runtimePath, "Loaded").Call(jen.Add(g.givenList(values, "loaded", dt)).Op("..."))).Op("...")
	}
	params = append(params, jen.Id("opts").Op("...").Qual(runtimePath, "Option"))
	f.Func().Id("New"+typ).Params(params...).Params(jen.Op("*").Id(typ), jen.Error()).Block(
		jen.List(jen.Id("o"), jen.Err()).Op(":=").Qual(runtimePath, g.newFunc()).Call(jen.Id(g.ruleVar(dt)), jen.Id("params"), jen.Id("hyper").Dot("values").Call(), options),
		jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err())),
		jen.Return(jen.Op("&").Id(typ).Values(jen.Id("o")), jen.Nil()))
	g.step(typ, dt)
	g.record(typ, dt)
	g.setters(typ, hyper)

	g.declare(fmt.Sprintf("%sRule describes the rule to the runtime, for programs that choose rules at run time.", typ))
	f.Func().Id(typ+"Rule").Params().Op("*").Qual(runtimePath, "Rule").Block(jen.Return(jen.Id(g.ruleVar(dt))))
	g.description(dt)
	var asm []AsmKernel
	for _, k := range g.plan.Kernels {
		k = k.ByRows()
		g.kernel(g.symbol(k, dt), k, dt)
		asm = append(asm, AsmKernel{Kernel: k, DType: dt, Symbol: g.symbol(k, dt)})
		if d := g.direct(k, dt); d != nil {
			asm = append(asm, AsmKernel{Kernel: d, DType: dt, Symbol: g.symbol(d, dt), Direct: true})
		}
	}
	return asm
}

// half is a type of the runtime for the element type of parameters: in 16 bits it has a form of its own.
func (g *generator) half(name string, elem jen.Code) *jen.Statement {
	if h := g.params(); h != nil {
		return jen.Qual(runtimePath, "Half"+name).Types(h)
	}
	return jen.Qual(runtimePath, name).Types(elem)
}

// params is the type of parameters in 16 bits; nil of others.
func (g *generator) params() jen.Code {
	if format := g.plan.Program.Params.Format; format != "" {
		return jen.Qual(runtimePath, strings.ToUpper(format))
	}
	return nil
}

func (g *generator) newFunc() string {
	if g.params() != nil {
		return "NewHalf"
	}
	return "New"
}

func (g *generator) ruleVar(dt target.DType) string {
	return lower(g.rule.Name) + "Rule" + strings.ToUpper(dt.String())
}

// typeDoc is the rule's own documentation, its formula and its cost.
func (g *generator) typeDoc(typ string, dt target.DType) string {
	p := g.plan.Program
	var b strings.Builder
	fmt.Fprintf(&b, "%s applies the rule %s to %s parameters%s.\n", typ, g.rule.Name, cmp.Or(p.Params.Format, dt.Go()), besideDoc(p))
	if p.Doc != "" {
		b.WriteString("\n" + p.Doc + "\n")
	}
	if p.AdjointOf != "" {
		b.WriteString("\n" + adjointDoc(p, typ, dt))
	}
	b.WriteString("\nOne step:\n\n")
	for _, e := range p.Formula() {
		b.WriteString("\t" + e.String() + "\n")
	}
	c := pass.CostOf(g.plan.Later)
	if len(g.plan.Classes) > 1 {
		fmt.Fprintf(&b, "\nFor the tensors that cost most, of %d kinds told apart by shape and name, a", len(g.plan.Classes))
	} else {
		b.WriteString("\nA")
	}
	fmt.Fprintf(&b, " step makes %s over memory and moves %d bytes a parameter.", count(c.Passes, "pass", "passes"), g.traffic(c, dt))
	if n := wholeArrays(g.plan.Later); n > 0 {
		fmt.Fprintf(&b, " Beside that\nit runs %s on whole matrices.", count(n, "operator", "operators"))
	}
	if p.Eval != nil {
		b.WriteString(" The model is to be evaluated at EvalParams, not at the\nparameters.")
	}
	return b.String()
}

// traffic is what a step moves of a parameter: c arrays of the element type, or less where parameters are in 16 bits.
func (g *generator) traffic(c ir.Cost, dt target.DType) int {
	p := g.plan.Program
	if p.Params.Format == "" {
		return c.Bytes(dt.Size())
	}
	bytes, most := map[int]int{}, 0
	for _, st := range g.plan.Later {
		if st.Kernel == nil || st.Kernel.Domain != ir.Elem {
			continue
		}
		for _, s := range st.Kernel.Streams {
			if s.Extent != ir.Elem || s.Kind == ir.DrawStream || s.Kind == ir.CollectStream {
				continue
			}
			size := map[string]int{"": dt.Size(), "q8": 1, "q8root": 1}[p.Storage(s.Place).Format]
			if size == 0 {
				size = 2
			}
			if s.Read {
				bytes[st.Class] += size
			}
			if s.Write {
				bytes[st.Class] += size
			}
		}
		most = max(most, bytes[st.Class])
	}
	return most
}

// besideDoc says what is kept beside parameters in 16 bits.
func besideDoc(p *ir.Program) string {
	switch last := len(p.States) - 1; {
	case p.Params.Format == "":
		return ""
	case p.Params.Stochastic:
		return ", rounded stochastically"
	case last >= 0 && p.States[last].Name == pass.MasterState:
		return ", with a float32 copy of each beside them, which the rule reads as x"
	case last >= 0 && p.States[last].Name == pass.RestState:
		return ", with what their rounding loses beside them, which the rule reads as a part of x"
	}
	return ", rounded to nearest"
}

// wholeArrays is how many whole-array operators the stages run for the class of tensors with the most.
func wholeArrays(stages []ir.Stage) int {
	n, most := map[int]int{}, 0
	for _, s := range stages {
		if s.Array != nil {
			n[s.Class]++
			most = max(most, n[s.Class])
		}
	}
	return most
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// step prints the typed Step: what it takes beside the gradients is what the rule needs.
func (g *generator) step(typ string, dt target.DType) {
	p := g.plan.Program
	elem := jen.Id(dt.Go())
	grads, inputs := jen.Code(elem), g.half("Inputs", elem)
	if h := g.params(); h != nil {
		grads = h
	}
	params := []jen.Code{jen.Id("grads").Index().Index().Add(grads)}
	doc := "Step takes one step. grads holds one gradient a parameter, each as long as the parameter's data; they are read, not\nchanged."
	var in []jen.Code
	if p.Reads("loss") {
		params = append(params, jen.Id("loss").Float64())
		in = append(in, field("Loss", jen.Id("loss")))
		doc = "Step takes one step. grads holds one gradient a parameter, each as long as the parameter's data, and loss the value of\nthe loss at the parameters."
	}
	if probes(p) {
		params = append(params, jen.Id("closure").Add(g.half("Closure", elem)))
		in = append(in, field("Closure", jen.Id("closure")))
		doc += " closure evaluates the model again at the parameters as they then are, on the batch\nof grads: see [optrt.Closure]."
	}
	if values := g.givenValues(false); len(values) > 0 {
		params = append(params, jen.Id("given").Id(typ+"Given"))
		in = append(in, field("Given", g.givenList(values, "given", dt)))
	}
	if p.AdjointOf != "" {
		doc = fmt.Sprintf("Step goes back through a step of %s. grads are the gradients of that step,", TypeName(p.AdjointOf, dt))
		if p.Reads("loss") {
			doc += " loss its loss,"
		}
		doc += " given is\nwhat was recorded before it."
	}
	doc += " After an error nothing has changed."
	inner := "Optimizer"
	if g.params() != nil {
		inner = "HalfOptimizer"
	}
	call := jen.Id("o").Dot(inner).Dot("StepWith").Call(jen.Id("grads"), inputs.Values(in...))
	g.declare(doc)
	g.file.Func().Params(jen.Id("o").Op("*").Id(typ)).Id("Step").Params(params...).Error().Block(jen.Return(call))
}

// adjointDoc says how a step is undone, and what stands where.
func adjointDoc(p *ir.Program, typ string, dt target.DType) string {
	of, name := TypeName(p.AdjointOf, dt), ir.GoName(p.Name)
	var states, given []string
	for _, s := range p.States {
		if s.Output {
			given = append(given, s.Name)
		} else {
			states = append(states, s.Name)
		}
	}
	args, bar := "kept[t], at", ""
	if p.Reads("loss") {
		args = "kept[t], loss[t], at"
	}
	if len(given) > 0 {
		bar = fmt.Sprintf("\t\tbar, err := back.StateValue(%q)\n", given[len(given)-max(len(p.Hypers), 1)])
	}
	var b strings.Builder
	fmt.Fprintf(&b, `It carries the derivative of a number, such as the loss after a training, back through the steps of that training.
Before each step of an optimizer o of type %[1]s note what the step reads, and keep a copy of its gradients:

	at, err := Record%[1]s(o)
	err = o.Step(grads)
	tape, kept = append(tape, at), append(kept, clone(grads))

Then go back, last step first. The parameters have the names, shapes and groups of o's; their data begins as the
derivative of the number in the parameters after the training, its gradient there:

	back, err := New%[2]s(params, Default%[3]sHyper())
	for t, at := range slices.Backward(tape) {
		err = back.SetHyper(0, %[3]sHyper(hyper[t]))  // what o had in step t; of every group
		err = back.Step(%[4]s)
%[5]s	}

After each Step the data is the derivative of the number in the parameters before that step.
`, of, typ, name, args, bar)
	if len(states) > 0 {
		fmt.Fprintf(&b, `
The derivatives in the states before the step are the states
%s.
They begin at 0. Set them with SetStateValue for a number that depends on the states after the training.
`, listed(states))
	}
	if len(given) > 0 {
		fmt.Fprintf(&b, `
The derivatives in what this one step was given are
%s.
The next Step overwrites them: add them up for what is the same in all steps. A hyperparameter has one value a
group, in Steps.
`, listed(given))
	}
	if slices.Contains(given, "g_bar") {
		b.WriteString(`
The rule does not know where its gradients come from. Where they are those of a loss f at the parameters, the
derivative in the parameters has another part: after each Step add H·g_bar to the data, H being the Hessian of f
at XAt, on the batch of step t.
`)
	}
	return b.String()
}

// listed are names as lines of a comment.
func listed(names []string) string {
	var b strings.Builder
	width := 0
	for i, n := range names {
		switch width += len(n) + 2; {
		case i == 0:
		case width > 110:
			b.WriteString(",\n")
			width = len(n) + 2
		default:
			b.WriteString(", ")
		}
		b.WriteString(n)
	}
	return b.String()
}

// record prints, for an adjoint, the method that notes what a step of the rule is about to read.
func (g *generator) record(typ string, dt target.DType) {
	p := g.plan.Program
	if p.AdjointOf == "" {
		return
	}
	of := TypeName(p.AdjointOf, dt)
	given := typ + "Given"
	doc := fmt.Sprintf("Record%s notes, before a step of o, what [%s.Step] is to be given to go back through it: copies\nof the parameters and states, and the number of the step.", of, typ)
	if slices.ContainsFunc(g.givenValues(false), func(d ir.GivenDecl) bool { return d.Of == "" }) {
		doc += " Fill in the inputs of the rule itself."
	}
	g.declare(doc)
	g.file.Func().Id("Record"+of).Params(jen.Id("o").Op("*").Id(of)).Params(jen.Id(given), jen.Error()).BlockFunc(func(b *jen.Group) {
		b.Var().Id("at").Id(given)
		b.Var().Err().Error()
		declared := false
		for _, d := range g.givenValues(false) {
			to := jen.Id("at").Dot(ir.GoName(d.Name))
			failed := jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id(given).Values(), jen.Err()))
			switch d.Of {
			case "":
				continue
			case "x":
				b.List(to, jen.Err()).Op("=").Id("o").Dot("Values").Call()
				b.Add(failed)
			case "t":
				b.Add(to).Op("=").Float64().Call(jen.Id("o").Dot("Steps").Call().Op("+").Lit(1))
			default:
				field := map[bool]string{true: "Arrays", false: "Steps"}[d.Extent.IsArray()]
				if d.Extent == ir.Model {
					field = "Model"
				}
				assign := ":="
				if declared {
					assign = "="
				}
				declared = true
				b.List(jen.Id("v"), jen.Err()).Op(assign).Id("o").Dot("StateValue").Call(jen.Lit(d.Of))
				b.Add(failed)
				b.Add(to).Op("=").Id("v").Dot(field)
			}
		}
		b.Return(jen.Id("at"), jen.Nil())
	})
}

func probes(p *ir.Program) bool { return hasKind(p, ir.Probe) }

func hasKind(p *ir.Program, kind ir.Kind) bool {
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		if v.Kind == kind {
			return true
		}
	}
	return false
}

func (g *generator) givenValues(load bool) []ir.GivenDecl {
	var out []ir.GivenDecl
	for _, d := range g.plan.Program.Givens {
		if d.Load == load {
			out = append(out, d)
		}
	}
	return out
}

// givenType prints the struct that holds the further inputs of a step, or with load the constants of an optimizer.
func (g *generator) givenType(typ string, load bool, dt target.DType) {
	values := g.givenValues(load)
	if len(values) == 0 {
		return
	}
	name, doc := typ+"Given", "holds what a step is given beside the gradients."
	if load {
		name, doc = typ+"Loaded", "holds the constants that an optimizer is built with. Arrays are kept, not copied."
	}
	g.declare(name + " " + doc)
	g.file.Type().Id(name).StructFunc(func(b *jen.Group) {
		for _, d := range values {
			if d.Doc != "" {
				b.Add(comment(d.Doc))
			}
			f := b.Id(ir.GoName(d.Name))
			switch {
			case d.Extent.IsArray():
				f.Index().Index().Id(dt.Go()).Comment("of each parameter, one value per " + d.Extent.String())
			case d.Extent == ir.Model:
				f.Float64()
			default:
				f.Index().Float64().Comment("one value per " + d.Extent.String())
			}
		}
	})
}

func (g *generator) givenList(values []ir.GivenDecl, from string, dt target.DType) jen.Code {
	return jen.Index().Qual(runtimePath, "GivenValue").Types(jen.Id(dt.Go())).ValuesFunc(func(b *jen.Group) {
		for _, d := range values {
			name := "Steps"
			switch {
			case d.Extent.IsArray():
				name = "Arrays"
			case d.Extent == ir.Model:
				name = "Model"
			}
			b.Values(field(name, jen.Id(from).Dot(ir.GoName(d.Name))))
		}
	})
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
			fromFirst := pass.FromFirst(g.plan)
			for i := range p.States {
				v.Line().Values(g.stateFields(i, fromFirst[i])...)
			}
			v.Line()
		})),
	}
	fields = append(fields, g.givenFields()...)
	fields = append(fields,
		line("ModelSlots", jen.Lit(g.frames.size[ir.Model])),
		line("GroupSlots", jen.Lit(g.frames.size[ir.Group])),
		line("TensorSlots", jen.Lit(g.frames.size[ir.Tensor])),
		line("First", jen.Id(first)),
		line("Later", jen.Id(steps)))
	fields = append(fields, g.classFields()...)
	if g.plan.Eval != nil {
		fields = append(fields, line("Eval", g.stageList(g.plan.Eval, dt)))
	}
	if probes(p) {
		fields = append(fields, line("Probes", jen.True()))
	}
	fields = append(fields, g.drawFields()...)
	if p.ClearGrad {
		fields = append(fields, line("ClearsGrad", jen.True()))
	}
	fields = append(fields, line("ReadsGrad", jen.Lit(p.Reads("g") || p.ClearGrad)), line("ReadsLoss", jen.Lit(p.Reads("loss"))),
		line("ElemBytes", jen.Lit(dt.Size())))
	if p.Params.Format != "" {
		fields = append(fields, line("Params", jen.Lit(p.Params.Format)))
	}
	if p.Params.Stochastic {
		fields = append(fields, line("ParamsStochastic", jen.True()))
	}
	fields = append(fields, jen.Line())
	g.declare("")
	g.file.Var().Id(g.ruleVar(dt)).Op("=").Op("&").Qual(runtimePath, "Rule").Values(fields...)
}

func (g *generator) stateFields(i int, fromFirst bool) []jen.Code {
	s := g.plan.Program.States[i]
	f := []jen.Code{field("Name", jen.Lit(s.Name)), field("Extent", jen.Qual(runtimePath, extentNames[s.Extent]))}
	if s.Init != 0 {
		f = append(f, field("Init", literal(s.Init)))
	}
	if !s.Extent.IsArray() {
		f = append(f, field("Slot", jen.Lit(g.frames.states[i].index)))
	}
	if s.As.Format != "" {
		f = append(f, field("Format", jen.Lit(s.As.Format)))
	}
	if s.As.Stochastic {
		f = append(f, field("Stochastic", jen.True()))
	}
	if fromFirst {
		f = append(f, field("FromFirst", jen.True()))
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

func (g *generator) givenFields() []jen.Code {
	givens := g.plan.Program.Givens
	if len(givens) == 0 {
		return nil
	}
	return []jen.Code{
		jen.Line().Add(field("Givens", jen.Index().Qual(runtimePath, "Given").ValuesFunc(func(v *jen.Group) {
			for _, d := range givens {
				f := []jen.Code{field("Name", jen.Lit(d.Name)), field("Extent", jen.Qual(runtimePath, extentNames[d.Extent]))}
				if d.Load {
					f = append(f, field("Load", jen.True()))
				}
				v.Values(f...)
			}
		}))),
		jen.Line().Add(field("GivenSlots", jen.Index().Int().ValuesFunc(func(v *jen.Group) {
			for i := range givens {
				v.Lit(g.frames.givens[i].index)
			}
		}))),
	}
}

func (g *generator) drawFields() []jen.Code {
	if !hasKind(g.plan.Program, ir.Draw) && !stochastic(g.plan.Program) {
		return nil
	}
	out := []jen.Code{jen.Line().Add(field("Draws", jen.True()))}
	if len(g.frames.draws) == 0 {
		return out
	}
	return append(out, jen.Line().Add(field("StepDraws", jen.Index().Qual(runtimePath, "StepDraw").ValuesFunc(func(v *jen.Group) {
		for _, d := range g.frames.draws {
			v.Values(field("Draw", jen.Lit(d.Name)), field("Site", jen.Lit(d.Index)), field("To", slotLiteral(g.frames.of(d))))
		}
	}))))
}

func stochastic(p *ir.Program) bool {
	if p.Params.Stochastic {
		return true
	}
	for _, s := range p.States {
		if s.As.Stochastic {
			return true
		}
	}
	return false
}

// classFields tell the runtime which tensors go which way, and what those keep.
func (g *generator) classFields() []jen.Code {
	var out []jen.Code
	if len(g.plan.Scratch) > 0 {
		out = append(out, jen.Line().Add(field("Scratch", jen.Index().Qual(runtimePath, "Extent").ValuesFunc(func(v *jen.Group) {
			for _, e := range g.plan.Scratch {
				v.Qual(runtimePath, extentNames[e])
			}
		}))))
	}
	if len(g.plan.Classes) == 1 {
		return out
	}
	bools := func(list []bool) jen.Code {
		return jen.Index().Bool().ValuesFunc(func(v *jen.Group) {
			for _, b := range list {
				v.Lit(b)
			}
		})
	}
	return append(out, jen.Line().Add(field("Class", jen.Id(g.classFunc()))),
		jen.Line().Add(field("Classes", jen.Index().Qual(runtimePath, "Class").ValuesFunc(func(v *jen.Group) {
			for _, c := range g.plan.Classes {
				v.Line().Values(field("States", bools(c.States)), field("Scratch", bools(c.Scratch)))
			}
			v.Line()
		}))))
}

// classFunc prints the function that tells tensors apart, once for both element types.
func (g *generator) classFunc() string {
	name := lower(g.rule.Name) + "Class"
	if g.classPrinted {
		return name
	}
	g.classPrinted = true
	var choose func(b *jen.Group, first, depth int)
	choose = func(b *jen.Group, first, depth int) {
		choices := g.plan.Classes[first].Choices
		if depth == len(choices) {
			b.Return(jen.Lit(first))
			return
		}
		second := first + 1
		for g.plan.Classes[second].Choices[depth].Is {
			second++
		}
		b.If(g.static(choices[depth].Cond)).BlockFunc(func(b *jen.Group) { choose(b, first, depth+1) })
		choose(b, second, depth+1)
	}
	g.later = append(g.later, comment(name+" tells which way a tensor goes through the rule's conditions on shape and name.").Line().
		Func().Id(name).Params(jen.Id("name").String(), jen.Id("p").Index().Float64()).Int().BlockFunc(func(b *jen.Group) { choose(b, 0, 0) }))
	return name
}

// static is a condition on shape and name in Go.
func (g *generator) static(v *ir.Value) jen.Code {
	switch v.Kind {
	case ir.Named:
		return jen.Qual(elemPath, "Match").Call(jen.Lit(v.Name), jen.Id("name"))
	case ir.Apply:
		args := make([]jen.Code, len(v.Args))
		for i, a := range v.Args {
			args[i] = jen.Parens(g.static(a))
			if len(a.Args) == 0 {
				args[i] = g.static(a)
			}
		}
		return apply(v.Op, "float64", args)
	case ir.Spread:
		return g.static(v.Args[0])
	}
	return g.frames.of(v).read(v.Mask)
}
