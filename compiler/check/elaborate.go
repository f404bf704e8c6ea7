package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// Settings fix what is decided when a rule is compiled.
type Settings struct {
	Options map[string]string  // option = value, as after -D
	Fix     map[string]float64 // hyperparameters made constants
	Adjoint bool               // the vector-Jacobian product of the step is compiled in its place
	Math    string             // what rewrites may change: strict (or nothing) keeps every bit, fast is true of real numbers
	Params  string             // how parameters are kept, as bf16+kahan: see pass.Params; "" in the element type
}

// Rule elaborates one rule that the root file sees. The program is nil when there are errors.
func Rule(u *Unit, name string, set Settings) (prog *ir.Program, diags lang.Diagnostics) {
	d, ok := u.lookup(u.root, name)
	if !ok || d.rule == nil {
		return nil, lang.Diagnostics{{File: u.Root, Message: fmt.Sprintf("there is no rule %s", name), Hint: didYouMean(name, u.Rules())}}
	}
	c := &checker{unit: u, pool: ir.NewPool(), prog: &ir.Program{Name: name, Doc: d.rule.Doc}, hoisted: map[string]hoist{}, paths: map[string]bool{}, spelled: map[string]string{}, labelled: map[*ir.Value]int{}, sites: map[*ir.Value]site{}}
	defer func() {
		if r := recover(); r != nil {
			if r != tooMuch {
				panic(r)
			}
			c.diags.Sort()
			prog, diags = nil, c.diags
		}
	}()
	c.top(d, set)
	if !c.diags.HasErrors() {
		prog = c.resolve()
		c.lintPowers()
	}
	if c.diags.HasErrors() {
		prog = nil
	}
	if c.diags.HasErrors() || u.diags.HasErrors() {
		c.diags = slices.DeleteFunc(c.diags, func(d lang.Diagnostic) bool { return d.Severity == lang.Warning }) // they may come of the errors
	}
	c.diags.Sort()
	return prog, c.diags
}

func didYouMean(word string, known []string) string {
	if s := lang.Suggest(word, known); s != "" {
		return "did you mean `" + s + "`?"
	}
	return ""
}

// checker elaborates one rule. A nil *ir.Value stands for a value whose error has been reported.
type checker struct {
	unit  *Unit
	pool  *ir.Pool
	prog  *ir.Program
	diags lang.Diagnostics

	vars       []variable
	varOf      []int // of each state
	hoisted    map[string]hoist
	paths      map[string]bool   // of the states
	spelled    map[string]string // hyperparameters by their Go names
	active     []activeCall      // calls being inlined, for cycles
	steps      int
	open       int               // expressions within one another; bounds the stack
	derivs     []derivSite       // where each derivation is asked for
	labelled   map[*ir.Value]int // the depth of the body that named a value
	conditions []condition       // of every `when` that is decided after compilation
	shapes     []shapeCall
	powers     []powerSite
	guards     int                // how many of those decided at run time stand around what is being elaborated
	branches   int                // how many of any kind
	guard      *ir.Value          // their conjunction, nil for none
	sites      map[*ir.Value]site // where each value was first written
	probes     []site
	narrow     []narrowState
	draws      int
	eval       *evalPoint
	evalDepth  int
}

// variable is a name that `<-` gives values to; its extent is the join of all that it holds.
type variable struct {
	name  string
	least ir.Extent
	per   *ir.Extent // asserted
	where lang.Span
	file  string
}

// narrowState is a state with a storage format.
type narrowState struct {
	index int
	site
}

type site struct {
	where lang.Span
	file  string
}

type evalPoint struct {
	value *ir.Value
	where lang.Span
	file  string
}

// hoist remembers where a hyperparameter of the outermost rule came from.
type hoist struct {
	origin *lang.Hyper
	index  int
}

