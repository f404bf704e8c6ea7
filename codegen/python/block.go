package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// block is the statements of one section, in order and with names. What only one branch of a condition reads is computed
// in that branch.
type block struct {
	f       *frame
	pl      *plan
	targets []*ir.Value
	prefer  map[*ir.Value]string // names that targets should have
	stored  *ir.Value            // the target that is printed where it is stored

	order    []*ir.Value // computed here, operands first
	here     map[*ir.Value]bool
	branch   map[*ir.Value]*branch
	forward  map[*ir.Value]*ir.Value // a choice that its place has decided
	inline   map[*ir.Value]bool
	emitted  map[*ir.Value]bool
	stmts    []*stmt
	names    map[*ir.Value]string
	byLabel  map[string]string
	named    map[string][]*ir.Value
	defs     map[*ir.Value][]*stmt
	uses     map[*ir.Value][]*stmt
	count    int
	lastStmt *stmt
}

// branch is where a value is computed: at the top, or where a condition holds or does not.
type branch struct {
	parent *branch
	cond   *ir.Value
	yes    bool
	depth  int
	below  map[turn]*branch
}

type turn struct {
	cond *ir.Value
	yes  bool
}

func (c *branch) into(cond *ir.Value, yes bool) *branch {
	t := turn{cond, yes}
	if c.below[t] == nil {
		c.below[t] = &branch{c, cond, yes, c.depth + 1, map[turn]*branch{}}
	}
	return c.below[t]
}

func (c *branch) common(d *branch) *branch {
	for c != d {
		if c.depth < d.depth {
			c, d = d, c
		}
		c = c.parent
	}
	return c
}

// under reports which way a condition went on the way to c.
func (c *branch) under(cond *ir.Value) (yes, known bool) {
	for ; c.parent != nil; c = c.parent {
		if c.cond == cond {
			return c.yes, true
		}
	}
	return false, false
}

// stmt is an assignment, or a choice between statements.
type stmt struct {
	v    *ir.Value
	from *ir.Value // what v takes; nil: what defines it
	cond *ir.Value
	yes  []*stmt
	no   []*stmt

	index int
	path  []step
}

type step struct {
	of  *stmt
	yes bool
}

// build makes the block of a section.
func (pl *plan) build(s *section, prefer map[*ir.Value]string, stored *ir.Value) *block {
	b := &block{f: pl.f, pl: pl, targets: s.targets, prefer: prefer, stored: stored, here: map[*ir.Value]bool{}, branch: map[*ir.Value]*branch{},
		forward: map[*ir.Value]*ir.Value{}, inline: map[*ir.Value]bool{}, emitted: map[*ir.Value]bool{}, names: map[*ir.Value]string{},
		byLabel: map[string]string{}, named: map[string][]*ir.Value{}, defs: map[*ir.Value][]*stmt{}, uses: map[*ir.Value][]*stmt{}}
	for _, v := range s.values(pl.f) {
		if s.demands[v] && !s.reads[v] {
			b.here[v] = true
			b.order = append(b.order, v)
		}
	}
	b.readNames(s)
	b.placeAll()
	b.chooseInline()
	b.stmts = b.schedule(b.order, nil)
	b.number(b.stmts, nil)
	b.nameAll()
	return b
}

// readNames names what other sections give.
func (b *block) readNames(s *section) {
	for _, v := range s.values(b.f) {
		if !s.reads[v] {
			continue
		}
		switch {
		case !leaf(v) && (b.f.scope(v) == tensorScope || b.f.whole(v)):
			b.names[v] = b.fresh(v)
			b.named[b.names[v]] = append(b.named[b.names[v]], v)
		case v.Kind == ir.Load && b.f.scopeOf(v.Extent) == tensorScope, v.Kind == ir.Input && (v.Name == "x" || v.Name == "g"):
			n, _ := b.leaf(v)
			b.named[n] = append(b.named[n], v)
		}
	}
}

// name is the name of v here, "" if it has none.
func (b *block) name(v *ir.Value) string {
	if n := b.names[v]; n != "" {
		return n
	}
	return b.pl.names[v]
}

// fresh is a new name: a value without a label leaves those of others to them.
func (b *block) fresh(v *ir.Value) string {
	if v.Label != "" {
		return b.pl.pool.Fresh(b.base(v))
	}
	return b.pl.pool.Invent(b.base(v))
}

