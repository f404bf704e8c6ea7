package main

import (
	"bytes"
	"fmt"

	"github.com/optc-lang/optc/internal/staged"
	"github.com/optc-lang/optc/lang"
)

type fmtCmd struct {
	Write bool     `short:"w" xor:"mode" help:"Rewrite the files in place."`
	Check bool     `xor:"mode" help:"Write nothing; exit with 1 if a file is not in canonical form."`
	Files []string `arg:"" name:"file" help:"Rule files, or std/NAME; - is the standard input."`
}

// Help is the verb's example.
func (fmtCmd) Help() string {
	return `Prints the canonical form of rule files.

Example:
  optc fmt adam.opt
  optc fmt -w rules/*.opt`
}

// Run formats files.
func (cmd *fmtCmd) Run(c *console) error {
	var failed error
	for _, name := range cmd.Files {
		if err := cmd.format(c, name); err == errReported {
			failed = err
		} else if err != nil {
			return err
		}
	}
	return failed
}

func (cmd *fmtCmd) format(c *console, name string) error {
	shown, src, err := cmd.source(c, name)
	if err != nil {
		return err
	}
	tree, diags := lang.Parse(shown, src)
	if err := c.report(diags, map[string][]byte{shown: src}); err != nil {
		return err
	}
	out := lang.Format(tree)
	switch {
	case cmd.Check && !bytes.Equal(src, out):
		fmt.Fprintf(c.err, "%s: not in canonical form; optc fmt -w rewrites it\n", shown)
		return errReported
	case cmd.Check:
		return nil
	case cmd.Write && name != "-":
		if bytes.Equal(src, out) {
			return nil
		}
		return staged.Write(name, out)
	}
	_, err = c.out.Write(out)
	return err
}

// source is the text of a file and what messages call it; of std/NAME the library's file that declares NAME.
func (cmd *fmtCmd) source(c *console, name string) (shown string, src []byte, err error) {
	decl, ok := libraryName(name)
	if !ok {
		src, err = c.read(name, lang.MaxFileSize)
		return shownName(name), src, err
	}
	if cmd.Write {
		return "", nil, usagef("fmt -w %s: the library is part of optc; optc fmt %s > FILE.opt makes a copy to change", name, name)
	}
	u := openLibrary()
	for _, file := range u.sourceFiles() {
		if tree, _ := lang.Parse(file, u.Sources[file]); declares(tree, decl) {
			return file, u.Sources[file], nil
		}
	}
	return "", nil, u.require(c, decl)
}

// declares reports whether a file declares a rule or a fn.
func declares(tree *lang.File, name string) bool {
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *lang.Fn:
			if d.Name.Name == name {
				return true
			}
		case *lang.Rule:
			if d.Name.Name == name {
				return true
			}
		}
	}
	return false
}
