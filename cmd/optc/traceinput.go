package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

// traceInput is what `trace` reads.
type traceInput[T elem.Float] struct {
	params []traceParam[T]
	grads  [][][]T // by step and parameter
	loss   []float64
	given  map[string][]interp.Given[T] // by name and step
	loaded map[string]interp.Given[T]
}

type traceParam[T elem.Float] struct {
	name  string
	shape []int
	data  []T
}

// inputDType is the element type that an input names; the whole input is looked at by parseTrace.
func inputDType(data []byte) string {
	var probe struct {
		DType any `json:"dtype"`
	}
	json.NewDecoder(bytes.NewReader(data)).Decode(&probe)
	name, _ := probe.DType.(string)
	return name
}

// parseTrace reads an input strictly: nothing unknown, nothing twice, nothing missing. Errors name the place.
func parseTrace[T elem.Float](name string, data []byte, r *compiler.Rule) (*traceInput[T], error) {
	in := &traceInput[T]{given: map[string][]interp.Given[T]{}, loaded: map[string]interp.Given[T]{}}
	p := &jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), name: name, data: data, bits: bitsOf[T]()}
	p.dec.UseNumber()
	err := p.object("", map[string]func(string) error{
		"dtype":  p.dtype,
		"params": func(place string) error { return p.array(place, func(at string) error { return in.param(p, at) }) },
		"grads":  func(place string) error { return p.array(place, func(at string) error { return in.step(p, at) }) },
		"loss":   func(place string) (err error) { in.loss, err = numbersIn[float64](p, place, 64); return err },
		"given":  func(place string) error { return in.givens(p, place, r, false) },
		"loaded": func(place string) error { return in.givens(p, place, r, true) },
	}, append(neededGivens(r), "params", "grads")...)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, p.errorf("", "there is more after the object")
	}
	if err := in.check(r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return in, nil
}

func bitsOf[T elem.Float]() int {
	if _, ok := any(T(0)).(float32); ok {
		return 32
	}
	return 64
}

func (in *traceInput[T]) param(p *jsonReader, place string) error {
	var q traceParam[T]
	err := p.object(place, map[string]func(string) error{
		"name":  func(at string) (err error) { q.name, err = p.text(at); return err },
		"shape": func(at string) (err error) { q.shape, err = p.shape(at); return err },
		"data":  func(at string) (err error) { q.data, err = numbersIn[T](p, at, p.bits); return err },
	}, "name", "shape", "data")
	in.params = append(in.params, q)
	return err
}

func (in *traceInput[T]) step(p *jsonReader, place string) error {
	grads := [][]T{}
	err := p.array(place, func(at string) error {
		g, err := numbersIn[T](p, at, p.bits)
		grads = append(grads, g)
		return err
	})
	in.grads = append(in.grads, grads)
	return err
}

// neededGivens are the fields that a rule's further inputs stand in.
func neededGivens(r *compiler.Rule) []string {
	var out []string
	for _, g := range r.Checked.Givens {
		out = append(out, map[bool]string{false: "given", true: "loaded"}[g.Load])
	}
	return out
}

// givens reads the further inputs of a rule: those of every step, or those given once.
func (in *traceInput[T]) givens(p *jsonReader, place string, r *compiler.Rule, load bool) error {
	fields := map[string]func(string) error{}
	var needed []string
	for _, g := range r.Checked.Givens {
		if g.Load != load {
			continue
		}
		needed = append(needed, g.Name)
		fields[g.Name] = func(at string) error {
			if load {
				v, err := readGiven[T](p, at, g.Extent)
				in.loaded[g.Name] = v
				return err
			}
			return p.array(at, func(at string) error {
				v, err := readGiven[T](p, at, g.Extent)
				in.given[g.Name] = append(in.given[g.Name], v)
				return err
			})
		}
	}
	return p.object(place, fields, needed...)
}

// readGiven reads the value of one further input: an array a parameter, a number a tensor, or a number.
func readGiven[T elem.Float](p *jsonReader, place string, e ir.Extent) (v interp.Given[T], err error) {
	switch {
	case e.IsArray():
		err = p.array(place, func(at string) error {
			a, err := numbersIn[T](p, at, p.bits)
			v.Arrays = append(v.Arrays, a)
			return err
		})
	case e == ir.Tensor:
		v.Steps, err = numbersIn[float64](p, place, 64)
	default:
		t, err := p.token()
		if err != nil {
			return v, err
		}
		n, err := number(t, 64)
		if err != nil {
			return v, p.errorf(place, "%v", err)
		}
		v.Steps = []float64{n}
	}
	return v, err
}

