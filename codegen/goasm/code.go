package goasm

import "github.com/optc-lang/optc/compiler/op"

// place is where an operand is.
type place uint8

const (
	nowhere   place = iota
	virtual         // value n of the code
	uniform         // uniform n of the function
	stream          // stream n, off bytes beyond the running index
	register        // vector register n, set aside by the layout
	predicate       // mask register n, set aside by the layout
	frame           // off bytes into the frame
	part            // off bytes into this block's partial results
	lane            // off bytes into the frame and as many more as the element is into a row of lanes
)

type operand struct {
	place  place
	n, off int
}

func (o operand) inMemory() bool { return o.place == stream || o.place >= frame }

// inst is an instruction before its registers are known. Without a mnemonic it moves in[0] to out.
type inst struct {
	mnemonic string
	imm      string
	in       []operand
	memory   int     // index in in of what may stand in memory, or -1
	tied     operand // whose register the result takes
	out      operand
	scalar   bool // works on the lowest lane
	comment  string
}

// class is a kind of register.
type class uint8

const (
	vectorClass class = iota
	maskClass
	numClasses
)

// code is straight-line code over virtual values, each defined once.
type code struct {
	f       *function
	insts   []inst
	classes []class // of each value
}

func (c *code) value(k class) operand {
	if c.f.set.masks == 0 {
		k = vectorClass
	}
	c.classes = append(c.classes, k)
	return operand{place: virtual, n: len(c.classes) - 1}
}

func (c *code) add(in inst) { c.insts = append(c.insts, in) }

// move copies src to dst; at least one of them is a register.
func (c *code) move(dst, src operand, comment string) {
	memory := 0
	if dst.inMemory() {
		memory = -1
	}
	c.add(inst{in: []operand{src}, memory: memory, out: dst, comment: comment})
}

// load brings something in memory to a new value.
func (c *code) load(src operand, comment string) operand {
	v := c.value(vectorClass)
	c.move(v, src, comment)
	return v
}

// apply expands an operator's row. The result goes to dst, or to a new value when dst is nowhere.
func (c *code) apply(operator string, args []operand, dst operand, comment string) operand {
	r := c.f.set.row(operator)
	if r.swap != "" && inAnyMemory(args[0]) && args[1].place != stream {
		r = c.f.set.row(r.swap)
		args = []operand{args[1], args[0]}
	}
	k := vectorClass
	if isMask(operator) {
		k = maskClass
	}
	return c.place(r, args, dst, k, comment)
}

// place expands a row, having loaded what may not stand in memory.
func (c *code) place(r row, args []operand, dst operand, k class, comment string) operand {
	args = append([]operand(nil), args...)
	for i, a := range args {
		if a.inMemory() && !r.foldable(i) {
			args[i] = c.load(a, "")
		}
	}
	return c.expand(r.steps, args, dst, k, comment)
}

// isMask reports whether an operator gives a mask.
func isMask(operator string) bool {
	o, ok := op.Lookup(operator)
	return ok && o.Mask
}

func inAnyMemory(o operand) bool { return o.inMemory() || o.place == uniform }

// expand appends the steps of a row; k is the class of its result.
func (c *code) expand(steps []step, args []operand, dst operand, k class, comment string) operand {
	names := map[string]operand{}
	get := func(n name) operand {
		if i, ok := n.argument(); ok {
			return args[i]
		}
		if len(n) == 1 {
			return names[string(n)]
		}
		return c.f.constant(string(n))
	}
	letters := letters[c.f.dtype]
	for i, s := range steps {
		in := inst{mnemonic: letters.Replace(s.mnemonic), imm: letters.Replace(s.imm), memory: s.memory}
		for _, n := range s.in {
			in.in = append(in.in, get(n))
		}
		if s.tied != "" {
			in.tied = get(name(s.tied))
		}
		if i < len(steps)-1 {
			in.out = c.value(vectorClass)
			names[s.out] = in.out
			c.add(in)
			continue
		}
		in.comment = comment
		if dst.place == nowhere {
			dst = c.value(k)
		}
		if in.out = dst; s.tied != "" && dst.place != virtual || dst.inMemory() {
			in.out = c.value(k)
		}
		c.add(in)
		if in.out != dst {
			c.move(dst, in.out, "")
		}
	}
	return dst
}
