package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing/fstest"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/python"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/page"
	"github.com/optc-lang/optc/internal/staged"
	"github.com/optc-lang/optc/internal/version"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/stdlib"
)

// isName is what a rule may be called.
var isName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

type exportCmd struct {
	formArg
	Target  string `enum:"opt,go,latex,optax,torch" default:"opt" help:"What to write: opt, go, latex, optax or torch."`
	Name    string `help:"What the rule is called; as the file, or found_ID, by default."`
	Output  string `short:"o" placeholder:"FOLDER" help:"The folder to write into, or a file's name with its ending; the standard output by default, but for go."`
	Package string `default:"optimizer" help:"Of the Go code."`
}

// Help is the verb's example.
func (exportCmd) Help() string {
	return `Writes a rule as a rule file, which optc build, run, doc and the others take, or compiled at once.

Example:
  optc search export search.db 4711 --name mine -o .
  optc search export search.db 4711 --simplified -o mine.opt
  optc search export search.db 4711 --target torch -o .
  optc search export search.db --target go -o optimizer`
}

// Run writes a rule.
func (cmd *exportCmd) Run(c *console) error {
	if cmd.Name != "" && !isName.MatchString(cmd.Name) {
		return usagef("--name %q: a rule's name is of lower-case letters, digits and _, and begins with a letter", cmd.Name)
	}
	if !token.IsIdentifier(cmd.Package) {
		return usagef("--package %q is no name of a Go package", cmd.Package)
	}
	o, f, err := cmd.openForm(archive.Read)
	if err != nil {
		return err
	}
	defer o.archive.Close()
	name := cmp.Or(cmd.Name, cmd.fileName(), f.name)
	text, err := f.Text(name)
	if err != nil {
		return usageError{err}
	}
	files, err := cmd.emit(name, text)
	if err != nil {
		return err
	}
	return cmd.write(c, files)
}

// fileName is what a rule file to be written is called, if a rule may be called so.
func (cmd *exportCmd) fileName() string {
	name, found := strings.CutSuffix(filepath.Base(cmd.Output), ".opt")
	if !found || !isName.MatchString(name) {
		return ""
	}
	return name
}

// emit makes the files of a target.
func (cmd *exportCmd) emit(name, text string) ([]target.Output, error) {
	file := name + ".opt"
	if cmd.Target == "opt" {
		return []target.Output{{Name: file, Data: []byte(text)}}, nil
	}
	unit, diags := compiler.Load(fstest.MapFS{file: {Data: []byte(text)}}, file, stdlib.FS)
	if diags.HasErrors() {
		return nil, errors.New(diags[0].Message)
	}
	if cmd.Target == "latex" {
		return latex(unit, name, text)
	}
	rule, diags, err := compiler.Compile(unit, name, compiler.Settings{})
	if err != nil {
		return nil, err
	}
	if rule == nil {
		return nil, errors.New(diags[0].Message)
	}
	req := target.Request{Package: cmd.Package, Base: name, Source: file, Rules: []*compiler.Rule{rule}, DTypes: []target.DType{target.F32},
		Version: version.Module()}
	if cmd.Target == "go" {
		return codegen.Emit(req)
	}
	return codegen.EmitFor(python.Host(cmd.Target), req)
}

func latex(unit *check.Unit, name, text string) ([]target.Output, error) {
	box, err := page.Build(unit, "", name, page.Settings{})
	if err != nil {
		return nil, err
	}
	p := &page.Page{Name: name, Box: box, Source: text}
	return []target.Output{{Name: name + ".tex", Data: p.Render(page.LaTeX)}}, nil
}

// write puts the files where they belong, each in one step.
func (cmd *exportCmd) write(c *console, files []target.Output) error {
	folder := cmd.Output
	if len(files) == 1 && filepath.Ext(folder) != "" && filepath.Ext(folder) == filepath.Ext(files[0].Name) {
		folder, files[0].Name = filepath.Split(folder)
		folder = filepath.Clean(folder)
	}
	if folder == "" && len(files) == 1 {
		_, err := c.out.Write(files[0].Data)
		return err
	}
	if folder == "" {
		return usagef("--target %s makes %d files: name a folder with -o", cmd.Target, len(files))
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(folder, f.Name)
		if err := spare(path); err != nil {
			return err
		}
		if err := staged.Write(path, f.Data); err != nil {
			return err
		}
		fmt.Fprintln(c.out, path)
	}
	return nil
}
