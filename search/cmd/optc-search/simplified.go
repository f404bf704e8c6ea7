package main

import (
	"fmt"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/simplify"
)

// formArg is a rule of an archive, or what optc search simplify has left of it.
type formArg struct {
	ruleArg
	Simplified bool `help:"What optc search simplify has left of the rule."`
}

// form is a rule to be shown, written or tested.
type form struct {
	*search.Rule
	name string           // in rule files
	of   *simplify.Result // what it is the simplified form of, or nil
}

// openForm opens the archive and finds the form.
func (f *formArg) openForm(open func(string) (*archive.Archive, error)) (*opened, *form, error) {
	o, r, err := f.openRule(open)
	if err != nil {
		return nil, nil, err
	}
	out := &form{r, ruleName(r), nil}
	if f.Simplified {
		if out, err = o.simplified(r); err != nil {
			return nil, nil, closing(o.archive, err)
		}
	}
	return o, out, nil
}

// measured says on what the losses of a simplification were measured.
func measured(s *simplify.Result) string {
	tasks := max(1, len(s.LRs))
	return fmt.Sprintf("on %s with %s each, which the search has not used", plural(tasks, "task"), plural(s.Against.Pairs/tasks, "seed"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// simplified is what is left of a rule. Nothing has been measured of it with the seeds of the search.
func (o *opened) simplified(r *search.Rule) (*form, error) {
	var s simplify.Result
	if n, err := o.archive.Found(r.ID, simplified, &s); err != nil {
		return nil, err
	} else if n == 0 {
		return nil, usagef("rule %d is not simplified yet: optc search simplify %s %d", r.ID, o.Archive, r.ID)
	}
	g := s.Genome
	left := &search.Rule{ID: r.ID, Formula: g.String(), Name: search.NameOf(g.Encode()), LRs: s.LRs, Size: g.Size(), StateBytes: 4 * g.States(), Flops: g.Flops(), Encoded: g.Encode()}
	return &form{left, ruleName(r) + "_simplified", &s}, nil
}
