package gosrc

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

var extentNames = map[ir.Extent]string{ir.Const: "Const", ir.Model: "PerModel", ir.Group: "PerGroup", ir.Tensor: "PerTensor",
	ir.Row: "PerRow", ir.Col: "PerCol", ir.Elem: "PerElem", ir.RowRow: "PerRowRow", ir.ColCol: "PerColCol", ir.ColRow: "PerColRow"}

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
	fields := []jen.Code{g.what(s, dt)}
	if s.Class > 0 {
		fields = append([]jen.Code{field("Class", jen.Lit(s.Class))}, fields...)
	}
	return jen.List(fields...)
}

func (g *generator) what(s ir.Stage, dt target.DType) jen.Code {
	pointer := func(typ string, fields []jen.Code) jen.Code {
		return field(typ, jen.Op("&").Qual(runtimePath, typ).ValuesFunc(func(v *jen.Group) {
			for _, f := range fields {
				v.Line().Add(f)
			}
			v.Line()
		}))
	}
	switch {
	case s.Kernel != nil:
		return pointer("Pass", g.pass(s, dt))
	case s.Fold != nil:
		return pointer("Fold", []jen.Code{
			field("Kind", jen.Qual(elemPath, reduceNames[s.Fold.Op.Reduce])),
			g.from(s),
			field("To", slotLiteral(g.frames.of(s.Fold)))})
	case s.Array != nil && s.Array.Op.Kind == op.Order:
		return pointer("Order", g.order(s))
	case s.Array != nil:
		return pointer("Array", g.array(s, dt))
	case s.Probe != nil:
		return pointer("Probe", g.probe(s))
	case len(s.Rotate) > 0:
		return pointer("Rotate", append([]jen.Code{field("States", jen.Index().Int().ValuesFunc(func(v *jen.Group) {
			for _, i := range s.Rotate {
				v.Lit(i)
			}
		}))}, g.cond("If", s.If)...))
	}
	name := map[ir.Extent]string{ir.Model: "Model", ir.Group: "Group", ir.Tensor: "Tensor"}[s.Extent]
	return field(name, jen.Id(g.stepValues(s)))
}

// from are the slots of the step values that a stage combines.
func (g *generator) from(s ir.Stage) jen.Code {
	return field("From", jen.Index().Qual(runtimePath, "Slot").ValuesFunc(func(v *jen.Group) {
		for _, from := range s.From {
			v.Add(slotFields(g.frames.of(from)))
		}
	}))
}

// cond is a condition's slot as a field, or nothing.
func (g *generator) cond(name string, v *ir.Value) []jen.Code {
	if v == nil {
		return nil
	}
	return []jen.Code{field(name, jen.Op("&").Add(slotLiteral(g.frames.of(v))))}
}

// array describes a whole-array operator.
func (g *generator) array(s ir.Stage, dt target.DType) []jen.Code {
	v := s.Array
	name := strings.TrimSuffix(strings.TrimPrefix(v.Op.Go, "matrix."), "[$T]")
	fields := []jen.Code{
		field("New", jen.Qual(matrixPath, "Runner").Call(jen.Qual(matrixPath, name).Types(jen.Id(dt.Go())))),
		field("In", places(s.In[s.Class])),
	}
	if v.Extent.IsArray() {
		fields = append(fields, field("Out", placeLiteral(s.Out)))
	} else {
		fields = append(fields, field("To", jen.Op("&").Add(slotLiteral(g.frames.of(v)))))
	}
	fields = append(fields, field("Dims", jen.Index().Qual(runtimePath, "Dims").ValuesFunc(func(list *jen.Group) {
		list.Add(dims(v.Extent, v.Op.Name == "matmul" && v.Args[0].Extent <= ir.Col))
		for i, a := range v.Args[:v.Op.Args] {
			list.Add(dims(a.Extent, v.Op.Name == "matmul" && i == 0))
		}
	})))
	if n := len(v.Op.Params); n > 0 {
		fields = append(fields, field("Params", jen.Index().Qual(runtimePath, "Slot").ValuesFunc(func(list *jen.Group) {
			for _, a := range v.Args[v.Op.Args : v.Op.Args+n] {
				list.Add(slotFields(g.frames.of(a)))
			}
		})))
	}
	return append(fields, g.cond("If", s.If)...)
}

