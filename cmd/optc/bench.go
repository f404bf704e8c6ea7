package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

type benchCmd struct {
	ruleArg
	setFlag
	N       size       `short:"n" default:"16M" help:"Parameter elements; K, M and G count 1024, 1024K and 1024M."`
	Shape   string     `placeholder:"SHAPE" help:"Shape of the parameter instead of -n: 4096x4096."`
	Threads int        `default:"1" help:"Goroutines a step."`
	DType   string     `name:"dtype" enum:"f32,f64" default:"f32" help:"Element type, f32 or f64."`
	Engine  engineFlag `placeholder:"ENGINE" help:"go, avx2 or avx512; the fastest of this CPU by default."`
	Reps    int        `default:"12" help:"Repetitions, at least 7."`
	JSON    bool       `name:"json" help:"Print one JSON object."`
}

// Help is the verb's example.
func (benchCmd) Help() string {
	return `Measures a step of a rule against the roof: a loop that reads and writes the same arrays and only adds them up, in the same process, in turn with the rule. The share is the roof's time over the rule's; figures are medians. The arrays are allocated anew four times, rule and roof first in turn.

A rule that tells tensors apart by shape, or has rows and columns, is measured on a matrix as square as -n allows, else on a vector; --shape decides otherwise. What a rule does on whole matrices, in order of size or by asking the model again is not a matter of memory bandwidth: such a rule is timed without a roof, its closure only copying the gradient.

Example:
  optc bench std/adam -n 64M --threads 2
  optc bench std/lion -n 16K --json
  optc bench mine.opt:muon --shape 512x512`
}

// size is a number of elements on the command line.
type size int

// maxSize bounds what a bench allocates: no machine has more.
const maxSize = 1 << 40

// UnmarshalText reads 1000, 16K, 64M or 2G.
func (s *size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "KMG")
	unit := strings.Index("KMG", string(text[len(digits):])) // one letter, or none
	if len(text)-len(digits) > 1 {
		return fmt.Errorf("%q is no number of elements, such as 16K or 64M", text)
	}
	shift := 0
	if len(digits) < len(text) {
		shift = 10 * (unit + 1)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > maxSize>>shift {
		return fmt.Errorf("%q is no number of elements, such as 16K or 64M", text)
	}
	*s = size(n << shift)
	return nil
}

// benchmark is what a bench prints.
type benchmark struct {
	Rule   string  `json:"rule"`
	Engine string  `json:"engine"`
	DType  string  `json:"dtype"`
	N      int     `json:"n"`
	Thread int     `json:"threads"`
	NS     float64 `json:"ns_per_param"`
	GB     float64 `json:"gb_per_s"`
	Roof   float64 `json:"roof_gb_per_s"`
	Share  float64 `json:"share"`
	Bytes  float64 `json:"bytes_per_param"`
	Passes int     `json:"passes"`
	Shape  []int   `json:"shape,omitempty"`   // of a matrix
	NoRoof string  `json:"no_roof,omitempty"` // why there is neither roof nor share
}

// Run measures.
func (cmd *benchCmd) Run(c *console) error {
	if cmd.Reps < 7 || cmd.Reps > 10_000 {
		return usagef("--reps %d: 7 to 10000 are possible", cmd.Reps)
	}
	if cmd.Engine == interpEngine {
		return usagef("--engine interp: bench measures compiled kernels: go, avx2 or avx512")
	}
	if cmd.Threads < 1 {
		return usagef("--threads %d: at least 1", cmd.Threads)
	}
	r, hypers, err := cmd.openRule(c, cmd.Set)
	if err != nil {
		return err
	}
	if err := checkEngine(r, cmd.Engine); err != nil {
		return err
	}
	if givens := r.Checked.Givens; len(givens) > 0 {
		return usagef("rule %s has the further input %s, which bench does not give", r.Name, givens[0].Name)
	}
	shape, err := cmd.shape(r)
	if err != nil {
		return err
	}
	cmd.N = 1
	for _, d := range shape {
		cmd.N *= size(d)
	}
	class := classOf(r.Plan, benchName, shape)
	cost := costOf(r.Plan, class)
	if cost.Passes == 0 {
		return fmt.Errorf("rule %s changes nothing: there is nothing to measure", r.Name)
	}
	why := noRoof(r, class)
	if err := cmd.checkSize(r, class, shape); err != nil {
		return err
	}
	if cmd.Engine == "" {
		noteSlow(c, r)
	}
	var roof *compiler.Rule
	if why == "" {
		roof = roofOf(r, class)
	}
	engine, timing, err := cmd.measure(c, r, roof, shape, hypers)
	if err != nil {
		return err
	}
	b := benchmark{Rule: r.Name, Engine: engine, DType: cmd.DType, N: int(cmd.N), Thread: cmd.Threads, Bytes: cost.Bytes.F32, Passes: cost.Passes, NoRoof: why}
	if cmd.DType == "f64" {
		b.Bytes = cost.Bytes.F64
	}
	if len(shape) > 1 {
		b.Shape = shape
	}
	total := b.Bytes * float64(b.N) // bytes a step: over nanoseconds, GB/s
	rule, roofTime := quartiles(timing.Rule), [3]float64{}
	b.NS, b.GB = rule[1]/float64(b.N), total/rule[1]
	if why == "" {
		roofTime = quartiles(timing.Roof)
		ratios := make([]float64, len(timing.Rule))
		for i := range ratios {
			ratios[i] = timing.Roof[i] / timing.Rule[i]
		}
		b.Roof, b.Share = total/roofTime[1], quartiles(ratios)[1]
	}
	for _, w := range b.warnings(rule, roofTime, cmd.arrays(r, class, shape)) {
		fmt.Fprintf(c.err, "optc: note: %s\n", w)
	}
	if cmd.JSON {
		return json.NewEncoder(c.out).Encode(b)
	}
	b.print(c, rule, roofTime, total, len(timing.Rule))
	return nil
}

