package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/page"
	"github.com/optc-lang/optc/internal/staged"
)

type docCmd struct {
	Rule   string `arg:"" optional:"" name:"rule" help:"std/NAME, or FILE.opt[:NAME]; with --all a rule file, or nothing for the library."`
	Format string `enum:"md,html,tex," default:"" help:"md, html or tex; by default what the name after -o ends in, else md."`
	Out    string `short:"o" placeholder:"FILE|DIR" help:"Write the page to a file, or into a folder under the rule's name, and not to the standard output."`
	All    bool   `help:"Write a page for every rule, and an index of them, into the folder of -o."`
	fixed
}

// Help is the verb's example.
func (docCmd) Help() string {
	return `Prints a rule's page: its documentation, the algorithm as a paper prints it, hyperparameters, options, states, what a step costs, the rule's text, and how to use it from Go. As Markdown, as one HTML file that needs nothing else, or as a LaTeX document. In the algorithm the options that are open stand as conditions; -D chooses them.

Example:
  optc doc std/adamw
  optc doc std/adam -D decoupled=true --format tex -o adam.tex
  optc doc --all --format html -o pages`
}

// Run writes pages.
func (cmd *docCmd) Run(c *console) error {
	format, err := cmd.format()
	if err != nil {
		return err
	}
	if cmd.All {
		return cmd.all(c, format)
	}
	if cmd.Rule == "" {
		return usagef("doc: name a rule, std/NAME or FILE.opt[:NAME], or write the pages of the library with --all -o DIR")
	}
	u, name, err := open(c, cmd.Rule)
	if err != nil {
		return err
	}
	data, err := cmd.page(c, u, name, format)
	if err != nil {
		return err
	}
	switch info, err := os.Stat(cmd.Out); {
	case cmd.Out == "":
		_, err = c.out.Write(data)
		return err
	case err == nil && info.IsDir():
		return staged.Write(filepath.Join(cmd.Out, name+"."+string(format)), data)
	}
	return staged.Write(cmd.Out, data)
}

// format is how pages are written: as asked for, as the name of the file says, or as Markdown.
func (cmd *docCmd) format() (page.Format, error) {
	if cmd.Format != "" {
		return page.Format(cmd.Format), nil
	}
	switch ext := filepath.Ext(cmd.Out); {
	case cmd.Out == "" || cmd.All || ext == "" || isFolder(cmd.Out):
		return page.Markdown, nil
	case ext == ".md" || ext == ".html" || ext == ".tex":
		return page.Format(ext[1:]), nil
	default:
		return "", usagef("doc -o %s: %s says nothing of the format; write --format md, html or tex", cmd.Out, ext)
	}
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// page compiles a rule and makes its page.
func (cmd *docCmd) page(c *console, u *unit, name string, format page.Format) ([]byte, error) {
	sets, err := cmd.settings(c, u, []string{name})
	if err != nil {
		return nil, err
	}
	p, err := docPage(c, u, name, sets[0], cmd.said())
	if err != nil {
		return nil, err
	}
	return p.Render(format), nil
}

// indexName is the page that leads to the others.
const indexName = "index"

// all writes a page for every rule of a file or of the library, and an index. Nothing is written unless all compile.
func (cmd *docCmd) all(c *console, format page.Format) error {
	if cmd.Out == "" {
		return usagef("doc --all writes many pages: name their folder with -o DIR")
	}
	u, title := openLibrary(), "The rules of the library"
	if cmd.Rule != "" {
		var err error
		if !strings.HasSuffix(cmd.Rule, ".opt") {
			return usagef("doc --all %s: name a rule file, or nothing for the library", cmd.Rule)
		}
		if u, err = openFile(cmd.Rule); err != nil {
			return err
		}
		title = "The rules of " + filepath.Base(cmd.Rule)
	}
	if err := c.report(u.diags, u.Sources); err != nil {
		return err
	}
	names := u.Rules()
	if len(names) == 0 {
		return usagef("%s declares no rule", cmd.Rule)
	}
	if err := distinctFiles(names); err != nil {
		return err
	}
	changes, entries, err := cmd.pages(c, u, names, format)
	if err != nil {
		return err
	}
	index := page.Index(format, title, entries)
	return apply(append(changes, change{name: filepath.Join(cmd.Out, indexName+"."+string(format)), data: index}))
}

func (cmd *docCmd) pages(c *console, u *unit, names []string, format page.Format) ([]change, []page.Entry, error) {
	sets, err := cmd.settings(c, u, names)
	if err != nil {
		return nil, nil, err
	}
	var changes []change
	var entries []page.Entry
	var failed error
	for i, name := range names {
		p, err := docPage(c, u, name, sets[i], cmd.said())
		if err == errReported {
			failed = err
			continue
		} else if err != nil {
			return nil, nil, err
		}
		file := name + "." + string(format)
		changes = append(changes, change{name: filepath.Join(cmd.Out, file), data: p.Render(format)})
		entries = append(entries, page.Entry{Name: name, File: file, Summary: firstSentence(p.Doc)})
	}
	return changes, entries, failed
}

// distinctFiles refuses rules whose pages would be one file, be it where names differ in case alone.
func distinctFiles(names []string) error {
	all := []string{indexName}
	for _, n := range names {
		if i := slices.IndexFunc(all, func(o string) bool { return strings.EqualFold(o, n) }); i == 0 {
			return usagef("the page of the rule %s would take the place of the index; rename the rule, or write its page alone with -o FILE", n)
		} else if i > 0 {
			return usagef("the pages of the rules %s and %s would be one file where case does not count; rename one", all[i], n)
		}
		all = append(all, n)
	}
	return nil
}

// docPage gathers what a page says.
func docPage(c *console, u *unit, name string, set compiler.Settings, said string) (*page.Page, error) {
	r, err := u.compile(c, name, set)
	if err != nil {
		return nil, err
	}
	e := explain(u, r)
	fix := map[string]string{}
	for h, v := range set.Fix {
		fix[h] = fmt.Sprint(v)
	}
	box, err := page.Build(u, "", name, page.Settings{Options: set.Options, Fix: fix})
	if err != nil {
		return nil, internalError{err}
	}
	p := &page.Page{Name: name, Doc: e.Doc, Box: box, Derived: derivations(r), Source: u.textOfRule(name), Usage: usage(u, r, said)}
	docTables(p, u, r, e)
	return p, nil
}
