package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/alecthomas/participle/v2"
	_ "github.com/dave/jennifer/jen"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/tools/imports"
	_ "golang.org/x/tools/go/analysis"
	_ "gonum.org/v1/gonum/mat"
	_ "pgregory.net/rapid"
)
