// Package check gives a rule's text its meaning: names, types, options, calls and extents. In come syntax trees, out
// goes an ir.Program in which every call is inlined, each with its own state. It is the last stage that may blame the
// user: an error after it is a defect of the compiler.
package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/optc-lang/optc/lang"
)

// Limits of a program (see the language reference).
const (
	maxFiles  = 64
	maxDepth  = 256       // calls within calls
	maxValues = 100_000   // values after expansion
	maxSteps  = 1_000_000 // expressions visited while expanding
	maxArrays = 600       // states that are arrays
)

// Unit is a root file with all that it imports and the library in scope.
type Unit struct {
	Root    string
	Sources map[string][]byte // by the name used in diagnostics
	root    *file
	files   map[string]*file
	std     *file // every declaration of the library
	diags   lang.Diagnostics
}

// file is one scope: its own declarations and those that it imports.
type file struct {
	name     string
	own      map[string]decl
	imported map[string]decl
}

// decl is a fn or a rule with the scope that its body sees.
type decl struct {
	fn   *lang.Fn
	rule *lang.Rule
	in   *file
	file string // the name for diagnostics
}

func (d decl) name() lang.Ident {
	if d.fn != nil {
		return d.fn.Name
	}
	return d.rule.Name
}

// Load reads the file name and its import closure from fsys, with the library std in scope of all of them.
func Load(fsys fs.FS, name string, std fs.FS) (*Unit, lang.Diagnostics) {
	u := &Unit{Root: name, Sources: map[string][]byte{}, files: map[string]*file{}, std: &file{name: "std", own: map[string]decl{}}}
	u.loadLibrary(std)
	u.root = u.load(fsys, name, nil, lang.Span{}, "")
	u.diags.Sort()
	return u, u.diags
}

// Library is the unit whose root is the library itself.
func Library(std fs.FS) (*Unit, lang.Diagnostics) {
	u := &Unit{Sources: map[string][]byte{}, files: map[string]*file{}, std: &file{name: "std", own: map[string]decl{}}}
	u.loadLibrary(std)
	u.root = u.std
	u.diags.Sort()
	return u, u.diags
}

// libraryName is what the names of the library's files begin with in diagnostics.
const libraryName = "optc/std/"

func (u *Unit) loadLibrary(std fs.FS) {
	var names []string
	for _, pattern := range []string{"*.opt", "found/*.opt"} {
		found, err := fs.Glob(std, pattern)
		if err != nil {
			panic("check: library: " + err.Error())
		}
		names = append(names, found...)
	}
	for _, n := range names {
		src, err := fs.ReadFile(std, n)
		if err != nil {
			panic("check: library: " + err.Error())
		}
		tree, diags := lang.Parse(libraryName+n, src)
		u.Sources[libraryName+n] = src
		u.diags = append(u.diags, diags...)
		u.declare(u.std, tree, libraryName+n)
	}
}

// load parses one file, then what it imports. trail is the path of imports that led here.
func (u *Unit) load(fsys fs.FS, name string, trail []string, at lang.Span, from string) *file {
	if f := u.files[name]; f != nil {
		return f
	}
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		if from == "" {
			from = name
		}
		u.errorf(from, at, "", "cannot read %s: %v", name, cause(err))
		return nil
	}
	if len(u.files) >= maxFiles {
		u.errorf(from, at, "", "more than %d files are imported", maxFiles)
		return nil
	}
	tree, diags := lang.Parse(name, src)
	u.diags = append(u.diags, diags...)
	f := &file{name: name, own: map[string]decl{}, imported: map[string]decl{}}
	u.files[name] = f
	u.Sources[name] = src
	u.declare(f, tree, name)
	for _, d := range tree.Decls {
		if imp, ok := d.(*lang.Import); ok {
			u.importFile(fsys, f, imp, append(trail, name))
		}
	}
	return f
}

