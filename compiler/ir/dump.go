package ir

import (
	"fmt"
	"strings"
)

// String prints the kernel, an instruction a line.
func (k *Kernel) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel %s\n", k.Name)
	for i, s := range k.Streams {
		mode := ""
		if s.Read {
			mode += " read"
		}
		if s.Write {
			mode += " write"
		}
		fmt.Fprintf(&b, "stream %d %s%s\n", i, s.Name, mode)
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
	case len(s.Keep) > 0:
		names := make([]string, len(s.Keep))
		for i, k := range s.Keep {
			names[i] = p.States[k].Name
		}
		return fmt.Sprintf("  keep per %s: %s\n", s.Extent, strings.Join(names, ", "))
	}
	return fmt.Sprintf("  once a %s: %d values\n", s.Extent, len(s.Values))
}
