package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/rogpeppe/go-internal/diff"
)

type buildCmd struct {
	Out     string   `short:"o" placeholder:"DIR" help:"Folder of the generated files; that of the rule file by default, the current one for the library's rules."`
	DType   []string `name:"dtype" enum:"f32,f64" default:"f32" help:"Element types, f32 and f64, separated by commas."`
	Package string   `placeholder:"NAME" help:"Name of the Go package, instead of $$GOPACKAGE or that of the folder."`
	Check   bool     `xor:"mode" help:"Write nothing; exit with 1 if a file is not as it would be generated."`
	Diff    bool     `xor:"mode" help:"Write nothing; print what would change, and exit with 1 if anything would."`
	Dump    string   `xor:"mode" placeholder:"PASS" help:"Write nothing; print the rules after a pass of the compiler."`
	fixed
	Files []string `arg:"" name:"rules" help:"Rule files, or std/NAME."`
}

// Help is the verb's example.
func (buildCmd) Help() string {
	return `Compiles all rules of the files to Go and assembly. Nothing is written unless everything compiles; files that would not change are left alone; files that an earlier build generated from a rule file and this one does not are removed.

Example:
  optc build adam.opt
  optc build -o internal/optim --dtype f32,f64 std/adam std/lion
  //go:generate go tool optc build adam.opt`
}

// Run builds.
func (cmd *buildCmd) Run(c *console) error {
	batches, err := cmd.compile(c)
	if err != nil {
		return err
	}
	if cmd.Dump != "" {
		return dump(c, cmd.Dump, batches)
	}
	changes, err := cmd.changes(batches)
	if err != nil {
		return err
	}
	switch {
	case cmd.Check:
		return checkDrift(c, changes)
	case cmd.Diff:
		return printDiff(c, changes)
	}
	return apply(changes)
}

// batch is what one argument compiles to.
type batch struct {
	arg    string
	dir    string
	base   string // of the generated files
	source string // as their first line names it
	rules  []*compiler.Rule
}