// givenCount is how many numbers a further input that is no array has; a trace has one group.
func givenCount(g ir.GivenDecl, params int) int {
	if g.Extent == ir.Tensor {
		return params
	}
	return 1
}

// checkGivens holds the further inputs to the parameters and the steps.
func (in *traceInput[T]) checkGivens(r *compiler.Rule) error {
	for _, g := range r.Checked.Givens {
		if g.Load {
			if err := in.checkGiven("loaded."+g.Name, g, in.loaded[g.Name]); err != nil {
				return err
			}
			continue
		}
		if n := len(in.given[g.Name]); n != len(in.grads) {
			return fmt.Errorf("given.%s: %s, there are %d steps", g.Name, plural(n, "value", "values"), len(in.grads))
		}
		for s, v := range in.given[g.Name] {
			if err := in.checkGiven(fmt.Sprintf("given.%s[%d]", g.Name, s), g, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *traceInput[T]) checkGiven(place string, g ir.GivenDecl, v interp.Given[T]) error {
	if !g.Extent.IsArray() {
		if n := givenCount(g, len(in.params)); len(v.Steps) != n {
			return fmt.Errorf("%s: %s, %d are needed", place, plural(len(v.Steps), "number", "numbers"), n)
		}
		return nil
	}
	if len(v.Arrays) != len(in.params) {
		return fmt.Errorf("%s: %s, there are %d params", place, plural(len(v.Arrays), "array", "arrays"), len(in.params))
	}
	for i, a := range v.Arrays {
		rows, cols := interp.Dims(g.Extent, in.params[i].shape)
		if len(a) != rows*cols {
			return fmt.Errorf("%s[%d]: %s, %s needs %d, %s", place, i, plural(len(a), "value", "values"), in.params[i].name, rows*cols, once(g.Extent.String()))
		}
	}
	return nil
}

// check holds the arrays to each other and to the rule.
func (in *traceInput[T]) check(r *compiler.Rule) error {
	if len(in.params) == 0 {
		return errors.New("params: there is none")
	}
	seen := map[string]int{}
	for i, q := range in.params {
		if q.name == "" {
			return fmt.Errorf("params[%d].name: empty", i)
		}
		if before, ok := seen[q.name]; ok {
			return fmt.Errorf("params[%d].name: %q is the name of params[%d]", i, q.name, before)
		}
		seen[q.name] = i
		if n, ok := numel(q.shape); !ok || n != len(q.data) {
			size := "more than memory can hold"
			if ok {
				size = strconv.Itoa(n)
			}
			return fmt.Errorf("params[%d].data: %d values, shape %v of %s needs %s", i, len(q.data), q.shape, q.name, size)
		}
	}
	for s, grads := range in.grads {
		if err := in.checkGrads(r, s, grads); err != nil {
			return err
		}
	}
	reads := r.Checked.Reads("loss")
	if (reads || in.loss != nil) && len(in.loss) != len(in.grads) {
		return fmt.Errorf("loss: %d values, there are %d steps%s", len(in.loss), len(in.grads), map[bool]string{true: " and the rule reads it"}[reads])
	}
	return in.checkGivens(r)
}

func (in *traceInput[T]) checkGrads(r *compiler.Rule, step int, grads [][]T) error {
	if len(grads) == 0 && !r.Checked.Reads("g") {
		return nil
	}
	if len(grads) != len(in.params) {
		return fmt.Errorf("grads[%d]: %d gradients, there are %d params", step, len(grads), len(in.params))
	}
	for i, g := range grads {
		if q := in.params[i]; len(g) != len(q.data) {
			return fmt.Errorf("grads[%d][%d]: %d values, %s needs %d", step, i, len(g), q.name, len(q.data))
		}
	}
	return nil
}

// numel is the number of elements of a shape; false if no memory holds as many.
func numel(shape []int) (int, bool) {
	n, empty := 1, false
	for _, d := range shape {
		if d == 0 {
			empty = true
		} else if n > math.MaxInt/8/d {
			return 0, false
		} else {
			n *= d
		}
	}
	if empty {
		return 0, true
	}
	return n, true
}

// jsonReader reads JSON token by token, so that the place of an error is known and no nesting is followed.
type jsonReader struct {
	dec  *json.Decoder
	name string // of the file
	data []byte
	bits int // of the element type
}

// errorf is an error at a place; at the top, and for broken JSON, the place is line and column.
func (p *jsonReader) errorf(place, format string, args ...any) error {
	if place == "" {
		before := p.data[:min(int(p.dec.InputOffset()), len(p.data))]
		place = fmt.Sprintf("%s:%d:%d", p.name, bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'))
	} else {
		place = p.name + ": " + place
	}
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...))
}

func (p *jsonReader) token() (json.Token, error) {
	t, err := p.dec.Token()
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, p.errorf("", "the input ends early")
	}
	if err != nil {
		return nil, p.errorf("", "%v", err)
	}
	return t, nil
}

func (p *jsonReader) delim(place string, want json.Delim, what string) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != want {
		return p.errorf(place, "%s, not %s", what, show(t))
	}
	return nil
}

