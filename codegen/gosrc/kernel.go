package gosrc

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// Import paths of generated code.
const (
	runtimePath = "github.com/optc-lang/optc/runtime"
	elemPath    = "github.com/optc-lang/optc/runtime/elem"
	matrixPath  = "github.com/optc-lang/optc/runtime/matrix"
)

// kernel prints the portable form of k: one loop, an instruction a line, every product rounded explicitly, since the Go
// compiler may otherwise fuse a product and a sum.
func (g *generator) kernel(name string, k *ir.Kernel, dt target.DType) {
	doc := fmt.Sprintf("%s is one pass of %d operations over the elements of a tensor.", name, len(k.Instrs))
	if len(k.Instrs) <= longKernel {
		doc = name + " is one pass over the elements of a tensor:\n\n" + indent(g.kernelFormula(k))
	}
	if k.Fast {
		doc += "\n\n" + fastPromise
	}
	g.declare(doc)
	g.file.Func().Id(name).Params(jen.Id("a").Op("*").Qual(runtimePath, "Args")).BlockFunc(func(b *jen.Group) {
		for i, s := range k.Streams {
			if !s.Read && !s.Write {
				continue
			}
			slice := jen.Qual(runtimePath, "Slice").Types(jen.Id(dt.Go())).Call(jen.Id("a"), jen.Lit(i))
			b.Id(stream(i)).Op(":=").Add(slice).Comment(s.Name)
		}
		used := usedScalars(k)
		for i, s := range k.Scalars {
			if !used[i] {
				continue
			}
			b.Id(scalar(i)).Op(":=").Qual(runtimePath, "Scalar").Types(jen.Id(dt.Go())).Call(jen.Id("a"), jen.Lit(i)).Comment(scalarComment(g.plan.Program, s))
		}
		if len(k.Stores)+len(k.Reductions) == 0 {
			return // a case in which every array stays as it is
		}
		if len(k.Reductions) == 0 {
			b.For(jen.Id("i").Op(":=").Range().Id("a").Dot("N")).BlockFunc(func(b *jen.Group) { g.body(b, k, dt) })
			return
		}
		g.blocks(b, k, dt)
	})
}

// The scheduler and the runtime must agree on how many arrays a pass may touch.
const _ = -uint((pass.MaxStreams - optrt.MaxStreams) * (pass.MaxStreams - optrt.MaxStreams))

// fastPromise is what holds of a kernel under fast math.
const fastPromise = "Its assembly is under fast math: products are fused with sums, and some quotients and roots taken by Newton steps.\n" +
	"The same kind of processor and engine give the same bits for any number of workers; other engines give others."

// longKernel is the number of instructions above which a formula tells nobody anything.
const longKernel = 300

func stream(i int) string { return fmt.Sprintf("p%d", i) }
func scalar(i int) string { return fmt.Sprintf("s%d", i) }

func scalarComment(p *ir.Program, s ir.Scalar) string {
	if s.Name != "" || s.Row != nil || !p.Short(s.Value) {
		return s.Name
	}
	eqs := p.Equations([]*ir.Value{s.Value}, map[*ir.Value]string{s.Value: "s"}, p.StateLeaves())
	return eqs[len(eqs)-1].Text
}

// blocks prints the loop of a kernel with reductions: block by block, as package elem lays down.
func (g *generator) blocks(b *jen.Group, k *ir.Kernel, dt target.DType) {
	n := len(k.Reductions)
	b.Id("part").Op(":=").Qual(runtimePath, "Partials").Call(jen.Id("a"), jen.Lit(n))
	for i := range n {
		b.Var().Id(acc(i)).Qual(elemPath, "Acc").Types(jen.Id(dt.Go()))
	}
	b.For(jen.Id("b").Op(":=").Lit(0), jen.Id("b").Op("*").Qual(elemPath, "Block").Op("<").Id("a").Dot("N"), jen.Id("b").Op("++")).BlockFunc(func(b *jen.Group) {
		for i, r := range k.Reductions {
			b.Id(acc(i)).Dot("Reset").Call(jen.Qual(elemPath, reduceNames[r.Kind]))
		}
		b.Id("first").Op(":=").Id("b").Op("*").Qual(elemPath, "Block")
		b.For(jen.Id("i").Op(":=").Id("first"), jen.Id("i").Op("<").Min(jen.Id("first").Op("+").Qual(elemPath, "Block"), jen.Id("a").Dot("N")), jen.Id("i").Op("++")).BlockFunc(func(b *jen.Group) {
			g.body(b, k, dt)
			for i, r := range k.Reductions {
				b.Id(acc(i)).Dot(addNames[r.Kind]).Call(jen.Id("i").Op("-").Id("first"), jen.Id(operand(k, r.Value)))
			}
		})
		for i := range n {
			b.Id("part").Index(jen.Id("b").Op("*").Lit(n).Op("+").Lit(i)).Op("=").Id(acc(i)).Dot("Value").Call()
		}
	})
}

func acc(i int) string { return fmt.Sprintf("r%d", i) }