func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (u *Unit) importFile(fsys fs.FS, f *file, imp *lang.Import, trail []string) {
	target := path.Join(path.Dir(f.name), imp.Path)
	switch {
	case !strings.HasSuffix(imp.Path, ".opt"):
		u.errorf(f.name, imp.Span, "", "import %q does not end in .opt", imp.Path)
		return
	case path.IsAbs(imp.Path) || strings.Contains(imp.Path, `\`) || !fs.ValidPath(target):
		u.errorf(f.name, imp.Span, "import paths use / and stay in the root file's folder", "import %q leaves the folder of %s", imp.Path, u.Root)
		return
	case slices.Contains(trail, target):
		i := slices.Index(trail, target)
		u.errorf(f.name, imp.Span, "", "import cycle: %s", strings.Join(append(slices.Clone(trail[i:]), target), " imports "))
		return
	}
	g := u.load(fsys, target, trail, imp.Span, f.name)
	if g == nil {
		return
	}
	names := make([]string, 0, len(g.own))
	for n := range g.own {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		d := g.own[n]
		if old, ok := f.imported[n]; ok && old.in != g {
			u.errorf(f.name, imp.Span, "", "%s is imported from both %s and %s", n, old.in.name, g.name)
		} else if own, ok := f.own[n]; ok {
			u.errorf(f.name, own.name().Span, "rename one of the two", "%s is declared here and imported from %s", n, g.name)
		}
		f.imported[n] = d
	}
}

func (u *Unit) declare(f *file, tree *lang.File, name string) {
	for _, d := range tree.Decls {
		var dec decl
		switch d := d.(type) {
		case *lang.Fn:
			dec = decl{fn: d, in: f, file: name}
		case *lang.Rule:
			dec = decl{rule: d, in: f, file: name}
		default:
			continue
		}
		id := dec.name()
		if isOperator(id.Name) || predeclared[id.Name] {
			u.errorf(name, id.Span, "", "%s is a name of the language and cannot be declared", id.Name)
			continue
		}
		if old, ok := f.own[id.Name]; ok {
			u.errorf(name, id.Span, "", "%s is declared twice; first at line %d", id.Name, old.name().Start.Line)
			continue
		}
		f.own[id.Name] = dec
	}
}

var predeclared = map[string]bool{
	"x": true, "g": true, "t": true, "loss": true, "pi": true, "inf": true, "true": true, "false": true,
	"row": true, "col": true, "rank": true, "rows": true, "cols": true, "numel": true, "named": true, "push": true,
}

// lookup finds a declaration as seen from file f: its own, what it imports, the library.
func (u *Unit) lookup(f *file, name string) (decl, bool) {
	for _, m := range []map[string]decl{f.own, f.imported, u.std.own} {
		if d, ok := m[name]; ok {
			return d, true
		}
	}
	return decl{}, false
}

// Rules lists the rules that the root file declares, in its order (those of the library by name).
func (u *Unit) Rules() []string {
	if u.root == nil {
		return nil
	}
	var ds []decl
	for _, d := range u.root.own {
		if d.rule != nil {
			ds = append(ds, d)
		}
	}
	slices.SortFunc(ds, func(a, b decl) int {
		if u.root == u.std {
			return strings.Compare(a.rule.Name.Name, b.rule.Name.Name)
		}
		return a.rule.Start.Offset - b.rule.Start.Offset
	})
	names := make([]string, len(ds))
	for i, d := range ds {
		names[i] = d.rule.Name.Name
	}
	return names
}

// Rule finds the declaration of a rule that the root file sees, and the text of its file.
func (u *Unit) Rule(name string) (*lang.Rule, []byte, bool) {
	if u.root == nil {
		return nil, nil, false
	}
	d, ok := u.lookup(u.root, name)
	if !ok || d.rule == nil {
		return nil, nil, false
	}
	return d.rule, u.Sources[d.file], true
}

// File is the name for diagnostics of the file that declares a rule.
func (u *Unit) File(rule string) string {
	d, _ := u.lookup(u.root, rule)
	return d.file
}

func (u *Unit) errorf(file string, at lang.Span, hint, format string, args ...any) {
	u.diags = append(u.diags, lang.Diagnostic{File: file, Span: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}