// frame is one body being elaborated.
type frame struct {
	decl     decl
	names    map[string]*binding
	declared map[string]bool // every name that the body declares anywhere
	path     string          // of its states
	calls    map[string]int
	given    map[string]*bound // arguments after the semicolon, not used yet
	caller   *frame
	option   string // the caller's option that held this rule, or ""
	result   *ir.Value
	returned bool
	depth    int
	states   map[string]int // the states that the body declares, by name
	tracked  map[string]*tracked
	site     lang.Span // of the call, in the caller's file
	called   string    // as in callee
	guards   int       // around the call
	branches int
	loops    int       // around the statement being elaborated
	initial  bool      // a state's first value is being elaborated
	left     *ir.Value // whether the loop around it was left by `until`; nil when it has none
	count    *ir.Value // its t, once asked for
}

// binding is what a name stands for.
type binding struct {
	value      *ir.Value
	variable   int  // index of an assignable name, else -1
	real       bool // it never holds a mask: x, g and states
	callee     *callee
	choice     string
	choices    []string
	array      int  // of an array: its size; its elements are bound as NAME[0], NAME[1], ...
	bad        bool // its declaration had an error, which was reported
	assignWhat string
}

// callee is a fn or rule at compile time, with the arguments bound to it so far.
type callee struct {
	decl   decl
	called string // what the text calls it, where that is another name for the rule
	bound  map[string]*bound
	order  []string
}

// calledName is what the text calls a rule or fn, with its declared name after it if that is another.
func calledName(called string, d decl) string {
	if name := d.name().Name; called == "" || called == name {
		return name
	}
	return called + " (" + d.name().Name + ")"
}

// bound is an argument after the semicolon.
type bound struct {
	value  *ir.Value
	callee *callee
	word   string // a bare name, for options
	where  lang.Span
	file   string
	used   bool
	preset bool   // of `rule a = b(; ...)`: a hyper's new default
	to     string // what the text calls the rule or fn that it is given to
}

var tooMuch = new(int)

func (c *checker) errorf(f *frame, at lang.Span, hint, format string, args ...any) {
	c.report(f.decl.file, at, hint, format, args...)
}

func (c *checker) report(file string, at lang.Span, hint, format string, args ...any) {
	d := lang.Diagnostic{File: file, Span: at, Message: fmt.Sprintf(format, args...), Hint: hint}
	if slices.Contains(c.diags, d) {
		return
	}
	c.diags = append(c.diags, d)
	if c.diags.Errors() >= lang.MaxDiagnostics {
		panic(tooMuch) // what follows is rarely news
	}
}

func (c *checker) warnf(file string, at lang.Span, format string, args ...any) {
	c.diags = append(c.diags, lang.Diagnostic{File: file, Span: at, Severity: lang.Warning, Message: fmt.Sprintf(format, args...)})
}

// top elaborates the outermost rule.
func (c *checker) top(d decl, set Settings) {
	root := &frame{decl: d, names: map[string]*binding{}, calls: map[string]int{}}
	target := c.chase(root, &callee{decl: d, bound: map[string]*bound{}})
	if target == nil {
		return
	}
	if c.prog.Doc == "" {
		c.prog.Doc = target.decl.rule.Doc
	}
	c.settings(root, target, set)
	x, g := c.pool.Input("x"), c.pool.Input("g")
	c.prog.X = c.inlineRule(root, target, x, g, "", d.rule.Name.Span)
	c.lintRule(target.decl)
}

