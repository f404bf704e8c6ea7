package ir

import (
	"fmt"
	"strings"
)

// String prints the kernel, an instruction a line.
func (k *Kernel) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel %s\n", k.Name)
	if k.Domain != Elem {
		fmt.Fprintf(&b, "domain %s\n", k.Domain)
	}
	for i, s := range k.Streams {
		mode := ""
		if s.Read {
			mode += " read"
		}
		if s.Write {
			mode += " write"
		}
		fmt.Fprintf(&b, "stream %d %s%s\n", i, s.Place.in(k.Domain), mode)
	}
	for i, s := range k.Scalars {
		fmt.Fprintf(&b, "scalar s%d %s\n", i, s.Name)
	}
	for i, in := range k.Instrs {
		fmt.Fprintf(&b, "v%d = %s", i, in.Op)
		if in.Op == "load" {
			fmt.Fprintf(&b, " %s\n", k.Streams[in.Stream].Name)
			continue
		}
		for n, a := range in.Args {
			if n > 0 {
				b.WriteByte(',')
			}
			b.WriteString(" " + a.String())
		}
		if in.Name != "" {
			fmt.Fprintf(&b, "  # %s", in.Name)
		}
		b.WriteByte('\n')
	}
	for i, r := range k.Reductions {
		fmt.Fprintf(&b, "reduce %d %s %s\n", i, r.Kind, r.Value)
	}
	for _, c := range k.Collects {
		fmt.Fprintf(&b, "collect %s per %s of stream %d to %s\n", c.Kind, c.To.Extent, c.Stream, c.To.text())
	}
	for _, s := range k.Stores {
		fmt.Fprintf(&b, "store %s %s\n", k.Streams[s.Stream].Name, s.Value)
	}
	return b.String()
}

// String is v3 for an instruction's result, s3 for a scalar.
func (o Operand) String() string {
	if o.Scalar {
		return fmt.Sprintf("s%d", o.Index)
	}
	return fmt.Sprintf("v%d", o.Index)
}

// String prints the stages of the plan.
func (p *Plan) String() string {
	var b strings.Builder
	steps := []struct {
		name   string
		stages []Stage
	}{{"later steps", p.Later}, {"first step", p.First}, {"evaluation", p.Eval}}
	for i, s := range steps {
		if len(s.stages) == 0 || i == 1 && p.Same {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", s.name)
		for _, st := range s.stages {
			b.WriteString(st.line(p.Program))
		}
	}
	for _, k := range p.Kernels {
		b.WriteString(k.String())
	}
	return b.String()
}

func (s Stage) line(p *Program) string {
	switch {
	case s.Kernel != nil:
		return "  pass " + s.Kernel.Name + "\n"
	case s.Fold != nil:
		return fmt.Sprintf("  fold %s per %s\n", s.Fold.Op.Name, s.Fold.Per)
	case s.Array != nil:
		return fmt.Sprintf("  whole arrays: %s%s to %s%s\n", s.Array.Op.Name, placesText(s.In), s.Out.text(), ifText(s.If))
	case s.Probe != nil:
		return fmt.Sprintf("  probe %s at%s to %s%s\n", s.Probe.Name, placesText(s.In), s.Out.text(), ifText(s.If))
	case len(s.Rotate) > 0:
		return fmt.Sprintf("  rotate the states %v%s\n", s.Rotate, ifText(s.If))
	case len(s.Keep) > 0:
		names := make([]string, len(s.Keep))
		for i, k := range s.Keep {
			names[i] = p.States[k].Name
		}
		return fmt.Sprintf("  keep per %s: %s\n", s.Extent, strings.Join(names, ", "))
	}
	return fmt.Sprintf("  once a %s: %d values\n", s.Extent, len(s.Values))
}

// text names an array; a scratch array also has a number.
func (p Place) text() string {
	switch {
	case p.Extent == Const:
		return "a step value"
	case p.Kind == ScratchStream:
		return fmt.Sprintf("%s (scratch %d, %s)", p.Name, p.Index, p.Extent)
	case p.Kind == DrawStream:
		return fmt.Sprintf("%s (draw %d)", p.Name, p.Index)
	}
	return p.Name
}

// in is text, with the extent of what a kernel over another one reads.
func (p Place) in(domain Extent) string {
	if p.Extent != domain && p.Kind != ScratchStream {
		return p.text() + " per " + p.Extent.String()
	}
	return p.text()
}

// placesText lists the operands of each class that has some.
func placesText(in [][]Place) string {
	var parts []string
	for _, ps := range in {
		for _, p := range ps {
			parts = append(parts, p.text())
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func ifText(v *Value) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(" if value %d", v.ID)
}
