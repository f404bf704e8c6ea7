package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

// traceStep is what a step came to.
type traceStep[T elem.Float] struct {
	params [][]T
	states []traceState[T]
	eval   [][]T
}

// traceState is one state: elements of each parameter, or values of each tensor or group or of the model.
type traceState[T elem.Float] struct {
	name    string
	checked int // its index in the checked program
	scalars []float64
	elems   [][]T
}

func (s *traceState[T]) take(scalars []float64, elems [][]T) { s.scalars, s.elems = scalars, elems }

// newTraceStates are the states that the compiled rule keeps, in its order, without arrays for elements.
func newTraceStates[T elem.Float](r *compiler.Rule, params int) []traceState[T] {
	names := stateNames(r.Plan)
	states := make([]traceState[T], len(names))
	for i, s := range r.Plan.Program.States {
		states[i].name = names[i]
		states[i].checked = slices.IndexFunc(r.Checked.States, func(c ir.State) bool { return c.Name == s.Name })
		switch {
		case s.Extent.IsArray():
		case s.Extent == ir.Tensor:
			states[i].scalars = make([]float64, params)
		default:
			states[i].scalars = make([]float64, 1) // a trace has one group
		}
	}
	return states
}

// newStep has room for a step of the compiled rule.
func (in *traceInput[T]) newStep(r *compiler.Rule) *traceStep[T] {
	s := &traceStep[T]{params: in.newArrays(), eval: in.newArrays(), states: newTraceStates[T](r, len(in.params))}
	for i := range s.states {
		if s.states[i].scalars != nil {
			continue
		}
		for k, q := range in.params {
			rows, cols := interp.Dims(r.Plan.Program.States[i].Extent, q.shape)
			if !in.keeps(r, i, k) {
				rows = 0
			}
			s.states[i].elems = append(s.states[i].elems, make([]T, rows*cols))
		}
	}
	return s
}

func (in *traceInput[T]) newArrays() [][]T {
	out := make([][]T, len(in.params))
	for i, q := range in.params {
		out[i] = make([]T, len(q.data))
	}
	return out
}

// read reads a step as package host writes it.
func (s *traceStep[T]) read(from io.Reader, req *host.Trace) error {
	if err := readArrays(from, s.params); err != nil {
		return err
	}
	if req.States {
		for _, st := range s.states {
			if err := binary.Read(from, binary.LittleEndian, st.scalars); err != nil {
				return err
			}
			if err := readArrays(from, st.elems); err != nil {
				return err
			}
		}
	}
	if req.Eval {
		return readArrays(from, s.eval)
	}
	return nil
}

func readArrays[T elem.Float](from io.Reader, arrays [][]T) error {
	for _, a := range arrays {
		if err := binary.Read(from, binary.LittleEndian, a); err != nil {
			return err
		}
	}
	return nil
}

// traceWriter prints the answer: the parameters as they come, then the states and the points of evaluation.
type traceWriter[T elem.Float] struct {
	c            *console
	states, eval bool
	steps        int
	kept, evals  bytes.Buffer // of the steps so far
	loss         []float64    // after each step, of an objective
	err          error
}

func (w *traceWriter[T]) begin(rule, engine string) {
	name, _ := json.Marshal(rule)
	fmt.Fprintf(w.c.out, `{"rule": %s, "engine": %q, "steps": [`, name, engine)
}

func (w *traceWriter[T]) step(s *traceStep[T]) error {
	var b []byte
	if w.steps++; w.steps > 1 {
		b = append(b, ", "...)
	}
	comma := len(b)
	b = appendArrays(b, s.params)
	_, w.err = w.c.out.Write(b)
	if w.states {
		w.kept.Write(appendStates(b[:comma], s.states))
	}
	if w.eval {
		w.evals.Write(appendArrays(b[:comma], s.eval))
	}
	return w.err
}

func (w *traceWriter[T]) end() error {
	if w.states {
		fmt.Fprintf(w.c.out, `], "states": [%s`, w.kept.Bytes())
	}
	if w.eval {
		fmt.Fprintf(w.c.out, `], "eval": [%s`, w.evals.Bytes())
	}
	for i, l := range w.loss {
		before := ", "
		if i == 0 {
			before = `], "loss": [`
		}
		fmt.Fprintf(w.c.out, "%s%s", before, host.AppendJSON(nil, l, 64))
	}
	fmt.Fprintln(w.c.out, "]}")
	return w.err
}

func appendStates[T elem.Float](b []byte, states []traceState[T]) []byte {
	b = append(b, '{')
	for i, s := range states {
		if i > 0 {
			b = append(b, ", "...)
		}
		name, _ := json.Marshal(s.name)
		b = append(append(b, name...), ": "...)
		if s.scalars == nil {
			b = appendArrays(b, s.elems)
			continue
		}
		single := make([][]float64, len(s.scalars))
		for k := range single {
			single[k] = s.scalars[k : k+1]
		}
		b = appendArrays(b, single)
	}
	return append(b, '}')
}

func appendArrays[T elem.Float](b []byte, arrays [][]T) []byte {
	b = append(b, '[')
	for i, a := range arrays {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for k, v := range a {
			if k > 0 {
				b = append(b, ',')
			}
			b = host.AppendJSON(b, float64(v), bitsOf[T]())
		}
		b = append(b, ']')
	}
	return append(b, ']')
}
