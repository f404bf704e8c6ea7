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
)

type benchCmd struct {
	ruleArg
	setFlag
	paramsArg
	N       size       `short:"n" default:"16M" help:"Parameter elements; K, M and G count 1024, 1024K and 1024M."`
	Shape   string     `placeholder:"SHAPE" help:"Shape of the parameter instead of -n: 4096x4096."`
	Threads int        `default:"1" help:"Goroutines a step."`
	DType   string     `name:"dtype" enum:"f32,f64" default:"f32" help:"Element type, f32 or f64."`
	Engine  engineFlag `placeholder:"ENGINE" help:"go, avx2, avx512 or neon; the fastest of this CPU by default."`
	Reps    int        `default:"12" help:"Repetitions, at least 7."`
	JSON    bool       `name:"json" help:"Print one JSON object."`
}

// Help is the verb's example.
func (benchCmd) Help() string {
	return `Measures a step of a rule against the roof: a loop that reads and writes the same arrays and only adds them up, in the same process, in turn with the rule. The share is the roof's time over the rule's; figures are medians. The arrays are allocated anew four times, rule and roof first in turn.

A rule that tells tensors apart by shape, or has rows and columns, is measured on a matrix as square as -n allows, else on a vector; --shape decides otherwise. What a rule does on whole matrices, in order of size or by asking the model again is not a matter of memory bandwidth: such a rule is timed without a roof, its closure only copying the gradient.

What a rule declares with given is filled with random numbers of magnitude 0.5 to 1.5, of both signs where it is an array, and stays the same every step. A state in a narrow format counts as many bytes as it is stored in; the roof has an array of the element type instead, which it need not convert, and the share compares the bytes that both move in a second.

Example:
  optc bench std/adam -n 64M --threads 2
  optc bench std/lion -n 16K --json
  optc bench std/adamw -n 64K --params bf16+kahan
  optc bench mine.opt:muon --shape 512x512`
}

// size is a number of elements on the command line.
type size int

// maxSize bounds what a bench allocates: no machine has more, nor can an int count more bytes.
const maxSize = min(1<<40, math.MaxInt/16)

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
		return usagef("--engine interp: bench measures compiled kernels: go, avx2, avx512 or neon")
	}
	if cmd.Threads < 1 {
		return usagef("--threads %d: at least 1", cmd.Threads)
	}
	if err := cmd.only(cmd.DType); err != nil {
		return err
	}
	r, hypers, err := cmd.paramsArg.open(c, &cmd.ruleArg, cmd.Set)
	if err != nil {
		return err
	}
	if err := checkEngine(r, cmd.Engine); err != nil {
		return err
	}
	shape, err := cmd.shape(r)
	if err != nil {
		return err
	}
	cmd.N = 1
	for _, d := range shape {
		cmd.N *= size(d)
	}
	class := interp.ClassOf(r.Plan, benchName, shape)
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
	var roofCost costInfo
	if why == "" {
		roof = roofOf(r, class)
		roofCost = costOf(roof.Plan, 0)
	}
	engine, timing, err := cmd.measure(c, r, roof, shape, hypers)
	if err != nil {
		return err
	}
	b := benchmark{Rule: r.Name, Engine: engine, DType: cmd.DType, N: int(cmd.N), Thread: cmd.Threads, Bytes: cost.Bytes.of(cmd.DType), Passes: cost.Passes, NoRoof: why}
	if len(shape) > 1 {
		b.Shape = shape
	}
	total, roofTotal := b.Bytes*float64(b.N), roofCost.Bytes.of(cmd.DType)*float64(b.N) // bytes a step: over nanoseconds, GB/s
	rule, roofTime := host.Quartiles(timing.Rule), [3]float64{}
	b.NS, b.GB = rule[1]/float64(b.N), total/rule[1]
	if why == "" {
		roofTime = host.Quartiles(timing.Roof)
		ratios := make([]float64, len(timing.Rule))
		for i := range ratios {
			ratios[i] = (total / timing.Rule[i]) / (roofTotal / timing.Roof[i])
		}
		b.Roof, b.Share = roofTotal/roofTime[1], host.Quartiles(ratios)[1]
	}
	for _, w := range b.warnings(rule, roofTime, cmd.arrays(r, class, shape)) {
		fmt.Fprintf(c.err, "optc: note: %s\n", w)
	}
	if cmd.JSON {
		return json.NewEncoder(c.out).Encode(b)
	}
	b.print(c, rule, roofTime, len(timing.Rule))
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

