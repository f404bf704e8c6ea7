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
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

type benchCmd struct {
	ruleArg
	setFlag
	N       size       `short:"n" default:"16M" help:"Parameter elements; K, M and G count 1024, 1024K and 1024M."`
	Threads int        `default:"1" help:"Goroutines a step."`
	DType   string     `name:"dtype" enum:"f32,f64" default:"f32" help:"Element type, f32 or f64."`
	Engine  engineFlag `placeholder:"ENGINE" help:"go, avx2 or avx512; the fastest of this CPU by default."`
	Reps    int        `default:"12" help:"Repetitions, at least 7."`
	JSON    bool       `name:"json" help:"Print one JSON object."`
}

// Help is the verb's example.
func (benchCmd) Help() string {
	return `Measures a step of a rule against the roof: a loop that reads and writes the same arrays and only adds them up, in the same process, in turn with the rule. The share is the roof's time over the rule's; figures are medians. The arrays are allocated anew four times, rule and roof first in turn.

Example:
  optc bench std/adam -n 64M --threads 2
  optc bench std/lion -n 16K --json`
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
	Bytes  int     `json:"bytes_per_param"`
	Passes int     `json:"passes"`
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
	cost := pass.CostOf(r.Plan.Later)
	if cost.Passes == 0 {
		return fmt.Errorf("rule %s changes nothing: there is nothing to measure", r.Name)
	}
	if err := cmd.checkMemory(r); err != nil {
		return err
	}
	if cmd.Engine == "" {
		noteSlow(c, r)
	}
	engine, timing, err := cmd.measure(c, r, hypers)
	if err != nil {
		return err
	}
	dtype := dtypeFlag(cmd.DType).dtype()
	b := benchmark{Rule: r.Name, Engine: engine, DType: cmd.DType, N: int(cmd.N), Thread: cmd.Threads,
		Bytes: cost.Bytes(dtype.Size()), Passes: cost.Passes}
	total := float64(b.Bytes) * float64(b.N) // bytes a step: over nanoseconds, GB/s
	rule, roof := quartiles(timing.Rule), quartiles(timing.Roof)
	ratios := make([]float64, len(timing.Rule))
	for i := range ratios {
		ratios[i] = timing.Roof[i] / timing.Rule[i]
	}
	b.NS, b.GB, b.Roof, b.Share = rule[1]/float64(b.N), total/rule[1], total/roof[1], quartiles(ratios)[1]
	for _, w := range b.warnings(rule, roof, cmd.arrays(r)) {
		fmt.Fprintf(c.err, "optc: note: %s\n", w)
	}
	if cmd.JSON {
		return json.NewEncoder(c.out).Encode(b)
	}
	b.print(c, rule, roof, total, len(ratios))
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
	if spread := max((rule[2]-rule[0])/rule[1], (roof[2]-roof[0])/roof[1]); spread > farApart {
		out = append(out, fmt.Sprintf("the machine is busy: the quartiles lie %.0f%% of the median apart; measure again when it is idle", 100*spread))
	}
	switch {
	case arrays <= cacheBytes:
		out = append(out, fmt.Sprintf("%d KiB of arrays fit a cache: arithmetic rather than memory may limit rule and roof; -n 16M shows memory", arrays>>10))
	case b.Share > mostShare:
		out = append(out, fmt.Sprintf("a share of %.2f cannot be: the roof was disturbed; measure again, with more --reps", b.Share))
	}
	return out
}

// arrays is the size of parameters, gradients and states in bytes.
func (cmd *benchCmd) arrays(r *compiler.Rule) int {
	arrays := 2
	for _, s := range r.Plan.Program.States {
		if s.Extent == ir.Elem {
			arrays++
		}
	}
	return arrays * dtypeFlag(cmd.DType).dtype().Size() * int(cmd.N)
}

// checkMemory refuses what this machine cannot hold, with the roof's arrays.
func (cmd *benchCmd) checkMemory(r *compiler.Rule) error {
	need := 2 * cmd.arrays(r)
	if free, ok := freeMemory(); ok && need > free {
		return fmt.Errorf("-n %d needs %d MiB of memory, %d MiB are free", cmd.N, need>>20, free>>20)
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

func (cmd *benchCmd) measure(c *console, r *compiler.Rule, hypers []float64) (string, *host.Timing, error) {
	ctx, stop := interrupted()
	defer stop()
	program, err := buildProgram(ctx, c, r, roofOf(r), dtypeFlag(cmd.DType).dtype())
	if err != nil {
		return "", nil, err
	}
	req := request(cmd.Engine, cmd.Threads, hypers)
	req.Bench = &host.Bench{N: int(cmd.N), Reps: cmd.Reps}
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
	fmt.Fprintf(c.out, "%s on %s, %s, %s, %s: %s, %d bytes an element\n",
		b.Rule, b.Engine, b.DType, plural(b.N, "element", "elements"), plural(b.Thread, "thread", "threads"), plural(b.Passes, "pass", "passes"), b.Bytes)
	t := table{header: []string{"", "ns/element", "25%", "75%", "GB/s"}, right: map[int]bool{1: true, 2: true, 3: true, 4: true}}
	for _, row := range []struct {
		name string
		q    [3]float64
	}{{"rule", rule}, {"roof", roof}} {
		cell := func(ns float64) string { return strconv.FormatFloat(ns/float64(b.N), 'f', 4, 64) }
		t.add(row.name, cell(row.q[1]), cell(row.q[0]), cell(row.q[2]), fmt.Sprintf("%.2f", total/row.q[1]))
	}
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

// roofOf is a rule that walks along the same arrays as r, pass by pass, and only adds: what it is written in writes x
// and the states as sums, and where a pass of r writes nothing it sums up what it reads.
func roofOf(r *compiler.Rule) *compiler.Rule {
	p := &ir.Program{Name: r.Name + "_roof", Doc: "The memory traffic of " + r.Name + ".", Hypers: r.Plan.Program.Hypers, States: r.Plan.Program.States,
		X: r.Plan.Program.X, Pool: r.Plan.Program.Pool}
	plan := &ir.Plan{Program: p, Same: true}
	for _, s := range r.Plan.Later {
		if s.Kernel == nil {
			continue
		}
		k := roofKernel(p.Pool, s.Kernel)
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
	b := &roofBuilder{pool, &ir.Kernel{Domain: k.Domain, Streams: k.Streams}}
	loads := map[int]ir.Operand{}
	var only, all []ir.Operand
	for i, s := range k.Streams {
		if !s.Read {
			continue
		}
		loads[i] = b.load(k, i)
		all = append(all, loads[i])
		if !s.Write {
			only = append(only, loads[i])
		}
	}
	if len(k.Stores) == 0 {
		value := b.sum(all)
		b.k.Reductions = []ir.Reduction{{Kind: elem.ReduceSum, Value: value, Result: pool.Reduce(op.Must("sum"), b.value(value), ir.Tensor, nil)}}
		return b.k
	}
	if len(only) > 0 {
		only = []ir.Operand{b.sum(only)}
	}
	for _, s := range k.Stores {
		terms := only
		if old, ok := loads[s.Stream]; ok {
			terms = append([]ir.Operand{old}, only...)
		} else if len(only) == 0 {
			terms = all
		}
		b.k.Stores = append(b.k.Stores, ir.Store{Stream: s.Stream, Value: b.sum(terms)})
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
func (b *roofBuilder) load(k *ir.Kernel, stream int) ir.Operand {
	for _, in := range k.Instrs {
		if in.Op == "load" && in.Stream == stream {
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