// show is a token for a message.
func show(t json.Token) string {
	switch t := t.(type) {
	case nil:
		return "null"
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		if len(t) > 20 {
			t = t[:20] + "..."
		}
		return strconv.Quote(t)
	}
	return fmt.Sprint(t)
}

// object reads an object of known fields, each at most once and the required ones at least once.
func (p *jsonReader) object(place string, fields map[string]func(place string) error, required ...string) error {
	if err := p.delim(place, '{', "an object is needed"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		name := t.(string)
		at := strings.TrimPrefix(place+"."+name, ".")
		read, ok := fields[name]
		if !ok {
			return p.errorf(place, "%s is no field%s", show(name), didYouMean(name, sortedNames(fields)))
		}
		if seen[name] {
			return p.errorf(at, "given twice")
		}
		seen[name] = true
		if err := read(at); err != nil {
			return err
		}
	}
	if _, err := p.token(); err != nil {
		return err
	}
	for _, name := range required {
		if !seen[name] {
			return p.errorf(place, "%s is missing", name)
		}
	}
	return nil
}

// array reads an array, element by element.
func (p *jsonReader) array(place string, each func(place string) error) error {
	if err := p.delim(place, '[', "an array is needed"); err != nil {
		return err
	}
	for i := 0; p.dec.More(); i++ {
		if err := each(place + "[" + strconv.Itoa(i) + "]"); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// numbersIn reads an array of numbers of so many bits.
func numbersIn[T elem.Float](p *jsonReader, place string, bits int) ([]T, error) {
	if err := p.delim(place, '[', "an array of numbers is needed"); err != nil {
		return nil, err
	}
	out := []T{}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		v, err := number(t, bits)
		if err != nil {
			return nil, p.errorf(fmt.Sprintf("%s[%d]", place, len(out)), "%v", err)
		}
		out = append(out, T(v))
	}
	_, err := p.token()
	return out, err
}

// number is a JSON number, rounded once, or one of the strings that stand for the others.
func number(t json.Token, bits int) (float64, error) {
	switch t := t.(type) {
	case json.Number:
		v, err := strconv.ParseFloat(string(t), bits)
		if err != nil {
			return 0, fmt.Errorf("%s is beyond f%d", t, bits)
		}
		return v, nil
	case string:
		if v, ok := host.Special(t); ok {
			return v, nil
		}
	}
	return 0, fmt.Errorf("a number, \"NaN\", \"Inf\" or \"-Inf\" is needed, not %s", show(t))
}

func (p *jsonReader) text(place string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	if s, ok := t.(string); ok {
		return s, nil
	}
	return "", p.errorf(place, "a string is needed, not %s", show(t))
}

func (p *jsonReader) dtype(place string) error {
	s, err := p.text(place)
	if err == nil && s != "f32" && s != "f64" {
		err = p.errorf(place, "%q is neither f32 nor f64", s)
	}
	return err
}

func (p *jsonReader) shape(place string) ([]int, error) {
	shape := []int{}
	err := p.array(place, func(at string) error {
		t, err := p.token()
		if err != nil {
			return err
		}
		n, ok := t.(json.Number)
		d, err := strconv.ParseInt(string(n), 10, 64)
		if !ok || err != nil || d < 0 {
			return p.errorf(at, "a whole number from 0 is needed, not %s", show(t))
		}
		shape = append(shape, int(d))
		return nil
	})
	return shape, err
}
