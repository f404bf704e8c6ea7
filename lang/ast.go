package lang

// Pos is a place in a source file; Line and Col count from 1, Col in runes.
type Pos struct{ Offset, Line, Col int }

// Span is a stretch of source: from Start up to, not including, End.
type Span struct{ Start, End Pos }

// The tags below are the grammar of declarations and of the heads of statements;
// grammar.go runs them, and expressions, extents and ranges have code of their own.

// File is the tree of one source file.
type File struct {
	Name     string // as given to Parse; used in diagnostics
	Source   []byte
	Decls    []Decl
	Comments []Comment // every `//` comment that is not documentation, in order
}

// Comment is one `//` line.
type Comment struct {
	Span
	Text string // with its slashes
}

// Decl is a top-level declaration: *Import, *Fn or *Rule.
type Decl interface {
	Where() Span
	decl()
}

// Import brings the names of another file: import "file.opt".
type Import struct {
	Span
	Path string `parser:"'import' @Text"`
}

// Fn is a function: fn f(variables; parameters) = value, or with a body.
type Fn struct {
	Span
	Doc    string  // text of its /// lines, slashes removed
	Name   Ident   `parser:"'fn' @@"`
	Vars   []Ident `parser:"'(' (@@ (',' @@)*)?"`
	Params []Param `parser:"(';' @@ (',' @@)*)? ')'"`
	Value  Expr    `parser:"('=' @@)?"` // of `= expr`; nil when there is a Body
	Body   []Stmt
	open   Pos // of the body's brace
}

// Rule is an update rule, a block or another rule specialised (`= expr`).
type Rule struct {
	Span
	Doc   string
	Name  Ident `parser:"'rule' @@"`
	Value Expr  `parser:"('=' @@)?"` // of `= expr`; nil when there is a Body
	Body  []Stmt
	open  Pos
}

// Ident is a name where it is declared or assigned.
type Ident struct {
	Span
	Name string
}

// Param is a parameter of a Fn with its optional default.
type Param struct {
	Name    Ident `parser:"@@"`
	Default Expr  `parser:"('=' @@)?"`
}

// Extent is what follows `per`: a name, or a pair [row, col].
type Extent struct {
	Span
	Names []string // one, or two of a matrix
}

// Range is what follows `in`: an interval, or first..last of integers.
type Range struct {
	Span
	Lo, Hi         Expr
	OpenLo, OpenHi bool
	Integers       bool // written first..last
}

// Stmt is a statement: *Hyper, *Option, *Bind, *Given, *Probe, *Assign, *When, *Repeat, *Until, *Eval, *Clear or *Return.
type Stmt interface {
	Where() Span
	stmt()
}