// arrays is the size of parameters, gradients, further inputs, states and scratch in bytes.
func (cmd *benchCmd) arrays(r *compiler.Rule, class int, shape []int) int {
	var d perDType
	add := func(e ir.Extent, format string) {
		if e.IsArray() {
			rows, cols := interp.Dims(e, shape)
			d.add(float64(rows)*float64(cols), format)
		}
	}
	add(ir.Elem, r.Plan.Program.Params.Format)
	add(ir.Elem, r.Plan.Program.Params.Format)
	for _, g := range r.Plan.Program.Givens {
		add(g.Extent, "")
	}
	for i, s := range r.Plan.Program.States {
		if r.Plan.Classes[class].States[i] {
			add(s.Extent, s.As.Format)
		}
	}
	for i, e := range r.Plan.Scratch {
		if r.Plan.Classes[class].Scratch[i] {
			add(e, "")
		}
	}
	return int(min(d.of(cmd.DType), maxSize*8))
}

// givens are the sizes of what the rule is given beside the gradient.
func givens(r *compiler.Rule, shape []int) []host.Given {
	var out []host.Given
	for _, g := range r.Plan.Program.Givens {
		size := host.Given{Load: g.Load}
		if g.Extent.IsArray() {
			rows, cols := interp.Dims(g.Extent, shape)
			size.Arrays = []int{rows * cols}
		} else {
			size.Steps = givenCount(g, 1)
		}
		out = append(out, size)
	}
	return out
}

// maxBenchWork bounds the products of an operator on whole matrices in a bench: as many as those of two matrices of
// 1024 by 1024.
const maxBenchWork = 1 << 30

// checkSize refuses what this machine cannot hold, with the roof's arrays, and what would take minutes.
func (cmd *benchCmd) checkSize(r *compiler.Rule, class int, shape []int) error {
	need := 2 * cmd.arrays(r, class, shape)
	if free, ok := freeMemory(); ok && need > free {
		return fmt.Errorf("-n %d needs %d MiB of memory, %d MiB are free", cmd.N, need>>20, free>>20)
	}
	for _, s := range r.Plan.Later {
		if s.Array == nil || s.Class != class || arrayWork(s.Array, shape) <= maxBenchWork {
			continue
		}
		rows, cols := interp.Dims(ir.Elem, shape)
		return usagef("rule %s runs %s on whole matrices, in a time that grows with the cube of their side: of %d by %d it is too long to measure; try --shape 512x512", r.Name, s.Array.Op.Name, rows, cols)
	}
	return nil
}

// arrayWork is how often an operator multiplies, up to a factor; 0 of one that takes each number once, whose time grows
// with the memory.
func arrayWork(v *ir.Value, shape []int) float64 {
	if v.Op.Kind == op.Order || slices.Contains([]string{"transpose", "diag", "trace", "outer", "eye"}, v.Op.Name) {
		return 0
	}
	size := func(v *ir.Value) (rows, cols float64) {
		m, n := interp.Dims(v.Extent, shape)
		return float64(m), float64(n)
	}
	a, b := size(v.Args[0])
	if v.Op.Name != "matmul" {
		return a * b * min(a, b)
	}
	c, d := size(v.Args[1])
	switch {
	case !v.Args[0].Extent.IsMatrix() && v.Args[0].Extent != ir.Elem:
		return c * d
	case !v.Args[1].Extent.IsMatrix() && v.Args[1].Extent != ir.Elem:
		return a * b
	}
	return a * b * d
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
	req.Bench = &host.Bench{Name: benchName, Shape: shape, Givens: givens(r, shape), NoRoof: roof == nil, Reps: cmd.Reps}
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

func (b *benchmark) print(c *console, rule, roof [3]float64, reps int) {
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
	row("rule", rule, fmt.Sprintf("%.2f", b.GB))
	row("roof", roof, fmt.Sprintf("%.2f", b.Roof))
	t.print(c.out, "  ")
	fmt.Fprintf(c.out, "share of the roof %.3f (medians of %d)\n", b.Share, reps)
}
