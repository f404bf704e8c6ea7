package runtime

import "github.com/optc-lang/optc/runtime/elem"

// Option is a choice made when an optimizer is built.
type Option func(*settings)

type settings struct {
	groups  []groupOption // group i+1
	workers int           // -1 when not given
	engine  *Engine
	seed    uint64
	skip    bool
	hvp     any // func(v, hv [][]T) error
	loaded  any // []GivenValue[T]
	blocks  *int
}

type groupOption struct {
	match Match
	hyper []float64
}

// Group makes a parameter group of those parameters that match and that no earlier Group took; hyper are its
// hyperparameters, nil for the values that group 0 starts with. Groups count from 1 in the order of the options;
// parameters that none takes are group 0. A group that takes no parameter is an error.
func Group(match Match, hyper []float64) Option {
	return func(s *settings) { s.groups = append(s.groups, groupOption{match, hyper}) }
}

// Workers sets how many goroutines work on a step: 0 is as many as there are processors, 1 the caller alone. Without
// it a model of fewer than a million elements is stepped by the caller alone, because waking a helper costs more than
// it saves, and others by as many goroutines as there are processors. The results are the same for every number.
func Workers(n int) Option {
	return func(s *settings) { s.workers = n }
}

// UseEngine limits an optimizer to the kernels of an engine; a pass that has none for it runs on the next slower one
// that it has. The environment variable OPTRT_ENGINE takes precedence over it. New refuses an engine that this CPU
// lacks.
func UseEngine(e Engine) Option {
	return func(s *settings) { s.engine = &e }
}

// Seed sets the seed of the rule's random values, 0 by default. Equal seeds give equal values, whatever the number of
// workers.
func Seed(seed uint64) Option {
	return func(s *settings) { s.seed = seed }
}

// NonFinite is what an optimizer does with a gradient that holds NaN or an infinity.
type NonFinite uint8

const (
	Propagate NonFinite = iota // it is data, which the rule decides on
	Skip                       // the step is skipped whole, and counted
)

// OnNonFinite chooses what happens with gradients that are not finite; Propagate by default. With Skip every gradient,
// those of probes included, is looked through before anything is written.
func OnNonFinite(what NonFinite) Option {
	return func(s *settings) { s.skip = what == Skip }
}

// Match tells whether a parameter belongs to a group.
type Match func(name string, shape []int) bool

// Named matches the parameters whose whole name fits one of the patterns. In a pattern * stands for any run of
// characters, also an empty one, dots and slashes included; every other character stands for itself.
func Named(patterns ...string) Match {
	return func(name string, _ []int) bool {
		for _, p := range patterns {
			if elem.Match(p, name) {
				return true
			}
		}
		return false
	}
}

// Rank matches the parameters with one of the ranks: 0 a scalar, 1 a vector, 2 a matrix and so on.
func Rank(ranks ...int) Match {
	return func(_ string, shape []int) bool {
		for _, r := range ranks {
			if r == len(shape) {
				return true
			}
		}
		return false
	}
}
