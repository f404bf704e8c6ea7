package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// domains are the extents of kernels, in the order in which a pass runs them: elements come last, for they read rows
// and columns.
var domains = []ir.Extent{ir.Row, ir.Col, ir.RowRow, ir.ColCol, ir.ColRow, ir.Elem}

// weight is the price of an array read or written once, against which an operation costs 1.
func weight(e ir.Extent) int {
	if e <= ir.Col {
		return 10
	}
	return 1000
}

// scratchPrice is what the memory of a scratch array is worth: it must save more than operations.
const scratchPrice = 500

// tooWide is the price of an array beyond those that a pass may touch.
const tooWide = 1_000_000

// loanPrice is what it costs to write a value into x before the step has its new one: it must save more than operations
// that hide behind memory.
const loanPrice = 10

// maxPlacing bounds the instructions that place builds while it looks for the best placement.
const maxPlacing = 4_000_000

// maxScratch is how many values place considers keeping between passes instead of computing them again.
const maxScratch = 512

// place decides in which pass each array takes its new value, and which values are kept in scratch between passes. An
// early store lets later passes read the new value instead of computing it again, at the price of the old one. The
// choice that moves the fewest bytes wins.
func (cc *classCut) place() {
	cc.required()
	for i := range cc.stores {
		if cc.stores[i].lasting {
			cc.stores[i].pass = cc.last(cc.stores[i])
		}
	}
	budget := maxPlacing
	best, ok := cc.cost(&budget)
	if !ok {
		panic("pass: no placement of " + cc.c.p.Name)
	}
	before := len(cc.stores)
	cc.candidates()
	cc.switchAll(before, true)
	if cost, ok := cc.cost(&budget); ok && cost < best {
		best = cost
	} else {
		cc.switchAll(before, false)
	}
	cc.loans()
	cc.improve(best, &budget)
}

// switchAll switches the stores from an index on.
func (cc *classCut) switchAll(from int, on bool) {
	for i := from; i < len(cc.stores); i++ {
		s := &cc.stores[i]
		if s.pass = off; on {
			s.pass = cc.c.level[s.value]
		}
	}
}

// improve moves one store at a time as long as that lowers the cost.
func (cc *classCut) improve(best int, budget *int) {
	for improved := true; improved; {
		improved = false
		for i := range cc.stores {
			s := &cc.stores[i]
			chosen := s.pass
			for _, p := range cc.choices(*s) {
				if *budget < 0 {
					s.pass = chosen
					return
				}
				s.pass = p
				if cost, ok := cc.cost(budget); ok && cost < best {
					best, chosen, improved = cost, p, true
				}
			}
			s.pass = chosen
		}
	}
}

// choices are the passes in which a store may stand: for one that lasts, the first and the last possible.
func (cc *classCut) choices(s store) []int {
	from := cc.c.level[s.value]
	switch {
	case cc.isLoan(s):
		return []int{off, max(from, cc.c.probes)}
	case !s.lasting:
		return []int{off, from}
	}
	return []int{max(from, cc.c.probes), cc.last(s)}
}

// last is the pass by which a store has happened. Elements have read their rows and columns before these change.
func (cc *classCut) last(s store) int {
	if s.place.Extent == ir.Elem {
		return cc.c.passes - 1
	}
	return cc.c.passes
}

// cost counts arrays read and written over all passes, and by less the operations; false if a pass needs a value that
// is no longer there, or not yet.
func (cc *classCut) cost(budget *int) (int, bool) {
	total := 0
	for _, s := range cc.stores {
		switch {
		case s.pass == off:
		case s.place.Kind == ir.ScratchStream:
			total += scratchPrice
		case cc.isLoan(s):
			if total += loanPrice; !cc.mayLend(s) {
				return 0, false
			}
		}
	}
	var all []passKernel
	for n := range cc.c.passes + 1 {
		for _, d := range domains {
			if cc.idle(n, d) {
				continue
			}
			k := cc.build(n, d)
			if k == nil {
				return 0, false
			}
			*budget -= 4*len(k.Instrs) + 1
			total += cc.price(k) + max(0, len(k.Streams)-MaxStreams)*tooWide
			all = append(all, passKernel{n, k})
		}
	}
	*budget -= 4 * len(cc.barrier)
	if !cc.operandsThere() {
		return 0, false
	}
	return total - cc.spared(all), true
}

