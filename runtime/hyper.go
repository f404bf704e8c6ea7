package runtime

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Groups is the number of parameter groups, the default group 0 included.
func (o *Optimizer[T]) Groups() int { return len(o.groups) }

// GroupOf is the group of a parameter, by its index in the order given to New.
func (o *Optimizer[T]) GroupOf(param int) int { return o.groupOf[o.grid.tensor(param)] }

// Hypers returns a copy of a group's hyperparameters in the order of Rule.Hypers.
func (o *Optimizer[T]) Hypers(group int) ([]float64, error) {
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	if err := o.checkGroup(group); err != nil {
		return nil, err
	}
	return slices.Clone(o.hypersOf(group)), nil
}

// SetHyper sets one hyperparameter of a group from the next step on. A value that is NaN or outside the
// hyperparameter's interval is an error and changes nothing.
func (o *Optimizer[T]) SetHyper(group int, name string, value float64) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.checkGroup(group); err != nil {
		return err
	}
	i := slices.IndexFunc(o.rule.Hypers, func(h Hyper) bool { return h.Name == name })
	if i < 0 {
		return fmt.Errorf("%s: no hyperparameter %q: there are %s", o.rule.Name, name, o.rule.hyperNames())
	}
	if err := o.rule.Hypers[i].check(value); err != nil {
		return fmt.Errorf("%s: group %d: %w", o.rule.Name, group, err)
	}
	o.hypersOf(group)[i] = value
	return nil
}

// SetHypers sets all hyperparameters of a group, in the order of Rule.Hypers, from the next step on. One that is
// refused is an error and changes nothing.
func (o *Optimizer[T]) SetHypers(group int, values []float64) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.checkGroup(group); err != nil {
		return err
	}
	if err := o.rule.checkHypers(group, values); err != nil {
		return err
	}
	copy(o.hypersOf(group), values)
	return nil
}

// hypersOf are a group's hyperparameters where the plan reads them.
func (o *Optimizer[T]) hypersOf(group int) []float64 {
	return o.groups[group][GroupHypers:][:len(o.rule.Hypers)]
}

func (o *Optimizer[T]) checkGroup(group int) error {
	if group < 0 || group >= len(o.groups) {
		return fmt.Errorf("%s: no group %d: there are %d, counted from 0", o.rule.Name, group, len(o.groups))
	}
	return nil
}

// checkHypers checks the values of one group.
func (r *Rule) checkHypers(group int, values []float64) error {
	if len(values) != len(r.Hypers) {
		return fmt.Errorf("%s: group %d: %d hyperparameters given, there are %d: %s",
			r.Name, group, len(values), len(r.Hypers), r.hyperNames())
	}
	for i, h := range r.Hypers {
		if err := h.check(values[i]); err != nil {
			return fmt.Errorf("%s: group %d: %w", r.Name, group, err)
		}
	}
	return nil
}

func (r *Rule) hyperNames() string {
	if len(r.Hypers) == 0 {
		return "none"
	}
	names := make([]string, len(r.Hypers))
	for i, h := range r.Hypers {
		names[i] = h.Name
	}
	return strings.Join(names, ", ")
}

// defaults are the hyperparameters as the rule has them.
func (r *Rule) defaults() []float64 {
	values := make([]float64, len(r.Hypers))
	for i, h := range r.Hypers {
		values[i] = h.Default
	}
	return values
}

func (h *Hyper) check(v float64) error {
	above := v > h.Lo || v == h.Lo && !h.OpenLo
	below := v < h.Hi || v == h.Hi && !h.OpenHi
	if !above || !below {
		return fmt.Errorf("%s = %s is outside %s", h.Name, formatNumber(v), h.interval())
	}
	if h.Integer && v != math.Floor(v) {
		return fmt.Errorf("%s must be a whole number in %s, not %s", h.Name, h.interval(), formatNumber(v))
	}
	return nil
}

// interval is the hyperparameter's interval as rules write it.
func (h *Hyper) interval() string {
	lo, hi := formatNumber(h.Lo), formatNumber(h.Hi)
	if h.Integer {
		return lo + ".." + hi
	}
	left, right := "[", "]"
	if h.OpenLo {
		left = "("
	}
	if h.OpenHi {
		right = ")"
	}
	return left + lo + ", " + hi + right
}

// formatNumber writes a number exactly, infinities as rules write them.
func formatNumber(v float64) string {
	if math.IsInf(v, 0) {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+"))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Set sets the hyperparameter called name of the groups given, or of every group when none is. A value outside its
// interval or a group that does not exist is an error, after which nothing has changed.
func (o *Optimizer[T]) Set(name string, value float64, groups ...int) error {
	for _, g := range groups {
		if err := o.checkGroup(g); err != nil {
			return err
		}
	}
	if len(groups) == 0 {
		for g := range o.groups {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		if err := o.SetHyper(g, name, value); err != nil {
			return err
		}
	}
	return nil
}
