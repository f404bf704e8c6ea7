package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// cStep is a rule's step as C functions, a pass each, and one that calls them in turn.
type cStep struct {
	text   []byte
	arrays []cArray
	passes []cPass
	exact  bool
}

// cPass is a pass by its number among those of a later step, of all classes, and how many scalars it has.
type cPass struct{ number, scalars int }

// cArray is an array of the table that the functions are given.
type cArray struct {
	kind    ir.StreamKind
	index   int
	extent  ir.Extent
	written bool
}

// noC says why a rule's step is not printed in C; "" if it is.
func noC(c *compiled, class int) string {
	for _, s := range c.stages(class) {
		switch {
		case s.Array != nil:
			return "it has whole-array operators: " + s.Array.Op.Name
		case s.Probe != nil:
			return "it asks the model again"
		case s.Rotate != nil:
			return "its arrays move on from step to step"
		case s.Kernel == nil:
			continue
		}
		if d := s.Kernel.Domain; d != ir.Elem && d != ir.Row && d != ir.Col {
			return "a pass over " + d.String()
		}
		for _, stream := range s.Kernel.Streams {
			if stream.Kind == ir.DrawStream {
				return "its random values have no counterpart in C"
			}
			if stream.Kind == ir.StateStream && c.Plan.Program.States[stream.Index].As.Format != "" {
				return "its narrow states have no counterpart in C"
			}
		}
		for _, in := range s.Kernel.Instrs {
			if _, ok := cText[in.Op]; !ok && in.Op != "load" {
				return "the operator " + in.Op + " has no row in the printer"
			}
		}
	}
	return ""
}

// cText is how a C programmer writes an operator; $a, $b and $c are its operands. NaN and signed zeros are left to C.
var cText = map[string]string{
	"add": "$a + $b", "sub": "$a - $b", "mul": "$a * $b", "div": "$a / $b", "neg": "-$a",
	"eq": "$a == $b", "ne": "$a != $b", "lt": "$a < $b", "le": "$a <= $b", "gt": "$a > $b", "ge": "$a >= $b",
	"and": "$a & $b", "or": "$a | $b", "not": "!$a", "where": "$a ? $b : $c", "real": "$a ? 1.0f : 0.0f", "isfinite": "isfinite($a) != 0",
	"abs": "fabsf($a)", "sign": "$a > 0 ? 1.0f : $a < 0 ? -1.0f : 0.0f", "sqrt": "sqrtf($a)", "rsqrt": "1.0f / sqrtf($a)",
	"floor": "floorf($a)", "ceil": "ceilf($a)", "round": "nearbyintf($a)",
	"min": "$a < $b ? $a : $b", "max": "$a > $b ? $a : $b", "copysign": "copysignf($a, $b)",
	"exp": "expf($a)", "expm1": "expm1f($a)", "log": "logf($a)", "log1p": "log1pf($a)", "log2": "log2f($a)", "pow": "powf($a, $b)",
	"sin": "sinf($a)", "cos": "cosf($a)", "tan": "tanf($a)", "atan": "atanf($a)", "tanh": "tanhf($a)", "sinh": "sinhf($a)", "cosh": "coshf($a)",
	"cbrt": "cbrtf($a)", "erf": "erff($a)", "hypot": "hypotf($a, $b)",
}

// printC prints the step of a class.
func printC(c *compiled, class int) cStep {
	var b bytes.Buffer
	out := cStep{exact: true}
	b.WriteString("#include <math.h>\n#include \"step.h\"\n")
	number, scalars := -1, 0
	var calls strings.Builder
	for _, s := range c.Plan.Later {
		if s.Kernel == nil {
			continue
		}
		number++
		if s.Class != class {
			continue
		}
		out.kernel(&b, number, s.Kernel)
		fmt.Fprintf(&calls, "\t\tpass%d(n, rows, cols, p, s + %d);\n", number, scalars)
		out.passes = append(out.passes, cPass{number, len(s.Kernel.Scalars)})
		scalars += len(s.Kernel.Scalars)
	}
	fmt.Fprintf(&b, "\nfloat sums[%d];\n\nvoid steps(long count, long n, long rows, long cols, float **p, const float *s) {\n\tfor (long k = 0; k < count; k++) {\n%s\t}\n}\n", 8*(number+1), calls.String())
	out.text = bytes.Replace(b.Bytes(), []byte("#include \"step.h\"\n"), []byte("#include \"step.h\"\n\nextern float sums[];\n"), 1)
	return out
}

// array is the number of a stream's array in the table.
func (s *cStep) array(stream ir.Stream) int {
	for i, a := range s.arrays {
		if a.kind == stream.Kind && a.index == stream.Index {
			s.arrays[i].written = a.written || stream.Write
			return i
		}
	}
	s.arrays = append(s.arrays, cArray{stream.Kind, stream.Index, stream.Extent, stream.Write})
	return len(s.arrays) - 1
}