var axisNames = map[ir.Extent][2]string{ir.Row: {"Rows", "One"}, ir.Col: {"Cols", "One"}, ir.Elem: {"Rows", "Cols"},
	ir.RowRow: {"Rows", "Rows"}, ir.ColCol: {"Cols", "Cols"}, ir.ColRow: {"Cols", "Rows"}}

// dims are the axes of an operand; a vector may be laid down as a row.
func dims(e ir.Extent, down bool) jen.Code {
	axes, ok := axisNames[e]
	if !ok {
		axes = [2]string{"One", "One"}
	}
	if down && e <= ir.Col {
		axes[0], axes[1] = axes[1], axes[0]
	}
	return jen.Values(field("Rows", jen.Qual(runtimePath, axes[0])), field("Cols", jen.Qual(runtimePath, axes[1])))
}

// order describes an order statistic.
func (g *generator) order(s ir.Stage) []jen.Code {
	v := s.Array
	in := make([]ir.Place, len(s.In))
	for class := range s.In {
		in[class].Kind = none
		if len(s.In[class]) > 0 {
			in[class] = s.In[class][0]
		}
	}
	of := field("In", places(in))
	if s.From != nil {
		of = g.from(s)
	}
	fields := []jen.Code{field("Of", jen.Qual(runtimePath, extentNames[v.Args[0].Extent])), field("Per", jen.Qual(runtimePath, extentNames[v.Per])), of, field("K", slotLiteral(g.frames.of(v.Args[1])))}
	if v.Mask {
		fields = append(fields, field("Top", jen.True()))
	}
	if v.Op.Stat == elem.StatThreshold {
		fields = append(fields, field("Stat", jen.Qual(elemPath, "StatThreshold")))
	}
	if v.Extent.IsArray() {
		fields = append(fields, field("Out", placeLiteral(s.Out)))
	} else {
		fields = append(fields, field("To", jen.Op("&").Add(slotLiteral(g.frames.of(v)))))
	}
	return append(fields, field("If", jen.Index().Op("*").Qual(runtimePath, "Slot").ValuesFunc(func(list *jen.Group) {
		for class := range s.In {
			cond := s.If
			if s.Ifs != nil {
				cond = s.Ifs[class]
			}
			if cond == nil {
				list.Nil()
			} else {
				list.Op("&").Add(slotLiteral(g.frames.of(cond)))
			}
		}
	})))
}

// none stands for a class that an order statistic has no values of.
const none ir.StreamKind = 255

// probe describes a question to the model.
func (g *generator) probe(s ir.Stage) []jen.Code {
	var points, vectors []ir.Place
	for _, in := range s.In {
		points = append(points, in[0])
		if s.Probe.Name == "hvp" {
			vectors = append(vectors, in[1])
		}
	}
	fields := []jen.Code{field("Point", places(points))}
	if len(vectors) > 0 {
		fields = append(fields, field("Vector", places(vectors)))
	}
	if s.Probe.Extent.IsArray() {
		fields = append(fields, field("Out", jen.Op("&").Add(placeLiteral(s.Out))))
	}
	if s.Loss != nil {
		if _, ok := g.frames.slots[s.Loss]; ok {
			fields = append(fields, field("Loss", jen.Op("&").Add(slotLiteral(g.frames.of(s.Loss)))))
		}
	}
	return append(fields, g.cond("If", s.If)...)
}

func places(ps []ir.Place) jen.Code {
	return jen.Index().Qual(runtimePath, "Place").ValuesFunc(func(v *jen.Group) {
		for _, p := range ps {
			v.Values(placeFields(p)...)
		}
	})
}

