package matrix

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed are the parts of package math that are the same on every platform.
var allowed = strings.Fields("Sqrt Abs Copysign NaN Pi MinInt Float64bits Float64frombits")

// fusable returns the places in the files where a product may be fused with an
// addition, or where a part of math is used that is not the same everywhere. A
// product is safe when it is converted, is a factor or a divisor of another or is
// compared.
func fusable(t *testing.T, fset *token.FileSet, files []*ast.File) (faults []string) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := conf.Check("matrix", fset, files, info); err != nil {
		t.Fatal(err)
	}
	isInteger := func(x ast.Expr) bool {
		b, ok := info.Types[x].Type.Underlying().(*types.Basic)
		return ok && b.Info()&types.IsInteger != 0
	}
	for _, f := range files {
		safe := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			fault := func(what string) { faults = append(faults, fset.Position(n.Pos()).String()+": "+what) }
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && (name.Name == "float64" || name.Name == "T") {
					safe[n.Args[0]] = true
				}
			case *ast.ParenExpr:
				safe[n.X] = safe[n]
			case *ast.BinaryExpr:
				switch n.Op {
				case token.MUL, token.QUO, token.LSS, token.LEQ, token.GTR, token.GEQ:
					safe[n.X], safe[n.Y] = true, true
				}
				if n.Op == token.MUL && !safe[n] && info.Types[n].Value == nil && !isInteger(n) {
					fault("a product that is not rounded")
				}
			case *ast.AssignStmt:
				if n.Tok == token.MUL_ASSIGN && !isInteger(n.Lhs[0]) {
					fault("a product that is not rounded")
				}
			case *ast.SelectorExpr:
				if name, ok := n.X.(*ast.Ident); ok && name.Name == "math" && !slices.Contains(allowed, n.Sel.Name) {
					fault("math." + n.Sel.Name)
				}
			}
			return true
		})
	}
	return faults
}

func TestSource(t *testing.T) {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for _, fault := range fusable(t, fset, files) {
		t.Error(fault)
	}
	bad, err := parser.ParseFile(fset, "bad.go", `package matrix
		import "math"
		func f(a, b float64, i int) float64 {
			a = (a*b) + 1
			a *= b
			_, _ = 2*i, a*b < 3
			return float64(a*b) + math.FMA(a, b, a) - a*b/2
		}`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if faults := fusable(t, fset, []*ast.File{bad}); len(faults) != 3 {
		t.Errorf("three faults planted, found %q", faults)
	}
}