// Beyond these a measurement deserves a word.
const (
	farApart   = 0.15     // quartiles, relative to the median
	mostShare  = 1.03     // of a roof that was measured well
	cacheBytes = 16 << 20 // arrays of this size may stay in the caches
)

// warnings say why the figures may not be what they seem; arrays is the size of all arrays in bytes.
func (b *benchmark) warnings(rule, roof [3]float64, arrays int) []string {
	var out []string
	if spread := max((rule[2]-rule[0])/rule[1], (roof[2]-roof[0])/max(roof[1], 1)); spread > farApart {
		out = append(out, fmt.Sprintf("the machine is busy: the quartiles lie %.0f%% of the median apart; measure again when it is idle", 100*spread))
	}
	switch {
	case b.NoRoof != "":
	case arrays <= cacheBytes:
		out = append(out, fmt.Sprintf("%d KiB of arrays fit a cache: arithmetic rather than memory may limit rule and roof; -n 16M shows memory", arrays>>10))
	case b.Share > mostShare:
		out = append(out, fmt.Sprintf("a share of %.2f cannot be: the roof was disturbed; measure again, with more --reps", b.Share))
	}
	return out
}

// benchName is what the parameter of a bench is called.
const benchName = "w"

// shape is the shape of the parameter that is measured.
func (cmd *benchCmd) shape(r *compiler.Rule) ([]int, error) {
	if cmd.Shape == "" {
		n := int(cmd.N)
		if !wantsMatrix(r.Plan) {
			return []int{n}, nil
		}
		rows := 1
		for d := 1; d <= n/d; d++ {
			if n%d == 0 {
				rows = d
			}
		}
		return []int{rows, n / rows}, nil
	}
	var shape []int
	for text := range strings.SplitSeq(cmd.Shape, "x") {
		d, err := strconv.Atoi(text)
		if err != nil || d < 1 {
			return nil, usagef("--shape %s: write its dimensions, as in 4096x4096", cmd.Shape)
		}
		shape = append(shape, d)
	}
	if n, ok := numel(shape); !ok || n > maxSize {
		return nil, usagef("--shape %s: more than memory can hold", cmd.Shape)
	}
	return shape, nil
}

// wantsMatrix reports whether a rule does anything that concerns matrices alone.
func wantsMatrix(plan *ir.Plan) bool {
	if len(plan.Classes) > 1 {
		return true
	}
	for _, v := range ir.Reachable(plan.Program.Roots()...) {
		if v.Extent.IsArray() && v.Extent != ir.Elem || v.Kind == ir.Input && v.Name == "rows" {
			return true
		}
	}
	return false
}

// noRoof says why a rule's time is not to be held against the memory's; "" if it is.
func noRoof(r *compiler.Rule, class int) string {
	var what []string
	for _, s := range r.Plan.Later {
		switch {
		case s.Array != nil && (s.Class == class || sharedOrder(s.Array)):
			what = append(what, s.Array.Op.Name)
		case s.Probe != nil:
			what = append(what, "probe")
		}
	}
	if what == nil {
		return ""
	}
	return fmt.Sprintf("beside its passes the rule runs %s, whose time is not a matter of memory bandwidth", strings.Join(distinctWords(what), ", "))
}

