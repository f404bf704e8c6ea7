// Package samebits finds in Go source what may compute other bits on another machine.
//
// On some machines the compiler fuses a product with a sum, which then is rounded once and not twice; it does so across
// inlined calls too, but never across a conversion. And some functions of package math are assembly here and Go there.
package samebits

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// exact are the parts of package math that are the same on every machine: constants, and functions whose result is exact or
// rounded once.
var exact = strings.Fields(`Abs Ceil Copysign Float32bits Float32frombits Float64bits Float64frombits Floor Frexp Inf IsInf IsNaN
	Ldexp Ln2 Log2E Max MaxFloat32 MaxFloat64 MaxInt MaxUint8 Min MinInt Modf NaN Nextafter Nextafter32 Pi RoundToEven Signbit SmallestNonzeroFloat64 Sqrt Sqrt2 Trunc`)

// Folders lists the faults of packages, in their files for a machine that has no assembly.
func Folders(dirs ...string) ([]string, error) {
	c := newChecker()
	portable := build.Default
	portable.GOARCH = "riscv64"
	for _, dir := range dirs {
		p, err := portable.ImportDir(dir, 0)
		if err != nil {
			return nil, err
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(c.fset, filepath.Join(dir, name), nil, 0)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		if err := c.check(files); err != nil {
			return nil, err
		}
	}
	return c.faults, nil
}

// Source lists the faults of a package of one file.
func Source(text string) ([]string, error) {
	c := newChecker()
	f, err := parser.ParseFile(c.fset, "source.go", text, 0)
	if err != nil {
		return nil, err
	}
	err = c.check([]*ast.File{f})
	return c.faults, err
}

type checker struct {
	fset   *token.FileSet
	from   types.Importer
	info   *types.Info
	safe   map[ast.Expr]bool // expressions whose value is no term of a sum
	faults []string
}

func newChecker() *checker {
	fset := token.NewFileSet()
	return &checker{fset: fset, from: importer.ForCompiler(fset, "source", nil), safe: map[ast.Expr]bool{}}
}

func (c *checker) check(files []*ast.File) error {
	c.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: c.from}
	if _, err := conf.Check("p", c.fset, files, c.info); err != nil {
		return err
	}
	for _, f := range files {
		ast.Inspect(f, c.look)
	}
	return nil
}

func (c *checker) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if c.info.Types[n.Fun].IsType() {
			c.safe[n.Args[0]] = true
		}
	case *ast.ParenExpr:
		c.safe[n.X] = c.safe[n]
	case *ast.BinaryExpr:
		switch n.Op {
		case token.MUL, token.QUO, token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
			c.safe[n.X], c.safe[n.Y] = true, true
		}
		if n.Op == token.MUL && !c.safe[n] && c.rounds(n) {
			c.fault(n, "a product that is not rounded")
		}
	case *ast.AssignStmt:
		if n.Tok == token.MUL_ASSIGN && c.rounds(n.Lhs[0]) {
			c.fault(n, "a product that is not rounded")
		}
	case *ast.Ident:
		o := c.info.Uses[n]
		if o == nil || o.Pkg() == nil || o.Parent() != o.Pkg().Scope() {
			break
		}
		if path := o.Pkg().Path(); path == "math" && !slices.Contains(exact, n.Name) || path == "math/cmplx" {
			c.fault(n, path+"."+n.Name)
		}
	}
	return true
}

// rounds reports whether an expression is computed in floating point when the program runs.
func (c *checker) rounds(x ast.Expr) bool {
	t := c.info.Types[x]
	b, ok := t.Type.Underlying().(*types.Basic)
	return t.Value == nil && !(ok && b.Info()&types.IsInteger != 0)
}

func (c *checker) fault(n ast.Node, what string) {
	c.faults = append(c.faults, c.fset.Position(n.Pos()).String()+": "+what)
}