func (b *block) base(v *ir.Value) string {
	if v.Label != "" {
		return identifier(v.Label)
	}
	if v.Extent.IsArray() {
		return "u"
	}
	return b.correction(v)
}

// correction names what is made of one hyperparameter and the step count after the former: mostly a bias correction.
func (b *block) correction(v *ir.Value) string {
	hyper := -1
	seen := map[*ir.Value]bool{v: true}
	for stack := []*ir.Value{v}; len(stack) > 0; {
		a := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		switch {
		case len(seen) > 8:
			return "c"
		case a.Kind == ir.Hyper && (hyper < 0 || hyper == a.Index):
			hyper = a.Index
		case a.Kind == ir.Number, a.Kind == ir.Apply, a.Kind == ir.Input && a.Name == "t":
		default:
			return "c"
		}
		for _, c := range a.Args {
			if !seen[c] {
				seen[c] = true
				stack = append(stack, c)
			}
		}
	}
	if hyper < 0 {
		return "c"
	}
	return b.f.hypers[hyper] + "_t"
}

// choice is the condition of a where that is decided by an `if`: the mask without its negation.
func (b *block) choice(v *ir.Value) (cond *ir.Value, flip, ok bool) {
	if v.Kind != ir.Apply || v.Op.Name != "where" || b.f.sort[v.Args[0]] != number {
		return nil, false, false
	}
	cond = v.Args[0]
	for cond.Kind == ir.Apply && cond.Op.Name == "not" || cond.Kind == ir.Spread {
		flip = flip != (cond.Kind == ir.Apply)
		cond = cond.Args[0]
	}
	return cond, flip, true
}

// sides are what a choice reads where its condition holds and where it does not.
func (b *block) sides(v *ir.Value) (cond, yes, no *ir.Value, ok bool) {
	cond, flip, ok := b.choice(v)
	if !ok {
		return nil, nil, nil, false
	}
	if flip {
		return cond, v.Args[2], v.Args[1], true
	}
	return cond, v.Args[1], v.Args[2], true
}

// placeAll finds the branch of every value: the last that all its readers share.
func (b *block) placeAll() {
	top := &branch{below: map[turn]*branch{}}
	use := func(v *ir.Value, at *branch) {
		if !b.here[v] {
			return
		}
		if old := b.branch[v]; old != nil {
			at = at.common(old)
		}
		b.branch[v] = at
	}
	for _, v := range b.targets {
		use(v, top)
	}
	for i := len(b.order) - 1; i >= 0; i-- {
		v := b.order[i]
		at := b.branch[v]
		if at == nil {
			continue // nothing reads it after all
		}
		cond, yes, no, ok := b.sides(v)
		if !ok {
			for _, a := range b.f.operands(v) {
				use(a, at)
			}
			continue
		}
		if went, known := at.under(cond); known {
			b.forward[v] = no
			if went {
				b.forward[v] = yes
			}
			use(b.forward[v], at)
			continue
		}
		use(cond, at)
		use(yes, at.into(cond, true))
		use(no, at.into(cond, false))
	}
	b.order = slices.DeleteFunc(b.order, func(v *ir.Value) bool { return b.branch[v] == nil })
}

// readBy are the values that the text of v reads.
func (b *block) readBy(v *ir.Value) []*ir.Value {
	if to := b.forward[v]; to != nil {
		return []*ir.Value{to}
	}
	return b.f.operands(v)
}

// widest bounds the text of a line, about.
const widest = 76

// chooseInline decides which values have no line of their own: those read once, and trivial ones.
func (b *block) chooseInline() {
	readers := map[*ir.Value]int{}
	for _, v := range b.order {
		for _, a := range b.readBy(v) {
			readers[a]++
		}
	}
	for _, v := range b.targets {
		if v != b.stored {
			readers[v]++
		}
		readers[v]++
	}
	for _, v := range b.order {
		if v.Kind == ir.Array && b.f.branches(v) {
			readers[v.Args[v.Op.Args-1]]++ // its shape, too
		}
	}
	size := map[*ir.Value]int{}
	for _, v := range b.order {
		_, _, choose := b.choice(v)
		trivial := b.trivial(v)
		b.inline[v] = trivial || b.forward[v] != nil || readers[v] == 1 && (v.Label == "" || v == b.stored) && !choose && b.plain(v)
		size[v] = 4
		if b.forward[v] == nil {
			size[v] += 4
		}
		if v.Kind == ir.Apply && v.Op.Infix == "" || v.Kind != ir.Apply {
			size[v] += 8
		}
		args := slices.Clone(b.readBy(v))
		slices.SortStableFunc(args, func(x, y *ir.Value) int { return size[x] - size[y] })
		for _, a := range args {
			n := 5
			switch {
			case b.here[a] && b.inline[a]:
				n = size[a]
			case a.Kind == ir.Hyper:
				n = len(b.f.hypers[a.Index])
			}
			if size[v]+n > widest && b.here[a] && b.inline[a] && b.forward[a] == nil && !b.trivial(a) {
				b.inline[a], n = false, 5
			}
			size[v] += n
		}
	}
}