// arrays is the size of parameters, gradients, states and scratch in bytes.
func (cmd *benchCmd) arrays(r *compiler.Rule, class int, shape []int) int {
	width := dtypeFlag(cmd.DType).dtype().Size()
	total := 2 * width * int(cmd.N)
	add := func(e ir.Extent) {
		if e.IsArray() {
			rows, cols := interp.Dims(e, shape)
			total += width * rows * cols
		}
	}
	for i, s := range r.Plan.Program.States {
		if r.Plan.Classes[class].States[i] {
			add(s.Extent)
		}
	}
	for i, e := range r.Plan.Scratch {
		if r.Plan.Classes[class].Scratch[i] {
			add(e)
		}
	}
	return total
}

// maxBenchSide bounds the matrices of a bench with operators on whole matrices: their time grows with its cube.
const maxBenchSide = 1024

// checkSize refuses what this machine cannot hold, with the roof's arrays, and what would take minutes.
func (cmd *benchCmd) checkSize(r *compiler.Rule, class int, shape []int) error {
	need := 2 * cmd.arrays(r, class, shape)
	if free, ok := freeMemory(); ok && need > free {
		return fmt.Errorf("-n %d needs %d MiB of memory, %d MiB are free", cmd.N, need>>20, free>>20)
	}
	for _, s := range r.Plan.Later {
		if s.Array == nil || s.Class != class || s.Array.Op.Kind == op.Order {
			continue
		}
		if rows, cols := interp.Dims(ir.Elem, shape); max(rows, cols) > maxBenchSide {
			return usagef("rule %s runs %s on whole matrices, in a time that grows with the cube of their side: of %d by %d it is too long to measure; try --shape 512x512", r.Name, s.Array.Op.Name, rows, cols)
		}
	}
	return nil
}

// freeMemory is what the system can give without swapping, where it says so.
func freeMemory() (int, bool) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(data), "MemAvailable:")
	var kilobytes int
	_, err = fmt.Sscan(rest, &kilobytes)
	return kilobytes << 10, err == nil
}

func (cmd *benchCmd) measure(c *console, r, roof *compiler.Rule, shape []int, hypers []float64) (string, *host.Timing, error) {
	ctx, stop := interrupted()
	defer stop()
	program, err := buildProgram(ctx, c, r, roof, dtypeFlag(cmd.DType).dtype())
	if err != nil {
		return "", nil, err
	}
	req := request(cmd.Engine, cmd.Threads, hypers)
	req.Bench = &host.Bench{Name: benchName, Shape: shape, NoRoof: roof == nil, Reps: cmd.Reps}
	s, err := driver.Start(ctx, program, req, strings.NewReader(""))
	if err != nil {
		return "", nil, err
	}
	defer s.Close()
	reply, err := s.Reply()
	if err != nil {
		return "", nil, err
	}
	return reply.Engine, reply.Timing, nil
}

func (b *benchmark) print(c *console, rule, roof [3]float64, total float64, reps int) {
	elements := plural(b.N, "element", "elements")
	if b.Shape != nil {
		elements += " (" + strings.Trim(strings.ReplaceAll(fmt.Sprint(b.Shape), " ", "x"), "[]") + ")"
	}
	fmt.Fprintf(c.out, "%s on %s, %s, %s, %s: %s, %s bytes an element\n",
		b.Rule, b.Engine, b.DType, elements, plural(b.Thread, "thread", "threads"), plural(b.Passes, "pass", "passes"), shortNumber(b.Bytes))
	t := table{header: []string{"", "ns/element", "25%", "75%", "GB/s"}, right: map[int]bool{1: true, 2: true, 3: true, 4: true}}
	row := func(name string, q [3]float64, speed string) {
		cell := func(ns float64) string { return strconv.FormatFloat(ns/float64(b.N), 'f', 4, 64) }
		t.add(name, cell(q[1]), cell(q[0]), cell(q[2]), speed)
	}
	if b.NoRoof != "" {
		t.header = t.header[:4]
		row("rule", rule, "")
		t.print(c.out, "  ")
		fmt.Fprintf(c.out, "no roof: %s (medians of %d)\n", b.NoRoof, reps)
		return
	}
	row("rule", rule, fmt.Sprintf("%.2f", total/rule[1]))
	row("roof", roof, fmt.Sprintf("%.2f", total/roof[1]))
	t.print(c.out, "  ")
	fmt.Fprintf(c.out, "share of the roof %.3f (medians of %d)\n", b.Share, reps)
}

// quartiles are the lower quartile, the median and the upper quartile, interpolated.
func quartiles(values []float64) [3]float64 {
	v := slices.Sorted(slices.Values(values))
	var q [3]float64
	for i := range q {
		at := float64(i+1) / 4 * float64(len(v)-1)
		k := int(math.Floor(at))
		next := min(k+1, len(v)-1)
		q[i] = v[k] + (at-float64(k))*(v[next]-v[k])
	}
	return q
}

