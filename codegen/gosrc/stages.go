package gosrc

import (
	"fmt"

	"github.com/dave/jennifer/jen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler/ir"
)

var extentNames = map[ir.Extent]string{ir.Const: "Const", ir.Model: "PerModel", ir.Group: "PerGroup", ir.Tensor: "PerTensor", ir.Elem: "PerElem"}

// stageList prints stages as a literal of the runtime's plan.
func (g *generator) stageList(stages []ir.Stage, dt target.DType) jen.Code {
	return jen.Index().Qual(runtimePath, "Stage").ValuesFunc(func(v *jen.Group) {
		for _, s := range stages {
			v.Line().Values(g.stage(s, dt))
		}
		v.Line()
	})
}

func (g *generator) stage(s ir.Stage, dt target.DType) jen.Code {
	switch {
	case s.Kernel != nil:
		return field("Pass", jen.Op("&").Qual(runtimePath, "Pass").Values(g.pass(s.Kernel, dt)...))
	case s.Fold != nil:
		return field("Fold", jen.Op("&").Qual(runtimePath, "Fold").Values(
			field("Kind", jen.Qual(elemPath, reduceNames[s.Fold.Op.Reduce])),
			field("From", slotLiteral(g.frames.of(s.Fold.Args[0]))),
			field("To", slotLiteral(g.frames.of(s.Fold)))))
	}
	name := map[ir.Extent]string{ir.Model: "Model", ir.Group: "Group", ir.Tensor: "Tensor"}[s.Extent]
	return field(name, jen.Id(g.stepValues(s)))
}

var streamKinds = map[ir.StreamKind]string{ir.XStream: "StreamX", ir.GradStream: "StreamGrad", ir.StateStream: "StreamState", ir.EvalStream: "StreamEval"}

// pass is the fields of a pass, a line each.
func (g *generator) pass(k *ir.Kernel, dt target.DType) []jen.Code {
	line := func(name string, value jen.Code) jen.Code { return jen.Line().Add(field(name, value)) }
	list := func(typ string, fill func(*jen.Group)) jen.Code {
		return jen.Index().Qual(runtimePath, typ).ValuesFunc(fill)
	}
	fields := []jen.Code{
		line("Kernels", jen.Id(g.symbol(k, dt)+"Kernels")),
		line("Streams", list("Stream", func(v *jen.Group) {
			for _, s := range k.Streams {
				f := []jen.Code{field("Kind", jen.Qual(runtimePath, streamKinds[s.Kind]))}
				if s.Kind == ir.StateStream {
					f = append(f, field("Index", jen.Lit(s.State)))
				}
				if s.Write {
					f = append(f, field("Write", jen.True()))
				}
				v.Values(f...)
			}
		})),
	}
	if len(k.Scalars) > 0 {
		fields = append(fields, line("Scalars", list("Slot", func(v *jen.Group) {
			for _, s := range k.Scalars {
				v.Line().Add(slotFields(g.frames.of(s.Value)))
			}
			v.Line()
		})))
	}
	if len(k.Reductions) > 0 {
		fields = append(fields, line("Reductions", list("Reduction", func(v *jen.Group) {
			for _, r := range k.Reductions {
				v.Line().Values(field("Kind", jen.Qual(elemPath, reduceNames[r.Kind])), field("To", slotLiteral(g.frames.of(r.Result))))
			}
			v.Line()
		})))
	}
	return append(fields, jen.Line())
}

func slotLiteral(s slot) jen.Code { return jen.Qual(runtimePath, "Slot").Add(slotFields(s)) }

func slotFields(s slot) jen.Code {
	if s.extent == ir.Const {
		return jen.Values(field("Value", literal(s.value)))
	}
	return jen.Values(field("Extent", jen.Qual(runtimePath, extentNames[s.extent])), field("Index", jen.Lit(s.index)))
}

// field is name: value in a literal.
func field(name string, value jen.Code) jen.Code { return jen.Id(name).Op(":").Add(value) }

// stepValues prints the function of a stage of step values and returns its name; equal functions are printed once.
func (g *generator) stepValues(s ir.Stage) string {
	var params []jen.Code
	for e := ir.Model; e <= s.Extent; e++ {
		params = append(params, jen.Id(frameNames[e]))
	}
	body := jen.BlockFunc(func(b *jen.Group) {
		local := map[*ir.Value]string{}
		for i, v := range s.Values {
			g.stepValue(b, v, local, i)
		}
		g.keep(b, s)
	})
	text := fmt.Sprintf("%#v", jen.Func().Params().Add(body))
	if name, ok := g.functions[text]; ok {
		return name
	}
	name := fmt.Sprintf("%sValues%d", lower(g.rule.Name), len(g.functions))
	g.functions[text] = name
	unit := map[ir.Extent]string{ir.Model: "the model", ir.Group: "a parameter group", ir.Tensor: "a tensor"}[s.Extent]
	g.later = append(g.later, comment(name+" computes step values of "+unit+".").Line().
		Func().Id(name).Params(jen.List(params...).Index().Float64()).Add(body))
	return name
}

func (g *generator) stepValue(b *jen.Group, v *ir.Value, local map[*ir.Value]string, i int) {
	args := make([]jen.Code, len(v.Args))
	for n, a := range v.Args {
		if name, ok := local[a]; ok {
			args[n] = jen.Id(name)
		} else {
			args[n] = g.leaf(a)
		}
	}
	value := args[0]
	if v.Kind == ir.Apply {
		value = apply(v.Op, "float64", args)
	}
	at, stored := g.frames.slots[v]
	name := fmt.Sprintf("v%d", i)
	local[v] = name
	line := b.Id(name).Op(":=").Add(value)
	if v.Label != "" {
		line.Comment(v.Label)
	}
	if stored {
		store(b, at, jen.Id(name), v.Mask)
	}
}

// leaf reads a value from its slot, with its name beside it.
func (g *generator) leaf(v *ir.Value) jen.Code {
	read := jen.Add(g.frames.of(v).read(v.Mask))
	switch v.Kind {
	case ir.Hyper, ir.Input, ir.Load:
		read.Comment("/* " + g.plan.Program.Leaf(v) + " */")
	}
	return read
}

// store writes a value to its slot; a mask is kept as 0 or 1.
func store(b *jen.Group, to slot, value jen.Code, mask bool) {
	if mask {
		value = jen.Qual(runtimePath, "Real").Types(jen.Float64()).Call(value)
	}
	b.Id(frameNames[to.extent]).Index(jen.Lit(to.index)).Op("=").Add(value)
}

// keep gives states their new values: all are read before the first is written.
func (g *generator) keep(b *jen.Group, s ir.Stage) {
	if len(s.Keep) == 0 {
		return
	}
	var to, from []jen.Code
	for i, k := range s.Keep {
		to = append(to, g.frames.states[k].read(false))
		from = append(from, g.frames.of(s.New[i]).read(false))
	}
	b.List(to...).Op("=").List(from...)
}
