package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// clash refuses rule files whose generated files would be the same.
func clash(batches []*batch) error {
	files := map[string]string{}
	for _, b := range batches {
		file := filepath.Join(b.dir, b.base)
		if other, ok := files[file]; ok {
			return usagef("%s and %s would both be generated as %s_opt.go", other, b.arg, file)
		}
		files[file] = b.arg
	}
	return nil
}

// declarations are the names that generated files declare, by folder and name, with the rule file they are of.
type declarations map[string]string

// add refuses a file that would not compile beside the others: adam64 in float32 has the type of adam in float64.
func (d declarations) add(dir, source, name string, data []byte) error {
	tree, err := parser.ParseFile(token.NewFileSet(), name, data, parser.SkipObjectResolution)
	if err != nil {
		return internalError{err}
	}
	for _, id := range topLevel(tree) {
		key := filepath.Join(dir, id)
		switch other, ok := d[key]; {
		case ok && other == source:
			return usagef("the rules of %s would declare the Go name %s twice; rename one of them", source, id)
		case ok:
			return usagef("%s and %s would both declare the Go name %s; rename a rule", other, source, id)
		}
		d[key] = source
	}
	return nil
}

// clashBeside refuses names that a file of another build in the same folder declares, unless it is to be removed.
func (d declarations) clashBeside(written []string, changes []change) error {
	known := map[string]bool{}
	for _, ch := range changes {
		known[ch.name] = true
	}
	for _, w := range written {
		known[w] = true
	}
	for _, w := range written {
		entries, _ := os.ReadDir(filepath.Dir(w)) // a folder that is to be made has none
		for _, e := range entries {
			other := filepath.Join(filepath.Dir(w), e.Name())
			if known[other] || !e.Type().IsRegular() || !strings.HasSuffix(other, "_opt.go") {
				continue
			}
			known[other] = true
			if err := d.clashWith(other); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d declarations) clashWith(file string) error {
	data, err := readGenerated(file)
	source := generatedFrom(data)
	if err != nil || source == "" {
		return err
	}
	tree, err := parser.ParseFile(token.NewFileSet(), file, data, parser.SkipObjectResolution)
	if err != nil {
		return nil // it is no file of a package that compiles
	}
	for _, id := range topLevel(tree) {
		if own, ok := d[filepath.Join(filepath.Dir(file), id)]; ok {
			return usagef("%s and %s, generated from %s, would both declare the Go name %s; rename a rule, remove that file, or choose another folder with -o", own, file, source, id)
		}
	}
	return nil
}

func topLevel(tree *ast.File) []string {
	var names []string
	for _, decl := range tree.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				names = append(names, decl.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "_" })
}

// packageName is the name of the package in a folder: as asked for, that of `go generate`, which runs in its package's
// folder, that of the Go files there, or the folder's own.
func (cmd *buildCmd) packageName(b *batch) (string, error) {
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return "", err
	}
	name := cmd.Package
	if here, err := os.Getwd(); name == "" && err == nil && here == dir {
		name = strings.TrimSuffix(os.Getenv("GOPACKAGE"), "_test")
	}
	if name == "" {
		name = b.packageOf()
	}
	if name == "" {
		name = identifier(filepath.Base(dir))
	}
	if !token.IsIdentifier(name) || name == "_" {
		return "", usagef("%q is no name for a Go package; give one with --package", name)
	}
	return name, nil
}

// packageOf is the name in the package clause of the folder's Go files, those that are generated here apart.
func (b *batch) packageOf() string {
	files, _ := filepath.Glob(filepath.Join(b.dir, "*.go"))
	for _, f := range files {
		base := filepath.Base(f)
		if strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, b.base+"_opt") {
			continue
		}
		if info, err := os.Stat(f); err != nil || !info.Mode().IsRegular() || info.Size() > maxGenerated {
			continue // reading it may never end
		}
		if ok, err := build.Default.MatchFile(b.dir, base); !ok || err != nil {
			continue
		}
		if tree, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.PackageClauseOnly); err == nil {
			return tree.Name.Name
		}
	}
	return ""
}

// identifier makes a package name of a folder's: letters and digits, a letter first.
func identifier(folder string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, folder)
	name = strings.TrimLeftFunc(name, unicode.IsDigit)
	if name == "" || token.IsKeyword(name) {
		return "optim"
	}
	return name
}
