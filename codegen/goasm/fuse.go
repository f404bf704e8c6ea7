package goasm

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// Under fast math a sum of a product becomes one instruction with one rounding, and some vectors take quotients and
// square roots by Newton steps. These operators stand for them within this package.
const (
	opFMA      = "fma"      // a*b + c
	opFMS      = "fms"      // a*b - c
	opFNMA     = "fnma"     // c - a*b
	opQuotient = "quotient" // a/b
	opRoot     = "root"     // the square root of a
)

// exact names the operator that those taken by Newton steps stand for.
var exact = map[string]string{opQuotient: "div", opRoot: "sqrt"}

// mixGroup is the number of vectors of which all but the last go through the unit for quotients and roots. That one is
// taken by the units for products, which are idle else: so both are busy.
const mixGroup = 4

// fuse is k in the operators of fast math, of those that the instruction set has. Elementary functions come out as in
// strict math: their tails are the exact errors of operations that may not change.
func fuse(set *instructionSet, d DType, k *ir.Kernel) *ir.Kernel {
	out := *k
	out.Instrs = slices.Clone(k.Instrs)
	uses := newSchedule(k).uses
	for i, in := range k.Instrs {
		if uses[i] == 0 {
			continue
		}
		switch in.Op {
		case "add", "sub":
			if in.Op == "add" && set.averages && average(&out, uses, i) {
				continue
			}
			if op, args := contract(&out, uses, in); set.fused(op) {
				out.Instrs[i].Op, out.Instrs[i].Args = op, args
			}
		case "div":
			if set.newton(opQuotient, d) {
				out.Instrs[i].Op = opQuotient
			}
		case "sqrt":
			if set.newton(opRoot, d) {
				out.Instrs[i].Op = opRoot
			}
		}
	}
	return &out
}

// contract finds the product in a sum or difference that nothing else reads. A square taken from something stays: what is
// not negative because a square is rounded twice alike, as a variance, would not be so by one rounding.
func contract(k *ir.Kernel, uses []int, in ir.Instr) (op string, args []ir.Operand) {
	for j, a := range in.Args {
		if !isProduct(k, uses, a) {
			continue
		}
		p := k.Instrs[a.Index].Args
		switch {
		case in.Op == "add":
			op = opFMA
		case p[0] == p[1]:
			continue
		case j == 0:
			op = opFMS
		default:
			op = opFNMA
		}
		return op, []ir.Operand{p[0], p[1], in.Args[1-j]}
	}
	return "", nil
}

// average turns b*y + (1-b)*z, where z is no product, into y + (1-b)*(z - y): of its operations, the difference leaves the
// units for products alone.
func average(k *ir.Kernel, uses []int, i int) bool {
	args := k.Instrs[i].Args
	for j, a := range args {
		kept, rest := a, args[1-j]
		if !isProduct(k, uses, kept) || !isProduct(k, uses, rest) || kept == rest {
			continue
		}
		b, y := factors(k, kept)
		c, z := factors(k, rest)
		if !isRest(k, c, b) || !z.Scalar && k.Instrs[z.Index].Op == "mul" {
			continue
		}
		later := max(kept.Index, rest.Index)
		k.Instrs[later] = ir.Instr{Op: "sub", Args: []ir.Operand{z, y}}
		k.Instrs[i].Op, k.Instrs[i].Args = opFMA, []ir.Operand{{Index: later}, c, y}
		return true
	}
	return false
}

// isProduct reports whether an operand is a product that nothing else reads.
func isProduct(k *ir.Kernel, uses []int, a ir.Operand) bool {
	return !a.Scalar && uses[a.Index] == 1 && k.Instrs[a.Index].Op == "mul"
}

// factors are those of a product, a scalar first.
func factors(k *ir.Kernel, a ir.Operand) (scalar, other ir.Operand) {
	p := k.Instrs[a.Index].Args
	if p[0].Scalar {
		return p[0], p[1]
	}
	return p[1], p[0]
}

// isRest reports whether two operands are scalars of which the first is one less the second.
func isRest(k *ir.Kernel, rest, of ir.Operand) bool {
	if !rest.Scalar || !of.Scalar {
		return false
	}
	v, w := k.Scalars[rest.Index].Value, k.Scalars[of.Index].Value
	return v != nil && v.Kind == ir.Apply && v.Op.Name == "sub" && v.Args[0].Kind == ir.Number && v.Args[0].Num == 1 && v.Args[1] == w
}

// fused reports whether there is one instruction for a sum of a product.
func (set *instructionSet) fused(operator string) bool {
	_, ok := set.fusedRows[operator]
	return ok
}

// newton reports whether an operator can be taken by Newton steps.
func (set *instructionSet) newton(operator string, d DType) bool {
	_, ok := set.newtonRows[operator]
	return ok && d == F32
}

// fusedRow is a sum of a product: its instruction takes the register of the term, or that of the first factor.
type fusedRow struct {
	term   row
	factor *row // nil if there is no such
}

// fusedRows are those of amd64, by the letters of its mnemonics.
func fusedRows() map[string]fusedRow {
	rows := map[string]fusedRow{}
	for operator, letters := range map[string]string{opFMA: "VFMADD", opFMS: "VFMSUB", opFNMA: "VFNMADD"} {
		factor := steps(letters + "213{S} [c], b, r=a")
		rows[operator] = fusedRow{term: steps(letters + "231{S} [b], a, r=c"), factor: &factor}
	}
	return rows
}

// fuse appends a sum of a product. last says which of the operands are in registers that nothing needs afterwards.
func (c *code) fuse(operator string, args []operand, last []bool, comment string) operand {
	r := c.f.set.fusedRows[operator]
	args = slices.Clone(args)
	swap := func() {
		args[0], args[1] = args[1], args[0]
		last[0], last[1] = last[1], last[0]
	}
	if r.factor != nil && !last[2] && (last[0] || last[1]) {
		if !last[0] {
			swap()
		}
		return c.place(*r.factor, args, operand{}, vectorClass, comment)
	}
	if inAnyMemory(args[0]) && args[1].place != stream {
		swap()
	}
	return c.place(r.term, args, operand{}, vectorClass, comment)
}