// kernel prints one pass. A pass with values a row or column is two loops.
func (s *cStep) kernel(b *bytes.Buffer, number int, k *ir.Kernel) {
	fmt.Fprintf(b, "\nstatic void __attribute__((noinline)) pass%d(long n, long rows, long cols, float **p, const float *s) {\n", number)
	nested := false
	for i, stream := range k.Streams {
		if stream.Kind == ir.CollectStream {
			continue
		}
		nested = nested || stream.Extent != k.Domain
		fmt.Fprintf(b, "\tfloat *restrict p%d = p[%d]; // %s\n", i, s.array(stream), stream.Name)
	}
	for i, c := range k.Collects {
		nested = true
		fmt.Fprintf(b, "\tfloat *restrict c%d = p[%d];\n", i, s.array(ir.Stream{Place: c.To, Write: true}))
		if c.To.Extent == ir.Col {
			fmt.Fprintf(b, "\tfor (long j = 0; j < cols; j++) c%d[j] = %s;\n", i, identity(c.Kind))
		}
		s.exact = false
	}
	for i := range k.Scalars {
		fmt.Fprintf(b, "\tconst float s%d = s[%d];\n", i, i)
	}
	for i, r := range k.Reductions {
		fmt.Fprintf(b, "\tfloat r%d = %s;\n", i, identity(r.Kind))
		s.exact = false
	}
	switch {
	case nested:
		b.WriteString("\tfor (long i = 0; i < rows; i++) {\n")
		for i, c := range k.Collects {
			if c.To.Extent == ir.Row {
				fmt.Fprintf(b, "\t\tfloat a%d = %s;\n", i, identity(c.Kind))
			}
		}
		b.WriteString("\t\tfor (long j = 0; j < cols; j++) {\n")
	default:
		size := map[ir.Extent]string{ir.Elem: "n", ir.Row: "rows", ir.Col: "cols"}[k.Domain]
		fmt.Fprintf(b, "\tfor (long e = 0; e < %s; e++) {\n", size)
	}
	s.body(b, k, nested)
	b.WriteString("\t}\n")
	if nested {
		for i, c := range k.Collects {
			if c.To.Extent == ir.Row {
				fmt.Fprintf(b, "\t\tc%d[i] = a%d;\n", i, i)
			}
		}
		b.WriteString("\t}\n")
	}
	for i := range k.Reductions {
		fmt.Fprintf(b, "\tsums[%d] = r%d;\n", number*8+i%8, i)
	}
	b.WriteString("}\n")
}

// body prints the instructions, stores and reductions for one element.
func (s *cStep) body(b *bytes.Buffer, k *ir.Kernel, nested bool) {
	element := func(stream ir.Stream) string {
		switch {
		case !nested:
			return "e"
		case stream.Extent == ir.Row:
			return "i"
		case stream.Extent == ir.Col:
			return "j"
		}
		return "i*cols + j"
	}
	operand := func(o ir.Operand) string {
		if o.Scalar {
			return "s" + strconv.Itoa(o.Index)
		}
		return "v" + strconv.Itoa(o.Index)
	}
	for i, in := range k.Instrs {
		typ := "float"
		if in.Mask {
			typ = "int"
		}
		text := cText[in.Op]
		if in.Op == "load" {
			text = fmt.Sprintf("p%d[%s]", in.Stream, element(k.Streams[in.Stream]))
		} else if op.Must(in.Op).Ulp > 0 && in.Op != "rsqrt" {
			s.exact = false
		}
		for a, arg := range in.Args {
			text = strings.ReplaceAll(text, "$"+string(rune('a'+a)), operand(arg))
		}
		fmt.Fprintf(b, "\t\t%s v%d = %s;\n", typ, i, text)
	}
	for _, store := range k.Stores {
		if k.Streams[store.Stream].Kind == ir.CollectStream {
			continue
		}
		fmt.Fprintf(b, "\t\tp%d[%s] = %s;\n", store.Stream, element(k.Streams[store.Stream]), operand(store.Value))
	}
	for i, c := range k.Collects {
		to := fmt.Sprintf("c%d[j]", i)
		if c.To.Extent == ir.Row {
			to = fmt.Sprintf("a%d", i)
		}
		for _, store := range k.Stores {
			if store.Stream == c.Stream {
				fmt.Fprintf(b, "\t\t%s\n", fold(c.Kind, to, operand(store.Value)))
			}
		}
	}
	for i, r := range k.Reductions {
		fmt.Fprintf(b, "\t\t%s\n", fold(r.Kind, fmt.Sprintf("r%d", i), operand(r.Value)))
	}
}

func identity(kind elem.Reduction) string {
	switch kind {
	case elem.ReduceMin:
		return "INFINITY"
	case elem.ReduceMax:
		return "-INFINITY"
	}
	return "0.0f"
}

func fold(kind elem.Reduction, to, value string) string {
	switch kind {
	case elem.ReduceMin:
		return fmt.Sprintf("%s = %s < %s ? %s : %s;", to, value, to, value, to)
	case elem.ReduceMax:
		return fmt.Sprintf("%s = %s > %s ? %s : %s;", to, value, to, value, to)
	}
	return fmt.Sprintf("%s += %s;", to, value)
}