type (
	// Hyper is hyper NAME = DEFAULT in RANGE.
	Hyper struct {
		Span
		Doc     string // /// lines above it
		Name    Ident  `parser:"'hyper' @@"`
		Default Expr   `parser:"'=' @@"`
		Range   *Range `parser:"('in' @@)?"`
	}
	// Option is option NAME = one of (a, b) | rule R | fn F | DEFAULT in RANGE.
	Option struct {
		Span
		Doc     string
		Name    Ident   `parser:"'option' @@ '='"`
		Choices []Ident `parser:"( 'one' 'of' '(' @@ (',' @@)* ')'"` // of `one of`
		Kind    string  `parser:"| @('rule' | 'fn')?"`               // "rule" or "fn" when it holds a callable, else ""
		Default Expr    `parser:"  @@"`                              // nil with Choices
		Range   *Range  `parser:"  ('in' @@)? )"`
	}
	// Bind declares a state or a let.
	Bind struct {
		Span
		Doc   string
		State bool     `parser:"(@'state' | 'let')"`
		Name  Ident    `parser:"@@"`
		Size  Expr     `parser:"('[' @@ ']')?"` // of an array, else nil
		Per   *Extent  `parser:"('per' @@)?"`   // or nil
		As    *Storage `parser:"('as' @@)?"`
		Value Expr     `parser:"'=' @@"`
	}
	// Storage is as bf16|f16|q8 [sr].
	Storage struct {
		Span
		Format     string
		Stochastic bool
	}
	// Given declares a further input of the step, or with Load a constant given at construction.
	Given struct {
		Span
		Doc  string
		Name Ident   `parser:"'given' @@"`
		Per  *Extent `parser:"('per' @@)?"`
		Load bool    `parser:"('=' @'load')?"`
	}
	// Probe is probe NAME = grad|loss|hvp V [at POINT].
	Probe struct {
		Span
		Name   Ident  `parser:"'probe' @@ '='"`
		Kind   string `parser:"@('grad' | 'loss' | 'hvp')"` // grad, loss or hvp
		Vector Expr   `parser:"@@?"`                        // of hvp, else nil
		At     Expr   `parser:"('at' @@)?"`                 // or nil
	}
	// Assign is NAME[INDEX] <- VALUE.
	Assign struct {
		Span
		Name  Ident `parser:"@@"`
		Index Expr  `parser:"('[' @@ ']')?"` // or nil
		Value Expr  `parser:"'<-' @@"`
	}
	// When is when COND {...} else ...; `else when` is an Else of one *When.
	When struct {
		Span
		Cond       Expr `parser:"'when' @@"`
		Then, Else []Stmt
		HasElse    bool
		open       Pos // of the brace of Then
		elseAt     Pos // of the word else
	}
	// Repeat is repeat COUNT {...} (Var empty, To nil) or repeat VAR in FROM..TO {...}.
	Repeat struct {
		Span
		Var  Ident `parser:"'repeat' ((?= Name 'in') @@ 'in')?"`
		From Expr  `parser:"@@"`
		To   Expr  `parser:"('..' @@)?"`
		Body []Stmt
		open Pos
	}
	// Until leaves the loop around it.
	Until struct {
		Span
		Cond Expr `parser:"'until' @@"`
	}
	// Eval names the point at which the model is to be evaluated.
	Eval struct {
		Span
		Value Expr `parser:"'eval' @@"`
	}
	// Clear sets the array of an input, which is the gradient's, to zero when the step ends.
	Clear struct {
		Span
		Name Ident `parser:"'clear' @@"`
	}
	// Return gives a fn's value.
	Return struct {
		Span
		Value Expr `parser:"'return' @@"`
	}
)

// Expr is an expression: *Number, *Text, *Name, *Unary, *Binary, *Transpose, *Index or *Call.
// Parentheses leave no node: the tree holds the order, and the formatter prints what the order needs.
type Expr interface {
	Where() Span
	expr()
}

type (
	// Number is a literal; Literal is its text as written.
	Number struct {
		Span
		Literal string
		Value   float64
	}
	// Text is a string literal, an argument of named(...).
	Text struct {
		Span
		Value string
	}
	// Name is a name that is read.
	Name struct {
		Span
		Name string
	}
	// Unary is -X or not X.
	Unary struct {
		Span
		Op string
		X  Expr
	}
	// Binary is X Op Y; OpSpan is the operator's own place.
	Binary struct {
		Span
		Op     string
		OpSpan Span
		X, Y   Expr
	}
	// Transpose is X'.
	Transpose struct {
		Span
		X Expr
	}
	// Index is X[I].
	Index struct {
		Span
		X, I Expr
	}
	// Call is F(Args per E; Params), F'(...) when Prime.
	Call struct {
		Span
		Fn     Ident
		Prime  bool
		Args   []Expr
		Per    *Extent
		Params []Arg
	}
	// Arg is an argument after the semicolon, by position when Name is empty.
	Arg struct {
		Name  Ident
		Value Expr
	}
)

// Where is the node's place in its file.
func (s Span) Where() Span { return s }

func (*Import) decl() {}
func (*Fn) decl()     {}
func (*Rule) decl()   {}

func (*Hyper) stmt()  {}
func (*Option) stmt() {}
func (*Bind) stmt()   {}
func (*Given) stmt()  {}
func (*Probe) stmt()  {}
func (*Assign) stmt() {}
func (*When) stmt()   {}
func (*Repeat) stmt() {}
func (*Until) stmt()  {}
func (*Eval) stmt()   {}
func (*Clear) stmt()  {}
func (*Return) stmt() {}

func (*Number) expr()    {}
func (*Text) expr()      {}
func (*Name) expr()      {}
func (*Unary) expr()     {}
func (*Binary) expr()    {}
func (*Transpose) expr() {}
func (*Index) expr()     {}
func (*Call) expr()      {}
