package ir

import (
	"strings"

	"github.com/optc-lang/optc/compiler/op"
)

// Extent says how many of a value there are.
type Extent uint8

// The extents. Const to Tensor, each joining with the next to the finer one, are step values: computed once a step in
// float64. The others are arrays in the element type: a tensor seen as a matrix has rows and columns.
const (
	Const Extent = iota
	Model
	Group
	Tensor
	Row    // one value a row
	Col    // one value a column
	Elem   // [row,col]
	RowRow // [row,row]
	ColCol // [col,col]
	ColRow // [col,row], the transpose of Elem
	Clash  // of values that do not go together: an error of the rule
)

var extentNames = [...]string{"const", "model", "group", "tensor", "row", "col", "elem", "[row,row]", "[col,col]", "[col,row]", "clash"}

func (e Extent) String() string { return extentNames[e] }

// ParseExtent finds an extent by what follows `per`: a name, or a pair of axes in brackets.
func ParseExtent(names ...string) (Extent, bool) {
	text := names[0]
	if len(names) > 1 {
		text = "[" + strings.Join(names, ",") + "]"
	}
	if text == "[row,col]" {
		return Elem, true
	}
	for i, n := range extentNames {
		if n == text && Extent(i) != Const && Extent(i) != Clash {
			return Extent(i), true
		}
	}
	return Const, false
}

// IsArray reports whether a value of this extent is an array, not a step value.
func (e Extent) IsArray() bool { return e > Tensor }

// IsMatrix reports whether only whole-array operators take it further: it joins with itself and step values alone.
func (e Extent) IsMatrix() bool { return e > Elem && e < Clash }

// Join is the extent of an operation on values of two extents.
func Join(a, b Extent) Extent {
	switch {
	case a == b:
		return a
	case a <= Tensor || b <= Tensor:
		return max(a, b)
	case a <= Elem && b <= Elem:
		return Elem
	}
	return Clash
}

// Holds reports whether a variable of extent e can hold a value of extent v.
func (e Extent) Holds(v Extent) bool { return Join(e, v) == e }

// Meet is the extent of a reduction per `per` of values of extent e: what is kept of both. A matrix [a,b] per a is reduced
// along its second axis, per b along its first; of a square matrix the first axis stays.
func Meet(e, per Extent) Extent {
	switch {
	case e == Clash || per == Clash:
		return Clash
	case e.IsMatrix() && per.IsArray():
		if e.has(per) {
			return per
		}
		return Clash
	case e == Row && per == Col || e == Col && per == Row:
		return Tensor
	}
	return min(e, per)
}

// FirstAxis is the extent of one value for each of a matrix's first axis.
func (e Extent) FirstAxis() Extent {
	if e == ColCol || e == ColRow {
		return Col
	}
	return Row
}

// has reports whether one of a matrix's axes is that of a row or col value.
func (e Extent) has(line Extent) bool { return e.FirstAxis() == line || e == ColRow && line == Row }

// axes are the extents as lists of axes.
var axes = map[Extent]string{Row: "row", Col: "col", Elem: "row,col", RowRow: "row,row", ColCol: "col,col", ColRow: "col,row"}

// ArrayForm tells which form of a whole-array operator's row its arguments fit, and the extent of its result. While some
// argument is not an array that is Const, a lower bound; Clash when no form fits.
func ArrayForm(o *op.Op, args []Extent) (form int, result Extent) {
	for _, e := range args {
		if e == Clash {
			return 0, Clash
		}
		if !e.IsArray() {
			return 0, Const
		}
	}
	for i, form := range strings.Split(o.Shape, " | ") {
		in, out, _ := strings.Cut(form, " -> ")
		bound := map[string]string{}
		if !bind(strings.Fields(in), args, bound) {
			continue
		}
		if out == "tensor" {
			return i, Tensor
		}
		names := strings.Split(out, ",")
		for k, n := range names {
			if bound[n] != "" {
				names[k] = bound[n]
			}
		}
		for e, text := range axes {
			if text == strings.Join(names, ",") {
				return i, e
			}
		}
	}
	return 0, Clash
}

// bind gives the letters of a form the axes of the arguments.
func bind(in []string, args []Extent, bound map[string]string) bool {
	if len(in) != len(args) {
		return false
	}
	for i, form := range in {
		letters, have := strings.Split(form, ","), strings.Split(axes[args[i]], ",")
		if len(letters) != len(have) {
			return false
		}
		for k, l := range letters {
			if bound[l] != "" && bound[l] != have[k] {
				return false
			}
			bound[l] = have[k]
		}
	}
	return true
}

// IsStatic reports whether a value is made of shapes, names and constants alone: known for each tensor when an optimizer
// is built.
func IsStatic(v *Value) bool {
	return Static(walk([]*Value{v}, func(n *Value) bool { return n.Kind == Size }))[v]
}

// Static is IsStatic for each of a list of values, operands first.
func Static(order []*Value) map[*Value]bool {
	static := map[*Value]bool{}
	for _, n := range order {
		switch n.Kind {
		case Number, Named:
			static[n] = true
		case Size:
			static[n] = n.Per == Tensor && (len(n.Args) == 0 || n.Args[0].Kind == Input)
		case Input:
			static[n] = Inputs[n.Name] == Tensor
		case Apply, Hold, Spread:
			static[n] = true
			for _, a := range n.Args {
				static[n] = static[n] && static[a]
			}
		}
	}
	return static
}