func placeLiteral(p ir.Place) jen.Code {
	return jen.Qual(runtimePath, "Place").Values(placeFields(p)...)
}

func placeFields(p ir.Place) []jen.Code {
	f := []jen.Code{field("Kind", jen.Qual(runtimePath, streamKinds[p.Kind]))}
	switch p.Kind {
	case none:
		return f
	case ir.DrawStream:
		f = append(f, field("Draw", jen.Lit(p.Name)))
	}
	if p.Kind == ir.StateStream || p.Kind == ir.GivenStream || p.Kind == ir.ScratchStream || p.Kind == ir.DrawStream {
		f = append(f, field("Index", jen.Lit(p.Index)))
	}
	return append(f, field("Extent", jen.Qual(runtimePath, extentNames[p.Extent])))
}

var streamKinds = map[ir.StreamKind]string{ir.XStream: "StreamX", ir.GradStream: "StreamGrad", ir.StateStream: "StreamState", ir.EvalStream: "StreamEval",
	ir.GivenStream: "StreamGiven", ir.ScratchStream: "StreamScratch", ir.DrawStream: "StreamDraw", ir.CollectStream: "StreamCollect", none: "StreamNone"}

// pass is the fields of a pass, a line each. Of two cases the one where the condition does not hold is the pass itself.
func (g *generator) pass(s ir.Stage, dt target.DType) []jen.Code {
	k := s.Kernel.ByRows()
	own := k
	for _, c := range s.Cases {
		if !c.Is {
			own = c.Kernel.ByRows()
		}
	}
	line := field
	list := func(typ string, fill func(*jen.Group)) jen.Code {
		return jen.Index().Qual(runtimePath, typ).ValuesFunc(fill)
	}
	fields := []jen.Code{
		line("Domain", jen.Qual(runtimePath, extentNames[k.Domain])),
		line("Kernels", jen.Id(g.symbol(own, dt)+"Kernels")),
		line("Streams", list("Stream", func(v *jen.Group) {
			for _, s := range k.Streams {
				f := []jen.Code{field("Place", placeLiteral(s.Place))}
				if s.Read {
					f = append(f, field("Read", jen.True()))
				}
				if s.Write {
					f = append(f, field("Write", jen.True()))
				}
				v.Line().Values(f...)
			}
			v.Line()
		})),
	}
	if d := g.direct(own, dt); d != nil {
		fields = append(fields, line("Direct", jen.Id(g.symbol(d, dt)+"Kernels")))
	}
	fields = append(fields, g.idle(own)...)
	fields = append(fields, g.cases(s, dt)...)
	if b := s.Bare; b != nil {
		fields = append(fields, field("Bare", jen.Op("&").Qual(runtimePath, "BarePass").Values(append([]jen.Code{field("Mask", jen.Lit(b.Mask)),
			field("Kernels", jen.Id(g.symbol(b.Kernel, dt)+"Kernels"))}, g.idle(b.Kernel)...)...)))
	}
	if k.Rows {
		return append(fields, g.rowFields(k)...)
	}
	if len(k.Scalars) > 0 {
		fields = append(fields, g.scalars(k))
	}
	if len(k.Reductions) > 0 {
		fields = append(fields, line("Reductions", list("Reduction", func(v *jen.Group) {
			for _, r := range k.Reductions {
				v.Line().Values(field("Kind", jen.Qual(elemPath, reduceNames[r.Kind])), field("To", slotLiteral(g.frames.of(r.Result))))
			}
			v.Line()
		})))
	}
	if len(k.Collects) > 0 {
		fields = append(fields, g.collects(k))
	}
	return fields
}

// idle lists the streams that a case leaves alone, if there are any.
func (g *generator) idle(k *ir.Kernel) []jen.Code {
	var idle []jen.Code
	for i, s := range k.Streams {
		if !s.Read && !s.Write {
			idle = append(idle, jen.Lit(i))
		}
	}
	if len(idle) == 0 {
		return nil
	}
	return []jen.Code{field("Idle", jen.Index().Int().Values(idle...))}
}