// compile compiles every argument; it goes on after one with errors, to report them all.
func (cmd *buildCmd) compile(c *console) ([]*batch, error) {
	var batches []*batch
	var failed error
	for _, arg := range cmd.Files {
		b, err := cmd.batch(c, arg)
		if errors.Is(err, errReported) {
			failed = err
		} else if err != nil {
			return nil, err
		} else {
			batches = append(batches, b)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return batches, clash(batches)
}

func (cmd *buildCmd) batch(c *console, arg string) (*batch, error) {
	u, names, b, err := cmd.load(c, arg)
	if err != nil {
		return nil, err
	}
	if cmd.Out != "" {
		b.dir = cmd.Out
	}
	if strings.HasPrefix(b.base, ".") || strings.HasPrefix(b.base, "_") {
		return nil, usagef("%s: Go ignores files whose names begin with %q; rename the rule file", arg, b.base[:1])
	}
	sets, err := cmd.settings(c, u, names)
	if err != nil {
		return nil, err
	}
	var failed error
	for i, name := range names {
		r, err := u.compile(c, name, sets[i])
		if err == errReported {
			failed = err
		} else if err != nil {
			return nil, err
		}
		b.rules = append(b.rules, r)
	}
	return b, failed
}

// load opens an argument: a rule of the library, or all rules of a file.
func (cmd *buildCmd) load(c *console, arg string) (*unit, []string, *batch, error) {
	if strings.HasSuffix(arg, ".opt") {
		u, err := openFile(arg)
		if err != nil {
			return nil, nil, nil, err
		}
		dir, name := filepath.Split(arg)
		b := &batch{arg: arg, dir: filepath.Clean(dir), base: strings.TrimSuffix(name, ".opt"), source: name}
		return u, u.Rules(), b, c.report(u.diags, u.Sources)
	}
	if !strings.HasPrefix(arg, "std/") {
		return nil, nil, nil, usagef("%s is nothing to build: name a rule file that ends in .opt, or std/NAME", arg)
	}
	u, name, err := open(c, arg)
	return u, []string{name}, &batch{arg: arg, dir: ".", base: name, source: arg}, err
}

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

// dump prints rules after a pass.
func dump(c *console, name string, batches []*batch) error {
	for _, b := range batches {
		for _, r := range b.rules {
			i := slices.IndexFunc(r.Dumps, func(d compiler.Dump) bool { return d.Pass == name })
			if i < 0 {
				var known []string
				for _, d := range r.Dumps {
					known = append(known, d.Pass)
				}
				return usagef("--dump %s: no such pass%s", name, didYouMean(name, known))
			}
			fmt.Fprint(c.out, r.Dumps[i].Text)
		}
	}
	return nil
}

// change is a file to write, or to remove when data is nil.
type change struct {
	name string
	old  []byte // nil when there is none
	data []byte
}

// changes generates all files and compares them with those on disk.
func (cmd *buildCmd) changes(batches []*batch) ([]change, error) {
	var all []change
	names := declarations{}
	for _, b := range batches {
		outputs, err := cmd.generate(b)
		if err != nil {
			return nil, err
		}
		keep := map[string]bool{}
		for i, o := range outputs {
			if i == 0 { // what the others declare, they declare for one machine each
				if err := names.add(b.dir, b.source, o.Name, o.Data); err != nil {
					return nil, err
				}
			}
			keep[o.Name] = true
			ch, err := compare(b, o)
			if err != nil {
				return nil, err
			}
			if ch != nil {
				all = append(all, *ch)
			}
		}
		orphans, err := b.orphans(keep)
		if err != nil {
			return nil, err
		}
		all = append(all, orphans...)
	}
	return all, nil
}

func (cmd *buildCmd) generate(b *batch) ([]target.Output, error) {
	if len(b.rules) == 0 {
		return nil, nil
	}
	pkg, err := cmd.packageName(b)
	if err != nil {
		return nil, err
	}
	req := target.Request{Package: pkg, Base: b.base, Source: b.source, Version: moduleVersion(), Rules: b.rules}
	for _, d := range slices.Compact(slices.Sorted(slices.Values(cmd.DType))) {
		req.DTypes = append(req.DTypes, dtypeFlag(d).dtype())
	}
	outputs, err := codegen.Emit(req)
	if err != nil {
		return nil, internalError{fmt.Errorf("%s: %w", b.source, err)}
	}
	return outputs, nil
}

// compare is what an output changes on disk; nil if nothing.
func compare(b *batch, o target.Output) (*change, error) {
	name := filepath.Join(b.dir, o.Name)
	old, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &change{name: name, data: o.Data}, nil
	case err != nil:
		return nil, err
	case generatedFrom(old) == "":
		return nil, fmt.Errorf("%s was not generated by optc, which does not overwrite it; move it, or rename the rule file", name)
	case generatedFrom(old) != b.source:
		return nil, fmt.Errorf("%s was generated from %s, not from %s; remove it, or choose another folder with -o", name, generatedFrom(old), b.source)
	case bytes.Equal(withoutVersion(old), withoutVersion(o.Data)):
		return nil, nil
	}
	return &change{name, old, o.Data}, nil
}

// generatedFrom is the rule file that the first line of a generated file names; "" for other files.
func generatedFrom(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	source, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\r"), "// Code generated by optc from ")
	source, end := strings.CutSuffix(source, ". DO NOT EDIT.")
	if !ok || !end {
		return ""
	}
	return source
}

// withoutVersion leaves out the line of optc's version, which stands second, and takes line ends as they are on Unix.
func withoutVersion(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if version, after, ok := bytes.Cut(rest, []byte("\n")); ok && bytes.HasPrefix(version, []byte("// optc ")) {
		rest = after
	}
	return slices.Concat(first, []byte("\n"), rest)
}

// orphans are files of an earlier build of the same rule file that this one does not generate.
func (b *batch) orphans(keep map[string]bool) ([]change, error) {
	entries, err := os.ReadDir(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []change
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), b.base+"_opt")
		ext := filepath.Ext(rest)
		if !ok || keep[e.Name()] || rest[:1] != "_" && rest != ".go" || ext != ".go" && ext != ".s" || !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(b.dir, e.Name())
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if generatedFrom(data) == b.source {
			out = append(out, change{name: name, old: data})
		}
	}
	return out, nil
}

func checkDrift(c *console, changes []change) error {
	for _, ch := range changes {
		what := "differs from what would be generated"
		if ch.old == nil {
			what = "is missing"
		} else if ch.data == nil {
			what = "would no longer be generated"
		}
		fmt.Fprintf(c.err, "%s: %s\n", ch.name, what)
	}
	if len(changes) > 0 {
		return errReported
	}
	return nil
}

func printDiff(c *console, changes []change) error {
	for _, ch := range changes {
		from, to := "a/"+filepath.ToSlash(ch.name), "b/"+filepath.ToSlash(ch.name)
		if ch.old == nil {
			from = "/dev/null"
		} else if ch.data == nil {
			to = "/dev/null"
		}
		c.out.Write(diff.Diff(from, ch.old, to, ch.data))
	}
	if len(changes) > 0 {
		return errReported
	}
	return nil
}

// apply writes and removes files. It is not interrupted in between: each file takes a moment.
func apply(changes []change) error {
	_, stop := interrupted()
	defer stop()
	for _, ch := range changes {
		if ch.data == nil {
			if err := os.Remove(ch.name); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(ch.name), 0o777); err != nil {
			return err
		}
		if err := writeFile(ch.name, ch.data); err != nil {
			return err
		}
	}
	return nil
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