// roofOf is a rule that walks along the same arrays of elements as r does for a class of tensors, pass by pass, and only
// adds: what it is written in writes x and the states as sums, and where a pass of r writes nothing it sums up what it
// reads. Rows and columns, and random values, are no traffic.
func roofOf(r *compiler.Rule, class int) *compiler.Rule {
	p := &ir.Program{Name: r.Name + "_roof", Doc: "The memory traffic of " + r.Name + ".", Hypers: r.Plan.Program.Hypers, States: r.Plan.Program.States,
		X: r.Plan.Program.X, Pool: r.Plan.Program.Pool}
	own := r.Plan.Classes[class]
	plan := &ir.Plan{Program: p, Same: true, Scratch: r.Plan.Scratch, Classes: []ir.Class{{States: own.States, Scratch: own.Scratch}}}
	for _, s := range r.Plan.Later {
		if s.Kernel == nil || s.Class != class || s.Kernel.Domain != ir.Elem {
			continue
		}
		k := roofKernel(p.Pool, s.Kernel)
		if len(k.Streams) == 0 {
			continue
		}
		k.Name = fmt.Sprintf("%s%d", p.Name, len(plan.Kernels))
		plan.Kernels = append(plan.Kernels, k)
		plan.Later = append(plan.Later, ir.Stage{Kernel: k})
	}
	plan.First = plan.Later
	out := *r
	out.Name, out.Plan, out.Checked = p.Name, plan, p
	return &out
}

// roofKernel reads what k reads and writes what k writes. A value written is its old one plus what is read only; so it
// grows by a constant a step and no number becomes subnormal or infinite.
func roofKernel(pool *ir.Pool, k *ir.Kernel) *ir.Kernel {
	b := &roofBuilder{pool, &ir.Kernel{Domain: k.Domain}}
	loads, number := map[int]ir.Operand{}, map[int]int{}
	var only, all []ir.Operand
	for i, s := range k.Streams {
		if s.Extent != ir.Elem || s.Kind == ir.DrawStream || s.Kind == ir.CollectStream {
			continue
		}
		number[i] = len(b.k.Streams)
		b.k.Streams = append(b.k.Streams, s)
		if !s.Read {
			continue
		}
		loads[i] = b.load(k, i, number[i])
		all = append(all, loads[i])
		if !s.Write {
			only = append(only, loads[i])
		}
	}
	stores := slices.DeleteFunc(slices.Clone(k.Stores), func(s ir.Store) bool { _, ok := number[s.Stream]; return !ok })
	if len(stores) == 0 && len(all) > 0 {
		value := b.sum(all)
		b.k.Reductions = []ir.Reduction{{Kind: elem.ReduceSum, Value: value, Result: pool.Reduce(op.Must("sum"), b.value(value), ir.Tensor, nil)}}
		return b.k
	}
	if len(only) > 0 {
		only = []ir.Operand{b.sum(only)}
	}
	for _, s := range stores {
		terms := only
		if old, ok := loads[s.Stream]; ok {
			terms = append([]ir.Operand{old}, only...)
		} else if len(only) == 0 {
			terms = all
		}
		b.k.Stores = append(b.k.Stores, ir.Store{Stream: number[s.Stream], Value: b.sum(terms)})
	}
	return b.k
}

type roofBuilder struct {
	pool *ir.Pool
	k    *ir.Kernel
}

func (b *roofBuilder) emit(in ir.Instr) ir.Operand {
	b.k.Instrs = append(b.k.Instrs, in)
	return ir.Operand{Index: len(b.k.Instrs) - 1}
}

// load reads a stream as k does.
func (b *roofBuilder) load(k *ir.Kernel, stream, number int) ir.Operand {
	for _, in := range k.Instrs {
		if in.Op == "load" && in.Stream == stream {
			in.Stream = number
			return b.emit(in)
		}
	}
	panic("bench: a stream is read by no load")
}

func (b *roofBuilder) value(o ir.Operand) *ir.Value {
	if o.Scalar {
		return b.k.Scalars[o.Index].Value
	}
	return b.k.Instrs[o.Index].Value
}

// sum adds operands; of none it is zero.
func (b *roofBuilder) sum(terms []ir.Operand) ir.Operand {
	if len(terms) == 0 {
		b.k.Scalars = []ir.Scalar{{Value: b.pool.Number(0), Name: "0"}}
		return ir.Operand{Scalar: true}
	}
	total := terms[0]
	for _, t := range terms[1:] {
		total = b.emit(ir.Instr{Op: "add", Args: []ir.Operand{total, t}, Value: b.pool.Call("add", b.value(total), b.value(t))})
	}
	return total
}