var (
	reduceNames = map[elem.Reduction]string{elem.ReduceSum: "ReduceSum", elem.ReduceMin: "ReduceMin", elem.ReduceMax: "ReduceMax"}
	addNames    = map[elem.Reduction]string{elem.ReduceSum: "Add", elem.ReduceMin: "AddMin", elem.ReduceMax: "AddMax"}
)

// body prints the instructions and stores for element i.
func (g *generator) body(b *jen.Group, k *ir.Kernel, dt target.DType) {
	used := usedValues(k)
	for n, in := range k.Instrs {
		if !used[n] {
			continue
		}
		line := b.Id(fmt.Sprintf("v%d", n)).Op(":=")
		if in.Op == "load" {
			line.Id(stream(in.Stream)).Index(jen.Id("i"))
			continue
		}
		args := make([]jen.Code, len(in.Args))
		for i, a := range in.Args {
			args[i] = jen.Id(operand(k, a))
		}
		line.Add(apply(op.Must(in.Op), dt.Go(), args))
		if in.Name != "" {
			line.Comment(in.Name)
		}
	}
	for _, s := range k.Stores {
		b.Id(stream(s.Stream)).Index(jen.Id("i")).Op("=").Id(operand(k, s.Value))
	}
}

func usedValues(k *ir.Kernel) map[int]bool {
	used := map[int]bool{}
	mark := func(o ir.Operand) {
		if !o.Scalar {
			used[o.Index] = true
		}
	}
	for _, s := range k.Stores {
		mark(s.Value)
	}
	for _, r := range k.Reductions {
		mark(r.Value)
	}
	for n := len(k.Instrs) - 1; n >= 0; n-- {
		if used[n] {
			for _, a := range k.Instrs[n].Args {
				mark(a)
			}
		}
	}
	return used
}

// usedScalars are those that the portable form reads: a case of a kernel has all of the kernel's.
func usedScalars(k *ir.Kernel) map[int]bool {
	used := map[int]bool{}
	mark := func(o ir.Operand) {
		if o.Scalar {
			used[o.Index] = true
		}
	}
	values := usedValues(k)
	for n, in := range k.Instrs {
		if values[n] {
			for _, a := range in.Args {
				mark(a)
			}
		}
	}
	for _, s := range k.Stores {
		mark(s.Value)
	}
	for _, r := range k.Reductions {
		mark(r.Value)
	}
	return used
}

func operand(k *ir.Kernel, o ir.Operand) string {
	if o.Scalar {
		return scalar(o.Index)
	}
	return fmt.Sprintf("v%d", o.Index)
}

// apply prints an operator by its row's Go text, in which $a, $b, $c are operands and $T is the element type.
func apply(o *op.Op, typ string, args []jen.Code) jen.Code {
	s := jen.Null()
	text := o.Go
	for _, pkg := range []struct{ name, path string }{{"elem.", elemPath}, {"optrt.", runtimePath}} {
		if rest, ok := strings.CutPrefix(text, pkg.name); ok {
			end := strings.IndexAny(rest, "[(")
			s.Qual(pkg.path, rest[:end])
			text = rest[end:]
		}
	}
	for text != "" {
		before, after, found := strings.Cut(text, "$")
		if before != "" {
			s.Id(before)
		}
		if !found {
			break
		}
		if after[0] == 'T' {
			s.Id(typ)
		} else {
			s.Add(args[after[0]-'a'])
		}
		text = after[1:]
	}
	return s
}

// kernelFormula states what the kernel stores and reduces, in terms of the arrays that it reads.
func (g *generator) kernelFormula(k *ir.Kernel) string {
	p := g.plan.Program
	short := p.StateNames()
	names, leaves := map[*ir.Value]string{}, map[*ir.Value]string{}
	nameOf := func(s ir.Stream) string {
		if s.Kind == ir.StateStream {
			return short[s.Index]
		}
		return s.Name
	}
	for _, in := range k.Instrs {
		if in.Op == "load" && in.Value != nil {
			leaves[in.Value] = nameOf(k.Streams[in.Stream])
		}
	}
	for _, s := range k.Scalars {
		if s.Row != nil {
			leaves[s.Value] = nameOf(ir.Stream{Place: *s.Row})
		}
	}
	for i, l := range p.StateLeaves() {
		leaves[i] = l
	}
	var roots []*ir.Value
	for _, s := range k.Stores {
		if v := valueOf(k, s.Value); names[v] == "" {
			roots = append(roots, v)
			names[v] = nameOf(k.Streams[s.Stream])
		}
	}
	for i, r := range k.Reductions {
		roots = append(roots, r.Result)
		names[r.Result] = fmt.Sprintf("r%d", i)
	}
	var lines []string
	for _, e := range p.Equations(roots, names, leaves) {
		if e.Extent.IsArray() || names[e.Value] != "" {
			lines = append(lines, e.String())
			continue
		}
		lines = append(lines, e.String()+"  (once a "+e.Extent.String()+")")
	}
	return strings.Join(lines, "\n")
}

func valueOf(k *ir.Kernel, o ir.Operand) *ir.Value {
	if o.Scalar {
		return k.Scalars[o.Index].Value
	}
	return k.Instrs[o.Index].Value
}

func indent(text string) string {
	return "\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