// plain values may stand within the text of others.
func (b *block) plain(v *ir.Value) bool {
	switch v.Kind {
	case ir.Apply, ir.Spread, ir.Var:
		return true
	case ir.Array:
		return inlineArrays[v.Op.Name]
	case ir.Reduce:
		return true
	}
	return false
}

// trivial values are at most one operation on hyperparameters and constants.
func (b *block) trivial(v *ir.Value) bool {
	if v.Kind != ir.Apply || v.Label != "" || v.Extent.IsArray() {
		return false
	}
	switch v.Op.Name {
	case "add", "sub", "mul", "neg":
	default:
		return false
	}
	for _, a := range v.Args {
		if a.Kind != ir.Number && a.Kind != ir.Hyper {
			return false
		}
	}
	return true
}

// schedule orders values of one branch. Those of branches below stand in the choices that read them.
func (b *block) schedule(order []*ir.Value, at *branch) []*stmt {
	var plain, choices []*ir.Value
	for _, v := range order {
		if b.emitted[v] || b.inline[v] || at == nil && b.branch[v].parent != nil || at != nil && b.branch[v] != at {
			continue
		}
		if _, _, ok := b.choice(v); ok {
			choices = append(choices, v)
		} else {
			plain = append(plain, v)
		}
	}
	outside := map[*ir.Value][]*ir.Value{}
	for _, v := range slices.Concat(plain, choices) {
		outside[v] = b.outside(v, b.branch[v])
	}
	ready := func(v *ir.Value, with []*ir.Value) bool {
		for _, o := range outside[v] {
			if !b.emitted[o] && !slices.Contains(with, o) {
				return false
			}
		}
		return true
	}
	var out []*stmt
	for len(plain)+len(choices) > 0 {
		var rest []*ir.Value
		for _, v := range plain {
			if !ready(v, nil) {
				rest = append(rest, v)
				continue
			}
			b.emitted[v] = true
			out = append(out, &stmt{v: v})
		}
		stuck := len(rest) == len(plain)
		plain = rest
		if len(choices) == 0 {
			if stuck && len(plain) > 0 {
				panic(defect("no order of the values of a branch"))
			}
			continue
		}
		cond, _, _, _ := b.sides(choices[0])
		var group []*ir.Value
		rest = nil
		for _, v := range choices {
			if c, _, _, _ := b.sides(v); c == cond && ready(v, group) {
				group = append(group, v)
			} else {
				rest = append(rest, v)
			}
		}
		if len(group) == 0 {
			panic(defect("no order of the choices of a branch"))
		}
		choices = rest
		out = append(out, b.choose(cond, group, outside))
	}
	return out
}

// defect is what a block cannot be made for, a mistake of this package.
type defect string

// choose makes one `if` of choices with the same condition.
func (b *block) choose(cond *ir.Value, group []*ir.Value, outside map[*ir.Value][]*ir.Value) *stmt {
	batches := [][]*ir.Value{group}
	for _, v := range group {
		for _, o := range outside[v] {
			if slices.Contains(group, o) {
				batches = nil
			}
		}
	}
	if batches == nil {
		for _, v := range group {
			batches = append(batches, []*ir.Value{v})
		}
	}
	at := b.branch[group[0]]
	s := &stmt{cond: cond}
	s.yes = b.side(batches, at.into(cond, true), true)
	s.no = b.side(batches, at.into(cond, false), false)
	return s
}

