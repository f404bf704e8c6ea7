package main

import (
	"bytes"
	"fmt"

	"github.com/optc-lang/optc/lang"
)

type fmtCmd struct {
	Write bool     `short:"w" xor:"mode" help:"Rewrite the files in place."`
	Check bool     `xor:"mode" help:"Write nothing; exit with 1 if a file is not in canonical form."`
	Files []string `arg:"" name:"file" help:"Rule files; - is the standard input."`
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
	src, err := c.read(name, lang.MaxFileSize)
	if err != nil {
		return err
	}
	shown := shownName(name)
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
		return writeFile(name, out)
	}
	_, err = c.out.Write(out)
	return err
}