// settings turns the compile-time settings of the command line into arguments of the outermost rule.
func (c *checker) settings(f *frame, target *callee, set Settings) {
	give := func(name string, b *bound) {
		if old := target.bound[name]; old != nil && !old.preset {
			c.report(b.file, b.where, "", "%s is fixed by rule %s", name, f.decl.rule.Name.Name)
			return
		}
		b.to = f.decl.rule.Name.Name
		target.bound[name] = b
	}
	for _, name := range sortedKeys(set.Options) {
		b := &bound{word: set.Options[name], where: f.decl.rule.Name.Span, file: f.decl.file}
		if v, err := strconv.ParseFloat(b.word, 64); err == nil {
			b.value = c.pool.Number(v)
		}
		give(name, b)
	}
	for _, name := range sortedKeys(set.Fix) {
		give(name, &bound{value: c.pool.Number(set.Fix[name]), where: f.decl.rule.Name.Span, file: f.decl.file})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// block elaborates statements; names declared in it end with it when scoped.
func (c *checker) block(f *frame, stmts []lang.Stmt, scoped bool) {
	var before map[string]*binding
	if scoped {
		c.copied(f)
		before = maps.Clone(f.names)
	}
	for i, s := range stmts {
		if f.returned {
			c.errorf(f, s.Where(), "", "nothing after `return` is ever reached")
			break
		}
		left := f.left
		c.stmt(f, s, !scoped)
		if f.left != left && i+1 < len(stmts) {
			c.unlessLeft(f, stmts[i+1:])
			break
		}
	}
	if scoped {
		for n := range f.names {
			if before[n] == nil {
				delete(f.names, n)
				delete(f.states, n)
			}
		}
	}
}

func (c *checker) stmt(f *frame, s lang.Stmt, top bool) {
	c.step(f, s.Where())
	inRule := f.decl.rule != nil
	ruleOnly := func(what string) bool {
		if !inRule {
			c.errorf(f, s.Where(), "", "`%s` stands in rules only, and this is fn %s", what, f.decl.name().Name)
		} else if !top {
			c.errorf(f, s.Where(), "", "`%s` stands at the top level of a rule", what)
			return false
		}
		return inRule
	}
	switch s := s.(type) {
	case *lang.Hyper:
		if ruleOnly("hyper") {
			c.hyper(f, s)
		} else {
			f.misdeclared(s.Name)
		}
	case *lang.Option:
		if ruleOnly("option") {
			c.option(f, s)
		} else {
			f.misdeclared(s.Name)
		}
	case *lang.Bind:
		c.bind(f, s)
	case *lang.Assign:
		c.assign(f, s)
	case *lang.When:
		c.when(f, s)
	case *lang.Eval:
		if ruleOnly("eval") {
			c.evalStmt(f, s)
		}
	case *lang.Clear:
		if ruleOnly("clear") {
			c.clear(f, s)
		}
	case *lang.Return:
		if c.branches > f.branches || f.loops > 0 {
			c.errorf(f, s.Span, "give a let its value there and return it at the end", "`return` in a loop or in a `when` that is not decided when the rule is compiled")
			return
		}
		f.result = c.expr(f, s.Value)
		f.returned = true
	case *lang.Given:
		if ruleOnly("given") {
			c.given(f, s)
		} else {
			f.misdeclared(s.Name)
		}
	case *lang.Probe:
		if inRule {
			c.probe(f, s)
		} else {
			ruleOnly("probe")
			f.misdeclared(s.Name)
		}
	case *lang.Repeat:
		c.repeat(f, s)
	case *lang.Until:
		c.until(f, s)
	}
}

// misdeclared makes a name whose declaration was refused, so that its uses are not refused, too.
func (f *frame) misdeclared(id lang.Ident) {
	if f.names[id.Name] == nil {
		f.names[id.Name] = &binding{variable: -1, bad: true}
	}
}

func (c *checker) step(f *frame, at lang.Span) {
	c.steps++
	switch {
	case max(c.open, len(c.pool.Values)) > maxValues:
		c.errorf(f, at, "make it smaller: fewer turns, or calls within calls", "the rule expands to more than %d values", maxValues)
	case c.steps > maxSteps:
		c.errorf(f, at, "make it smaller: fewer turns, or calls within calls", "the rule unrolls to more than %d expressions", maxSteps)
	default:
		return
	}
	panic(tooMuch)
}

// copied counts a copy of a body's names and of the states as steps: many blocks among many of them are work, too.
func (c *checker) copied(f *frame) { c.steps += (len(f.names) + len(c.prog.States)) / 8 }

// declareName makes a name of the body, once.
func (c *checker) declareName(f *frame, id lang.Ident, b *binding) bool {
	if old := c.forbidden(f, id.Name); old != "" {
		hint := "choose another name"
		if b := f.names[id.Name]; b != nil && b.variable >= 0 {
			hint += ", or give it a new value with `<-`"
		}
		c.errorf(f, id.Span, hint, "%s %s", id.Name, old)
		return false
	}
	f.names[id.Name] = b
	return true
}

func (c *checker) forbidden(f *frame, name string) string {
	if isOperator(name) || predeclared[name] && !(f.decl.fn != nil && stepInput[name]) {
		return "is a name of the language and cannot be declared"
	}
	if _, ok := f.names[name]; ok {
		return "is already declared in this body"
	}
	for _, m := range []map[string]decl{f.decl.in.own, f.decl.in.imported} {
		if _, ok := m[name]; ok && f.decl.in != c.unit.std {
			return "is the name of a declaration of this file; names are not shadowed"
		}
	}
	return ""
}

// stepInput lists the names that a rule finds and a fn may give to its variables.
var stepInput = map[string]bool{"x": true, "g": true, "loss": true}

func (c *checker) bind(f *frame, s *lang.Bind) {
	if s.Size != nil {
		c.bindArray(f, s)
		return
	}
	b := &binding{variable: -1, bad: true}
	defer c.declareName(f, s.Name, b)
	per := c.per(f, s.Per)
	if !s.State {
		init := c.expr(f, s.Value)
		if init == nil || !c.noStorage(f, s) {
			return
		}
		b.bad = false
		b.variable = c.newVariable(f, s.Name, per)
		b.value = c.hold(f, init, b.variable, s.Name.Name)
		c.place(f, b.value, s.Value)
		return
	}
	init, ok := c.initial(f, s)
	if !ok {
		return
	}
	b.bad = false
	b.real = true
	b.variable = c.newVariable(f, s.Name, per)
	b.value = c.newState(f, s.Name.Name, init, b.variable, s.As)
	f.states[s.Name.Name] = len(c.prog.States) - 1
}

// initial is the value that a state has in the first step, where it stands.
func (c *checker) initial(f *frame, s *lang.Bind) (*ir.Value, bool) {
	outer := f.initial
	f.initial = true
	init := c.toReal(c.expr(f, s.Value))
	f.initial = outer
	if init != nil && (c.guarded(f) || f.loops > 0) {
		c.errorf(f, s.Span, "declare it above", "a `state` stands at the top level of a body or in a `when` that is decided when the optimizer is built, not in a loop")
		return nil, false
	}
	return init, init != nil
}

func (c *checker) noStorage(f *frame, s *lang.Bind) bool {
	if s.As != nil {
		c.errorf(f, s.As.Span, "leave it out", "a storage format belongs to a state: a let is not kept")
	}
	return s.As == nil
}

func (c *checker) newVariable(f *frame, id lang.Ident, per *ir.Extent) int {
	v := variable{name: id.Name, per: per, where: id.Span, file: f.decl.file}
	if per != nil {
		v.least = *per
	}
	c.vars = append(c.vars, v)
	return len(c.vars) - 1
}

// hold gives v to a variable. A value is called by the name that the outermost body gives it first.
func (c *checker) hold(f *frame, v *ir.Value, variable int, label string) *ir.Value {
	named := v
	for named.Kind == ir.Hold {
		named = named.Args[0]
	}
	if depth, ok := c.labelled[named]; (!ok || f.depth < depth) && len(named.Args) > 0 {
		named.Label, named.Inner = label, f.depth > 1 // the rule's own body is the first
		c.labelled[named] = f.depth
	}
	return c.pool.Hold(v, variable)
}

// newState adds a state whose value is, where it stands, init in the first step and what was kept in every other.
func (c *checker) newState(f *frame, name string, init *ir.Value, variable int, as *lang.Storage) *ir.Value {
	c.vars[variable].least = ir.Join(c.vars[variable].least, ir.Model)
	st := ir.State{Name: c.unique(strings.TrimPrefix(f.path+"."+name, "."))}
	if as != nil {
		st.As = ir.Storage{Format: as.Format, Stochastic: as.Stochastic}
	}
	var first *ir.Value
	if init.Kind == ir.Number {
		st.Init = init.Num
	} else {
		first = c.firstRun(f) // may add a state
	}
	i, load := c.addState(st, variable)
	if as != nil {
		c.narrow = append(c.narrow, narrowState{i, site{as.Span, f.decl.file}})
	}
	held := c.pool.Hold(init, variable)
	if first == nil {
		return load
	}
	v := c.pool.Call("where", first, held, load)
	c.prog.States[i].New = v
	return v
}

// firstRun is the mask of the first run of a body.
func (c *checker) firstRun(f *frame) *ir.Value { return c.pool.Call("eq", c.now(f), c.pool.Number(1)) }

// addState appends a state and returns its index and its value at the start of a step.
func (c *checker) addState(st ir.State, variable int) (int, *ir.Value) {
	i := len(c.prog.States)
	load := c.pool.Load(i)
	load.Label = st.Name[strings.LastIndex(st.Name, ".")+1:]
	st.New = load
	c.prog.States = append(c.prog.States, st)
	c.varOf = append(c.varOf, variable)
	return i, load
}

// unique numbers a state whose path another one has, as the states of two blocks may.
func (c *checker) unique(name string) string {
	n := name
	for i := 2; c.paths[n]; i++ {
		n = name + strconv.Itoa(i)
	}
	c.paths[n] = true
	return n
}

// per resolves an asserted extent.
func (c *checker) per(f *frame, e *lang.Extent) *ir.Extent {
	if e == nil {
		return nil
	}
	if x, ok := ir.ParseExtent(e.Names...); ok {
		return &x
	}
	hint := ""
	if len(e.Names) == 1 {
		hint = didYouMean(e.Names[0], extentNames)
		if other := otherExtents[e.Names[0]]; other != "" {
			hint = "write `" + other + "`"
		}
	}
	c.errorf(f, e.Span, hint, "%s is not an extent: model, group, tensor, row, col, elem, [row,row], [col,col] or [col,row]", strings.Join(e.Names, ","))
	return nil
}

var extentNames = []string{"model", "group", "tensor", "row", "col", "elem"}

// otherExtents are what extents are called elsewhere.
var otherExtents = map[string]string{
	"element": "elem", "column": "col", "param": "tensor", "parameter": "tensor", "layer": "tensor", "matrix": "tensor",
	"global": "model", "step": "model", "scalar": "model",
}

func (c *checker) assign(f *frame, s *lang.Assign) {
	name := s.Name.Name
	b, ok := f.names[name]
	if ok && b.array > 0 {
		c.assignArray(f, s, b)
		return
	}
	v := c.expr(f, s.Value)
	if !ok {
		c.errorf(f, s.Name.Span, orElse(didYouMean(name, f.assignable()), "declare it with `let` or `state`"), "nothing named %s can be given a value here", name)
		return
	}
	if b.bad {
		return
	}
	if s.Index != nil {
		c.notArray(f, s.Name.Span, name)
		return
	}
	if b.variable < 0 {
		c.errorf(f, s.Name.Span, "only x, g, a let, a state or a fn's variable takes `<-`", "%s %s", name, b.assignWhat)
		return
	}
	if v == nil {
		return
	}
	if b.real {
		v = c.toReal(v)
	}
	c.give(f, name, v)
	c.place(f, b.value, s.Value)
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (f *frame) assignable() []string {
	var names []string
	for n, b := range f.names {
		if (b.variable >= 0 || b.array > 0) && !strings.Contains(n, "[") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func (c *checker) evalStmt(f *frame, s *lang.Eval) {
	v := c.real(f, s.Value)
	if v == nil {
		return
	}
	if c.eval != nil && c.evalDepth == f.depth {
		c.errorf(f, s.Span, "", "a rule has at most one `eval`")
		return
	}
	if c.eval == nil || f.depth < c.evalDepth {
		at := c.elemVar(f, lang.Ident{Span: s.Span, Name: "eval"})
		c.eval, c.evalDepth = &evalPoint{c.pool.Hold(v, at), s.Span, f.decl.file}, f.depth
		c.place(f, c.eval.value, s.Value)
	}
}

// clear notes that the gradient's arrays are to be zero when the step ends.
func (c *checker) clear(f *frame, s *lang.Clear) {
	if s.Name.Name != "g" {
		c.errorf(f, s.Name.Span, "write `clear g`; a state is set to zero by `NAME <- 0`", "only the gradient can be cleared, not %s", s.Name.Name)
		return
	}
	c.prog.ClearGrad = true
}