// price is what a kernel costs, the mean of its cases if it has some.
func (cc *classCut) price(k *ir.Kernel) int {
	of := func(k *ir.Kernel) int { return arrayWeight(k) + costOf(k).Flops }
	if two := cases(cc.c.p, k, only{}); len(two) > 0 {
		return (of(two[0].Kernel) + of(two[1].Kernel)) / 2
	}
	return of(k)
}

// idle reports whether pass n has nothing to do over a domain.
func (cc *classCut) idle(n int, domain ir.Extent) bool {
	return len(cc.reduces[at{n, domain}]) == 0 &&
		!slices.ContainsFunc(cc.stores, func(s store) bool { return s.pass == n && s.place.Extent == domain })
}

// required plans scratch arrays for what must be in memory: the operands of whole-array operators and probes that are
// computed, rows and columns that elements read, and the step's gradient where a probe may take it away.
func (cc *classCut) required() {
	c := cc.c
	need := map[*ir.Value]bool{}
	want := func(v *ir.Value) {
		if v.Extent.IsArray() && !c.isWhole(v) && !need[v] {
			need[v] = true
			cc.scratch(v, c.levelOf(v))
		}
	}
	for _, v := range cc.barrier {
		for n := range v.Args {
			want(cc.operand(v, n))
		}
	}
	for _, v := range cc.order {
		switch {
		case isShared(v):
		case v.Kind == ir.Apply || v.Kind == ir.Spread || v.Kind == ir.Reduce:
			for _, a := range v.Args {
				if v.Extent == ir.Elem && v.Kind != ir.Reduce && (a.Extent == ir.Row || a.Extent == ir.Col) {
					want(a)
				}
			}
		}
	}
	for _, s := range cc.stores {
		if s.place.Extent == ir.Elem && (s.value.Extent == ir.Row || s.value.Extent == ir.Col) {
			want(s.value)
		}
	}
	g := c.p.Pool.Input("g")
	if c.asked > 0 && slices.Contains(cc.order, g) && !need[g] {
		cc.scratch(g, 0)
	}
}

// operand is operand n of a value of the class, shared or not.
func (cc *classCut) operand(v *ir.Value, n int) *ir.Value {
	if isShared(v) {
		return cc.c.arg(v, n, cc.index)
	}
	return v.Args[n]
}

func (cc *classCut) scratch(v *ir.Value, pass int) {
	cc.append(store{place: ir.Place{Kind: ir.ScratchStream, Index: v.ID, Extent: v.Extent, Name: scratchName(v)}, value: v, pass: pass})
}

func scratchName(v *ir.Value) string {
	if v.Label != "" {
		return v.Label
	}
	if v.Kind == ir.Input {
		return v.Name
	}
	return "scratch"
}

// candidates adds, switched off, scratch arrays for the values that more than one pass computes.
func (cc *classCut) candidates() {
	for _, v := range cc.repeated() {
		stored := slices.ContainsFunc(cc.byValue[v], func(i int) bool { return !cc.stores[i].lasting })
		if !stored && cc.leaves(v) > 2 {
			cc.scratch(v, off)
		}
	}
}

// repeated are values that more than one pass computes and that may be kept between them, the last ones first.
func (cc *classCut) repeated() []*ir.Value {
	times := map[*ir.Value]int{}
	for n := range cc.c.passes {
		for _, in := range cc.build(n, ir.Elem).Instrs {
			if in.Op != "load" && in.Value != nil && !in.Mask {
				times[in.Value]++
			}
		}
	}
	needed := map[*ir.Value]bool{} // by something that not all the passes compute that compute it
	for _, v := range cc.order {
		for _, a := range v.Args {
			if !isShared(v) && times[v] != times[a] {
				needed[a] = true
			}
		}
	}
	var found []*ir.Value
	for k := len(cc.order) - 1; k >= 0 && len(found) < maxScratch; k-- {
		if v := cc.order[k]; needed[v] && times[v] > 1 && cc.c.level[v] < cc.c.passes-1 {
			found = append(found, v)
		}
	}
	return found
}

// loans adds, switched off, stores into x of values that more than one pass computes: where the old x is needed no more and
// the new one is not known yet, its array moves in any case, and a value kept there costs nothing.
func (cc *classCut) loans() {
	x := array{kind: ir.XStream}
	if len(cc.byPlace[x]) == 0 || cc.rounds(cc.stores[cc.byPlace[x][0]].place) {
		return
	}
	place := cc.stores[cc.byPlace[x][0]].place
	for _, v := range cc.repeated() {
		if v.Extent == place.Extent && !v.Mask {
			cc.append(store{place: place, value: v, pass: off})
		}
	}
}