// cases are the kernels that take the place of a pass's own where a condition holds.
func (g *generator) cases(s ir.Stage, dt target.DType) []jen.Code {
	var list []jen.Code
	for _, c := range s.Cases {
		if !c.Is {
			continue
		}
		k := c.Kernel.ByRows()
		fields := []jen.Code{field("If", slotLiteral(g.frames.of(c.If))), field("Kernels", jen.Id(g.symbol(k, dt)+"Kernels"))}
		if d := g.direct(k, dt); d != nil {
			fields = append(fields, field("Direct", jen.Id(g.symbol(d, dt)+"Kernels")))
		}
		list = append(list, jen.Values(append(fields, g.idle(k)...)...))
	}
	if list == nil {
		return nil
	}
	return []jen.Code{field("Cases", jen.Index().Qual(runtimePath, "PassCase").Values(list...))}
}

// direct is the direct form of a kernel, nil if it has none.
func (g *generator) direct(k *ir.Kernel, dt target.DType) *ir.Kernel {
	if dt != target.F32 {
		return nil
	}
	return k.Direct(g.plan.Program)
}

// scalars lists the step values of a pass.
func (g *generator) scalars(k *ir.Kernel) jen.Code {
	return field("Scalars", jen.Index().Qual(runtimePath, "Slot").ValuesFunc(func(v *jen.Group) {
		for _, s := range k.Scalars {
			if s.Row == nil {
				v.Line().Add(slotFields(g.frames.of(s.Value)))
			}
		}
		v.Line()
	}))
}

func (g *generator) collects(k *ir.Kernel) jen.Code {
	return field("Collects", jen.Index().Qual(runtimePath, "Collect").ValuesFunc(func(v *jen.Group) {
		for _, c := range k.Collects {
			v.Line().Values(field("Kind", jen.Qual(elemPath, reduceNames[c.Kind])), field("Stream", jen.Lit(c.Stream)), field("To", placeLiteral(c.To)))
		}
		v.Line()
	}))
}

// rowFields are those of a pass by rows: its scalars and reductions per row besides the step values.
func (g *generator) rowFields(k *ir.Kernel) []jen.Code {
	fields := []jen.Code{field("ByRows", jen.True())}
	var perRow []ir.Place
	for _, s := range k.Scalars {
		if s.Row != nil {
			perRow = append(perRow, *s.Row)
		}
	}
	if len(k.Scalars) > len(perRow) {
		fields = append(fields, g.scalars(k))
	}
	if len(perRow) > 0 {
		fields = append(fields, field("RowScalars", places(perRow)))
	}
	if len(k.Reductions) > 0 {
		fields = append(fields, field("RowReductions", jen.Index().Qual(runtimePath, "Collect").ValuesFunc(func(v *jen.Group) {
			for _, r := range k.Reductions {
				v.Line().Values(field("Kind", jen.Qual(elemPath, reduceNames[r.Kind])), field("To", placeLiteral(*r.Row)))
			}
			v.Line()
		})))
	}
	if len(k.Collects) > 0 {
		fields = append(fields, g.collects(k))
	}
	return fields
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
		live := g.live(s)
		for i, v := range s.Values {
			if live[v] {
				g.stepValue(b, v, local, i)
			}
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

// live are the values of a stage that something reads: here, or from a slot.
func (g *generator) live(s ir.Stage) map[*ir.Value]bool {
	live := map[*ir.Value]bool{}
	for i := len(s.Values) - 1; i >= 0; i-- {
		v := s.Values[i]
		if _, stored := g.frames.slots[v]; stored {
			live[v] = true
		}
		if live[v] {
			for _, a := range v.Args {
				live[a] = true
			}
		}
	}
	return live
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
