package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

//go:embed least.tsv
var leastText string

// least is a row of least.tsv: the least that a rule must move and multiply.
type least struct {
	Rule     string
	Set      map[string]string // options and hyperparameters
	Kind     string            // elementwise, reduction, random, order or matrix
	Bytes    float64           // an element and step, in float32
	Products float64           // of matrices of the tensor's size, a step
	Passes   []leastPass
	Why      string
}

// leastPass is one walk along arrays.
type leastPass struct {
	Every   int // it is due in every so many steps
	Streams []leastStream
}

// leastStream is an array that is walked along.
type leastStream struct {
	Name        string // x, g, a state, or an array in between
	Format      string // "" is float32
	Read, Write bool
}

// kinds are what a rule's time may be bound by beside the bytes.
var kinds = []string{"elementwise", "reduction", "random", "order", "matrix"}

// leastHeader names the columns.
const leastHeader = "rule\tset\tkind\tbytes\tproducts\tcount\twhy"

// readLeast reads the table. An error says the line.
func readLeast(text string) ([]least, error) {
	header, body, _ := strings.Cut(text, "\n")
	if header != leastHeader {
		return nil, fmt.Errorf("least.tsv: the first line must be %q", leastHeader)
	}
	var out []least
	number := 1
	for line := range strings.Lines(body) {
		number++
		l, err := readLeastLine(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("least.tsv:%d: %w", number, err)
		}
		if slices.ContainsFunc(out, func(o least) bool { return o.name() == l.name() }) {
			return nil, fmt.Errorf("least.tsv:%d: a second row for %s", number, l.name())
		}
		out = append(out, l)
	}
	return out, nil
}

func readLeastLine(line string) (l least, err error) {
	f := strings.Split(line, "\t")
	if len(f) != 7 {
		return l, fmt.Errorf("%d columns, 7 are wanted", len(f))
	}
	l = least{Rule: f[0], Kind: f[2], Why: f[6], Set: map[string]string{}}
	if f[1] != "-" {
		for pair := range strings.SplitSeq(f[1], ",") {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return l, fmt.Errorf("%q is not NAME=VALUE", pair)
			}
			l.Set[name] = value
		}
	}
	if !slices.Contains(kinds, l.Kind) {
		return l, fmt.Errorf("kind %q is none of %s", l.Kind, strings.Join(kinds, ", "))
	}
	if l.Bytes, err = strconv.ParseFloat(f[3], 64); err != nil {
		return l, err
	}
	if f[4] != "-" {
		if l.Products, err = strconv.ParseFloat(f[4], 64); err != nil {
			return l, err
		}
	}
	if l.Passes, err = readPasses(f[5]); err != nil {
		return l, err
	}
	if counted := l.counted(); counted-l.Bytes > 1e-5 || l.Bytes-counted > 1e-5 {
		return l, fmt.Errorf("%g bytes are stated, %q are %g", l.Bytes, f[5], counted)
	}
	return l, nil
}

// mostRepeated bounds how often a pass is repeated, mostStreams how many arrays it walks along: what a loop has registers for.
const (
	mostRepeated = 100
	mostStreams  = 10
)

// readPasses reads passes, separated by semicolons: arrays with what is done to them. `9* ` before a pass repeats it, with the
// array `y[k]` being y[1] to y[9] then; `/5 ` has it done in every fifth step.
func readPasses(text string) ([]leastPass, error) {
	var out []leastPass
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		times, every := 1, 1
		if n, rest, ok := strings.Cut(part, "* "); ok {
			var err error
			if times, err = strconv.Atoi(n); err != nil || times < 1 || times > mostRepeated {
				return nil, fmt.Errorf("%q: %q is no number of repetitions", part, n)
			}
			part = rest
		} else if n, rest, ok := strings.Cut(part, " "); ok && strings.HasPrefix(n, "/") {
			var err error
			if every, err = strconv.Atoi(n[1:]); err != nil || every < 1 || every > mostRepeated {
				return nil, fmt.Errorf("%q: %q is no number of steps", part, n)
			}
			part = rest
		}
		for k := 1; k <= times; k++ {
			p, err := readPass(strings.ReplaceAll(part, "[k]", "["+strconv.Itoa(k)+"]"))
			if err != nil {
				return nil, err
			}
			p.Every = every
			out = append(out, p)
		}
	}
	return out, nil
}

func readPass(text string) (leastPass, error) {
	var p leastPass
	for item := range strings.SplitSeq(text, ", ") {
		name, mode, ok := strings.Cut(item, " ")
		if !ok || mode != "r" && mode != "w" && mode != "rw" {
			return p, fmt.Errorf("%q is not an array with r, w or rw", item)
		}
		name, format, _ := strings.Cut(name, ":")
		if format != "" && formatBytes(format) == 4 {
			return p, fmt.Errorf("%q: no storage format %s", item, format)
		}
		if slices.ContainsFunc(p.Streams, func(s leastStream) bool { return s.Name == name }) {
			return p, fmt.Errorf("%q has %s twice", text, name)
		}
		p.Streams = append(p.Streams, leastStream{name, format, strings.Contains(mode, "r"), strings.Contains(mode, "w")})
	}
	if len(p.Streams) > mostStreams {
		return p, fmt.Errorf("%q: more than %d arrays", text, mostStreams)
	}
	return p, nil
}

// formatBytes is the size of a value in a storage format.
func formatBytes(format string) float64 {
	switch format {
	case "bf16", "f16":
		return 2
	case "q8", "q8root":
		return 1 + 4.0/elem.Q8Block
	}
	return 4
}

// counted are the bytes of an element that the passes move in a step, on average.
func (l *least) counted() float64 {
	total := 0.0
	for _, p := range l.Passes {
		for _, s := range p.Streams {
			if s.Read {
				total += formatBytes(s.Format) / float64(p.Every)
			}
			if s.Write {
				total += formatBytes(s.Format) / float64(p.Every)
			}
		}
	}
	return total
}

// period is the number of steps after which the passes repeat.
func (l *least) period() int {
	n := 1
	for _, p := range l.Passes {
		n = max(n, p.Every) // one rule has one period
	}
	return n
}

// name is the rule with its settings, in a fixed order.
func (l *least) name() string {
	var set []string
	for k, v := range l.Set {
		set = append(set, k+"="+v)
	}
	slices.Sort(set)
	return strings.Join(append([]string{l.Rule}, set...), " ")
}
