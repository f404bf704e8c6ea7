// Package host is what the command line builds around a compiled rule to run it: a program that takes one [Request] on
// its standard input and answers on its standard output. Its sources are embedded in optc and built together with the
// generated code of the rule.
//
// A request is one line of JSON. Arrays follow it and the answer as bare little-endian numbers, so that every bit
// arrives. What fails is answered with a line that holds the error; the program has no other way to fail.
package host

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	optrt "github.com/optc-lang/optc/runtime"
)

// Request says what to do.
type Request struct {
	Engine  string   `json:"engine,omitempty"` // "" is the fastest, or what the environment asks for
	Workers int      `json:"workers"`          // 0: all processors; -1: as the runtime thinks best
	Hypers  []Number `json:"hypers"`           // in the rule's order
	Seed    uint64   `json:"seed,omitempty"`   // of the rule's random values

	// One of these.
	Trace *Trace `json:"trace,omitempty"`
	Run   *Run   `json:"run,omitempty"`
	Bench *Bench `json:"bench,omitempty"`
}

// Reply is one line of the answer.
type Reply struct {
	Error    string    `json:"error,omitempty"`
	Engine   string    `json:"engine,omitempty"`   // that it runs on
	Progress *Progress `json:"progress,omitempty"` // of a run
	Result   *Result   `json:"result,omitempty"`   // of a run
	Timing   *Timing   `json:"timing,omitempty"`   // of a bench
	Ask      bool      `json:"ask,omitempty"`      // of a trace: the parameters follow, loss and gradient there are asked for
	Step     int       `json:"step,omitempty"`     // of a trace: taken; its results follow
}

// program is one request being served.
type program[T optrt.Float] struct {
	rule, roof *optrt.Rule
	req        Request
	in         *bufio.Reader
	out        *bufio.Writer
}

// Main serves the request on the standard input. roof is nil in a program that is not built for benchmarks.
func Main[T optrt.Float](rule, roof *optrt.Rule) {
	p := &program[T]{rule: rule, roof: roof, in: bufio.NewReaderSize(os.Stdin, 1<<16), out: bufio.NewWriterSize(os.Stdout, 1<<16)}
	if err := p.serve(); err != nil {
		p.reply(Reply{Error: err.Error()})
	}
	if p.out.Flush() != nil {
		os.Exit(1) // nobody listens
	}
}

func (p *program[T]) serve() error {
	line, err := p.in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no request: %w", err)
	}
	if err := json.Unmarshal(line, &p.req); err != nil {
		return err
	}
	switch {
	case p.req.Trace != nil:
		return p.trace(p.req.Trace)
	case p.req.Run != nil:
		return p.run(p.req.Run)
	case p.req.Bench != nil:
		return p.bench(p.req.Bench)
	}
	return fmt.Errorf("nothing is asked for")
}

func (p *program[T]) reply(r Reply) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(line, '\n'))
	return err
}

func (p *program[T]) hypers() []float64 {
	out := make([]float64, len(p.req.Hypers))
	for i, h := range p.req.Hypers {
		out[i] = float64(h)
	}
	return out
}

// options are the runtime's for the engine and the workers asked for.
func (p *program[T]) options() ([]optrt.Option, error) {
	opts := []optrt.Option{optrt.Seed(p.req.Seed)}
	if p.req.Engine != "" {
		e, err := optrt.ParseEngine(p.req.Engine)
		if err != nil {
			return nil, err
		}
		opts = append(opts, optrt.UseEngine(e))
	}
	if p.req.Workers >= 0 {
		opts = append(opts, optrt.Workers(p.req.Workers))
	}
	return opts, nil
}

// optimizer builds the rule's optimizer of the parameters.
func (p *program[T]) optimizer(params []optrt.Param[T], more ...optrt.Option) (*optrt.Optimizer[T], error) {
	opts, err := p.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, more...)
	return optrt.New(p.rule, params, p.hypers(), opts...)
}
