package elem

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
var allowed = strings.Fields(`Sqrt Abs Floor Ceil Trunc Copysign RoundToEven IsNaN Inf NaN Signbit MaxFloat64
	Float64bits Float64frombits Float32bits Float32frombits`)

var allowedImports = []string{`"math"`, `"math/bits"`, `"unsafe"`}

// checkSource returns what in the files could make results differ between
// platforms: a product without rounding of its own, or a forbidden part of math.
func checkSource(t *testing.T, fset *token.FileSet, files []*ast.File) (faults []string) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := conf.Check("elem", fset, files, info); err != nil {
		t.Fatal(err)
	}
	fault := func(n ast.Node, text string) {
		faults = append(faults, fset.Position(n.Pos()).String()+": "+text)
	}
	isInteger := func(x ast.Expr) bool {
		b, ok := info.Types[x].Type.Underlying().(*types.Basic)
		return ok && b.Info()&types.IsInteger != 0
	}
	for _, f := range files {
		for _, i := range f.Imports {
			if !slices.Contains(allowedImports, i.Path.Value) {
				fault(i, "imports "+i.Path.Value)
			}
		}
		rounded := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && (name.Name == "float64" || name.Name == "float32" || name.Name == "T") && len(n.Args) == 1 {
					rounded[n.Args[0]] = true
				}
			case *ast.BinaryExpr:
				if n.Op == token.MUL && !rounded[n] && info.Types[n].Value == nil && !isInteger(n) {
					fault(n, "a product that is not rounded")
				}
			case *ast.AssignStmt:
				if n.Tok == token.MUL_ASSIGN {
					fault(n, "a product that is not rounded")
				}
			case *ast.SelectorExpr:
				if name, ok := n.X.(*ast.Ident); ok && name.Name == "math" && !slices.Contains(allowed, n.Sel.Name) {
					fault(n, "math."+n.Sel.Name)
				}
			}
			return true
		})
	}
	return faults
}

func TestSource(t *testing.T) {
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
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
	for _, fault := range checkSource(t, fset, files) {
		t.Error(fault)
	}
	bad, err := parser.ParseFile(fset, "bad.go", `package elem
		import "math"
		func f(a, b float64, i int) float64 { a = a*b + 1; a *= b; _ = 2*i; _ = 2.0*3; return float64(a*b) + math.FMA(a, b, a) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if faults := checkSource(t, fset, []*ast.File{bad}); len(faults) != 3 {
		t.Errorf("three faults planted, found %q", faults)
	}
}