// isLoan reports whether a store is into x of a value that is not the new x.
func (cc *classCut) isLoan(s store) bool { return s.place.Kind == ir.XStream && !s.lasting }

// mayLend reports whether x is free for a store: nothing else goes there in its pass, and its new value later.
func (cc *classCut) mayLend(s store) bool {
	others := 0
	for _, i := range cc.byPlace[array{s.place.Kind, s.place.Index}] {
		switch t := cc.stores[i]; {
		case t.lasting && t.pass <= s.pass:
			return false
		case t.pass == s.pass:
			others++
		}
	}
	return others == 1
}

// leaves counts the arrays from which v is computed, up to 3.
func (cc *classCut) leaves(v *ir.Value) int {
	n := 0
	for _, a := range ir.Above(func(a *ir.Value) bool { return n > 2 || !a.Extent.IsArray() || inMemory(a) }, v) {
		if n < 3 && inMemory(a) {
			n++
		}
	}
	return n
}

// operandsThere reports whether every whole-array operator and probe finds its operands in memory.
func (cc *classCut) operandsThere() bool {
	for _, v := range cc.barrier {
		for n := range v.Args {
			a := cc.operand(v, n)
			if !a.Extent.IsArray() {
				continue
			}
			if _, ok := cc.readAt(a, cc.c.level[v], ir.Clash); !ok {
				return false
			}
		}
	}
	return true
}

// readAt is where a value is in memory when pass n runs its kernels of a domain (Clash: before all of them), and whether
// it is there. Stores of the pass itself are seen by the kernels that come after.
func (cc *classCut) readAt(v *ir.Value, n int, domain ir.Extent) (ir.Place, bool) {
	for _, i := range cc.byValue[v] {
		s := cc.stores[i]
		if s.pass != off && s.place.Extent == v.Extent && !cc.rounds(s.place) && cc.done(s, n, domain) && !cc.overwritten(s, n, domain) {
			return s.place, true
		}
	}
	home, ok := cc.home(v)
	if !ok {
		return home, false
	}
	if v.Kind == ir.Input && v.Name == "g" && cc.c.asked >= 0 && n >= cc.c.asked {
		return home, false
	}
	if home.Kind == ir.ScratchStream {
		return home, cc.c.level[v] <= n
	}
	if domain == ir.Clash && cc.rounds(home) {
		return home, false
	}
	return home, !cc.overwritten(store{place: home, value: v, pass: off}, n, domain)
}

// rounds reports whether an array keeps something else than what is put into it.
func (cc *classCut) rounds(p ir.Place) bool {
	return cc.c.p.Storage(p).Format != ""
}

// done reports whether a store has happened.
func (cc *classCut) done(s store, n int, domain ir.Extent) bool {
	if s.pass == n && domain != ir.Clash {
		return slices.Index(domains, s.place.Extent) < slices.Index(domains, domain)
	}
	return s.pass < n
}

// overwritten reports whether a later store has put something else where a value was.
func (cc *classCut) overwritten(was store, n int, domain ir.Extent) bool {
	for _, i := range cc.byPlace[array{was.place.Kind, was.place.Index}] {
		s := cc.stores[i]
		if s.pass != off && s.value != was.value && s.pass > was.pass && cc.done(s, n, domain) {
			return true
		}
	}
	return false
}

// home is the array that holds a value by its nature: an input, a state, what a whole-array operator or a probe gave.
func (cc *classCut) home(v *ir.Value) (ir.Place, bool) {
	if !inMemory(v) {
		return ir.Place{}, false
	}
	p := ir.Place{Extent: v.Extent}
	switch v.Kind {
	case ir.Load:
		return statePlace(cc.c.p, v.Index), true
	case ir.Given:
		p.Kind, p.Index, p.Name = ir.GivenStream, v.Index, cc.c.p.Givens[v.Index].Name
	case ir.Input:
		p.Kind, p.Name = ir.XStream, v.Name
		if v.Name == "g" {
			p.Kind = ir.GradStream
		}
	default:
		p.Kind, p.Index, p.Name = ir.ScratchStream, v.ID, scratchName(v)
	}
	return p, true
}