func (b *block) side(batches [][]*ir.Value, at *branch, yes bool) []*stmt {
	var out []*stmt
	for _, batch := range batches {
		var wanted []*ir.Value
		for _, v := range batch {
			_, y, n, _ := b.sides(v)
			if !yes {
				y = n
			}
			wanted = append(wanted, y)
		}
		within := map[*ir.Value]bool{}
		for _, v := range wanted {
			b.collect(v, at, within)
		}
		var order []*ir.Value
		for _, v := range b.order {
			if within[v] {
				order = append(order, v)
			}
		}
		out = append(out, b.schedule(order, at)...)
		for i, v := range batch {
			out = append(out, &stmt{v: v, from: wanted[i]})
			b.emitted[v] = true
		}
	}
	return out
}

// collect finds what a value needs within a branch and those below it.
func (b *block) collect(v *ir.Value, at *branch, into map[*ir.Value]bool) {
	stack := []*ir.Value{v}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !b.here[v] || into[v] || b.branch[v].common(at) != at {
			continue
		}
		into[v] = true
		stack = append(stack, b.reach(v)...)
	}
}

// reach are the values that v reads, with what its condition reads.
func (b *block) reach(v *ir.Value) []*ir.Value {
	if cond, yes, no, ok := b.sides(v); ok && b.forward[v] == nil {
		return []*ir.Value{cond, yes, no}
	}
	return b.readBy(v)
}

// outside are the values with lines in a branch, or above it, that v needs, looking through those below it.
func (b *block) outside(v *ir.Value, at *branch) []*ir.Value {
	var out []*ir.Value
	seen := map[*ir.Value]bool{v: true}
	stack := slices.Clone(b.reach(v))
	for len(stack) > 0 {
		a := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !b.here[a] || seen[a] {
			continue
		}
		seen[a] = true
		if !b.inline[a] && at.common(b.branch[a]) == b.branch[a] {
			out = append(out, a)
			continue
		}
		stack = append(stack, b.reach(a)...)
	}
	return out
}

// number gives statements their order, and values where they are set and read.
func (b *block) number(list []*stmt, path []step) {
	for _, s := range list {
		s.index, s.path = b.count, path
		b.count++
		if s.cond != nil {
			b.readIn(s.cond, s)
			b.number(s.yes, append(slices.Clone(path), step{s, true}))
			b.number(s.no, append(slices.Clone(path), step{s, false}))
			continue
		}
		b.defs[s.v] = append(b.defs[s.v], s)
		if s.from != nil {
			b.readIn(s.from, s)
			continue
		}
		for _, a := range b.readBy(s.v) {
			b.readIn(a, s)
		}
	}
	if path == nil {
		b.lastStmt = &stmt{index: b.count}
		for _, v := range b.targets {
			b.readIn(v, b.lastStmt)
		}
	}
}

// readIn notes that a statement reads v, or what stands in its place.
func (b *block) readIn(v *ir.Value, s *stmt) {
	if b.here[v] && b.inline[v] {
		for _, a := range b.readBy(v) {
			b.readIn(a, s)
		}
		return
	}
	b.uses[v] = append(b.uses[v], s)
}

// nameAll names every value that has a line.
func (b *block) nameAll() {
	b.nameList(b.stmts)
}

func (b *block) nameList(list []*stmt) {
	for _, s := range list {
		if s.cond != nil {
			b.nameChosen(append(slices.Clone(s.yes), s.no...))
			b.nameList(s.yes)
			b.nameList(s.no)
		} else if b.names[s.v] == "" {
			b.nameOne(s.v)
		}
	}
}

// nameChosen names what a choice sets before what its branches compute, which may have the same name.
func (b *block) nameChosen(list []*stmt) {
	for _, s := range list {
		if s.from == nil {
			continue
		}
		if b.names[s.v] == "" {
			b.nameOne(s.v)
		}
		n := b.names[s.v]
		if from := s.from; b.here[from] && !b.inline[from] && b.names[from] == "" && from.Extent == s.v.Extent && b.free(n, from, s.v) {
			b.give(from, n)
		}
	}
}

func (b *block) give(v *ir.Value, name string) {
	b.names[v] = name
	b.named[name] = append(b.named[name], v)
}

