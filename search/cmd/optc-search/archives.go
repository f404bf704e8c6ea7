package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
)

// fileArg is the archive that a verb looks at.
type fileArg struct {
	File string `arg:"" optional:"" default:"search.db" help:"The archive."`
}

// ruleArg is a rule of an archive.
type ruleArg struct {
	fileArg
	ID string `arg:"" optional:"" help:"The birth at which the rule appeared, or any birth; the hall's pick by default. A number alone is one of search.db."`
}

// alone takes a number that stands alone, and is no file, for a rule of the archive that a search has by default.
func (r *ruleArg) alone() {
	if _, err := strconv.Atoi(r.File); err != nil || r.ID != "" {
		return
	}
	if _, err := os.Stat(r.File); err != nil {
		r.File, r.ID = "search.db", r.File
	}
}

// opened is an archive with what it holds.
type opened struct {
	*search.Result
	archive *archive.Archive
	config  evolve.Config
	base    map[string]fitness.Baseline
}

// openArchive opens the archive to look at, or to write into.
func (f *fileArg) openArchive(open func(string) (*archive.Archive, error)) (*opened, error) {
	o := &opened{}
	var err error
	if o.Result, err = search.Open(f.File); errors.Is(err, archive.ErrNone) {
		return nil, fmt.Errorf("%w: optc search %s --budget 2m begins one", err, f.File)
	} else if err != nil {
		return nil, err
	}
	if o.archive, err = open(f.File); err != nil {
		return nil, err
	}
	if o.config, o.base, err = o.archive.Config(); err != nil {
		return nil, closing(o.archive, err)
	}
	return o, nil
}

// openRead opens the archive to look at.
func (f *fileArg) openRead() (*opened, error) { return f.openArchive(archive.Read) }

func closing(a *archive.Archive, err error) error {
	if closed := a.Close(); err == nil {
		err = closed
	}
	return err
}

// openRule opens the archive and finds the rule.
func (r *ruleArg) openRule(open func(string) (*archive.Archive, error)) (*opened, *search.Rule, error) {
	r.alone()
	o, err := r.openArchive(open)
	if err != nil {
		return nil, nil, err
	}
	rule, err := o.rule(r.ID)
	if err != nil {
		return nil, nil, closing(o.archive, err)
	}
	return o, rule, nil
}

// rule is the rule of an ID, or the pick.
func (o *opened) rule(id string) (*search.Rule, error) {
	if len(o.Rules) == 0 {
		return nil, fmt.Errorf("%s: no rule has been evaluated yet: optc search %s --budget 2m goes on", o.Archive, o.Archive)
	}
	if id == "" {
		return &o.Rules[slices.IndexFunc(o.Rules, func(r search.Rule) bool { return r.Pick })], nil
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		return nil, usagef("%q is no birth: the IDs are the numbers in the hall", id)
	}
	b, err := o.archive.Birth(n)
	if err != nil {
		return nil, err
	}
	for i := range o.Rules {
		if g, err := genome.Decode(o.Rules[i].Encoded); err == nil && g.Key() == b.Form {
			return &o.Rules[i], nil
		}
	}
	return nil, fmt.Errorf("birth %d has not been evaluated", n)
}

// tasks are the tasks of the rungs, in the order of scores.
func (o *opened) tasks() []string { return slices.Concat(o.config.Rungs...) }

// reached says how far a rule got.
func reached(r *search.Rule) string { return fmt.Sprintf("%d/%d", r.Rung+1, r.Rungs) }

// shorten cuts a text in its middle.
func shorten(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	left := (width - 1) / 2
	return string(r[:left]) + "…" + string(r[len(r)-(width-1-left):])
}