// nameOne gives v the name that it should have if nothing reads what has that name already, else a fresh one.
func (b *block) nameOne(v *ir.Value) {
	label := identifier(v.Label)
	candidates := []string{b.prefer[v]}
	if v.Label != "" {
		if slices.Contains(b.f.states, label) || label == "x" || label == "g" {
			candidates = append(candidates, label)
		}
		candidates = append(candidates, b.byLabel[label])
	}
	for _, n := range candidates {
		if n != "" && len(b.named[n]) < 100 && b.free(n, v, nil) {
			b.give(v, n)
			return
		}
	}
	name := b.fresh(v)
	if v.Label != "" {
		b.byLabel[label] = name
	}
	b.give(v, name)
}

// free reports whether v can have a name: no value with that name is read after v is set, nor v after such a one is.
// with is a value that is v's other name.
func (b *block) free(name string, v, with *ir.Value) bool {
	for _, other := range b.named[name] {
		if other == with {
			continue
		}
		if b.clobbers(v, other) || b.clobbers(other, v) {
			return false
		}
		if with != nil && (b.clobbers(with, other) || b.clobbers(other, with)) {
			return false
		}
	}
	return true
}

// clobbers reports whether setting v spoils a later reading of other.
func (b *block) clobbers(v, other *ir.Value) bool {
	for _, d := range b.defs[v] {
		first := -1
		for _, o := range b.defs[other] {
			first = max(first, o.index)
		}
		if d.index < first && !exclusive(d, b.defs[other][0]) && b.definedAfter(other, d) {
			continue
		}
		for _, r := range b.uses[other] {
			if r.index > d.index && !exclusive(d, r) {
				return true
			}
		}
	}
	return false
}

// definedAfter reports whether every setting of v follows s.
func (b *block) definedAfter(v *ir.Value, s *stmt) bool {
	for _, d := range b.defs[v] {
		if d.index < s.index {
			return false
		}
	}
	return len(b.defs[v]) > 0
}

// exclusive reports whether two statements are never both executed.
func exclusive(a, b *stmt) bool {
	for i := range min(len(a.path), len(b.path)) {
		if a.path[i].of != b.path[i].of {
			return false
		}
		if a.path[i].yes != b.path[i].yes {
			return true
		}
	}
	return false
}

// print writes the statements.
func (b *block) print(w *writer) { b.printList(w, b.stmts) }

func (b *block) printList(w *writer, list []*stmt) {
	for _, s := range list {
		if s.cond != nil {
			b.printChoice(w, s)
		} else if text := b.assignment(s); text != "" {
			w.line("%s", text)
		}
	}
}

// assignment is the line of a statement; "" when the name already holds the value.
func (b *block) assignment(s *stmt) string {
	text := b.rightSide(s)
	if text == b.names[s.v] {
		return ""
	}
	if b.f.whole(s.v) && b.f.scope(s.v) == groupScope {
		return b.names[s.v] + ".update(" + text + ")"
	}
	return b.names[s.v] + " = " + text
}

func (b *block) rightSide(s *stmt) string {
	text := ""
	switch {
	case s.from == nil:
		text, _ = b.definition(s.v)
	case b.f.sort[s.v] == scalar && b.f.sort[s.from] == number && !s.v.Mask && b.f.host == Torch:
		text = b.f.use("double") + "(" + b.argument(s.from) + ")"
	default:
		text, _ = b.spread(s.from, s.v.Extent, s.v.Mask)
	}
	return text
}

// printChoice writes an `if`, or a choice between two short texts on one line.
func (b *block) printChoice(w *writer, s *stmt) {
	cond := b.within(s.cond, orLevel)
	if len(s.yes) == 1 && len(s.no) == 1 && s.yes[0].cond == nil && s.no[0].cond == nil && s.yes[0].v == s.no[0].v {
		yes, no := b.rightSide(s.yes[0]), b.rightSide(s.no[0])
		n := b.names[s.yes[0].v]
		if yes != n && no != n && len(yes)+len(cond)+len(no) < widest {
			w.line("%s = %s if %s else %s", n, yes, cond, no)
			return
		}
	}
	var yes, no writer
	yes.indent, no.indent = w.indent+1, w.indent+1
	b.printList(&yes, s.yes)
	b.printList(&no, s.no)
	switch y, n := yes.b.String(), no.b.String(); {
	case y != "" && n != "":
		w.line("if %s:", cond)
		w.b.WriteString(y)
		w.line("else:")
		w.b.WriteString(n)
	case y != "":
		w.line("if %s:", cond)
		w.b.WriteString(y)
	case n != "":
		w.line("if not %s:", b.within(s.cond, compareLevel))
		w.b.WriteString(n)
	}
}
