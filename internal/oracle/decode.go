package oracle

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A file is gzip of: magic, length of the header as uint32, the header in JSON, then for each stored
// step, little-endian in the case's type: the parameters, each state's arrays, the scalars.
const magic = "OPTCREF1"

// Limits of what a file may ask for.
const (
	maxFile    = 64 << 20
	maxHeader  = 1 << 20
	maxElems   = 1 << 20
	maxTensors = 64
	maxNames   = 64
	maxStep    = 10000
)

func decode(r io.Reader) (Case, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return Case{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxFile+1))
	if err != nil {
		return Case{}, err
	}
	if len(raw) > maxFile {
		return Case{}, errors.New("larger than the limit")
	}
	text, body, err := split(raw)
	if err != nil {
		return Case{}, err
	}
	var c Case
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Case{}, fmt.Errorf("header: %w", err)
	}
	if err := c.validate(); err != nil {
		return Case{}, fmt.Errorf("header: %w", err)
	}
	return c, c.readSnapshots(body)
}

func split(raw []byte) (header, body []byte, err error) {
	rest, ok := bytes.CutPrefix(raw, []byte(magic))
	if !ok || len(rest) < 4 {
		return nil, nil, errors.New("not a reference trajectory")
	}
	n := int64(binary.LittleEndian.Uint32(rest))
	rest = rest[4:]
	if n > maxHeader || n > int64(len(rest)) {
		return nil, nil, fmt.Errorf("header of %d bytes in a file of %d", n, len(raw))
	}
	return rest[:n], rest[n:], nil
}

func (c *Case) validate() error {
	if c.DType != F32 && c.DType != F64 {
		return fmt.Errorf("dtype %q", c.DType)
	}
	if c.Problem != "sequence" && c.Problem != "quadratic" {
		return fmt.Errorf("problem %q", c.Problem)
	}
	if n := len(c.Tensors); n == 0 || n > maxTensors {
		return fmt.Errorf("%d tensors", n)
	}
	for i, t := range c.Tensors {
		if err := t.validate(); err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
	}
	if err := validateSteps(c.Steps); err != nil {
		return err
	}
	if err := errors.Join(validateNames(c.States), validateNames(c.Scalars)); err != nil {
		return err
	}
	if c.Tolerance < 0 || c.Tolerance > 1 {
		return fmt.Errorf("tolerance %g", c.Tolerance)
	}
	return c.validateShapes()
}

func (c *Case) validateShapes() error {
	for name, shapes := range c.Shapes {
		if !slices.Contains(c.States, name) || len(shapes) != len(c.Tensors) {
			return fmt.Errorf("shapes of %q for %d tensors", name, len(shapes))
		}
		for _, s := range shapes {
			if err := (Tensor{Shape: s}).validate(); err != nil {
				return fmt.Errorf("state %q: %w", name, err)
			}
		}
	}
	return nil
}

func (t Tensor) validate() error {
	n := 1
	for _, d := range t.Shape {
		if d < 1 || d > maxElems/n {
			return fmt.Errorf("shape %v", t.Shape)
		}
		n *= d
	}
	if t.Init != "" && t.Init != "zero" && t.Init != "positive" {
		return fmt.Errorf("init %q", t.Init)
	}
	if t.Grad != "" && t.Grad != "zero" {
		return fmt.Errorf("grad %q", t.Grad)
	}
	return nil
}

func validateSteps(steps []int) error {
	if len(steps) == 0 {
		return errors.New("no steps")
	}
	for i, s := range steps {
		if s < 0 || s > maxStep || i > 0 && s <= steps[i-1] {
			return fmt.Errorf("steps %v", steps)
		}
	}
	return nil
}

func validateNames(names []string) error {
	if len(names) > maxNames {
		return fmt.Errorf("%d states", len(names))
	}
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) {
			return fmt.Errorf("states %q", names)
		}
	}
	return nil
}

func (c *Case) readSnapshots(body []byte) error {
	perStep := int64(len(c.Scalars))
	for i, t := range c.Tensors {
		perStep += int64(t.Numel())
		for _, name := range c.States {
			perStep += int64(c.size(name, i))
		}
	}
	if want := perStep * int64(len(c.Steps)*c.DType.size()); int64(len(body)) != want {
		return fmt.Errorf("%d bytes of values, not %d", len(body), want)
	}
	in := reader{body, c.DType}
	for _, step := range c.Steps {
		s := Snapshot{Step: step, States: map[string][][]float64{}, Scalars: map[string]float64{}}
		for _, t := range c.Tensors {
			s.Params = append(s.Params, in.array(t.Numel()))
		}
		for _, name := range c.States {
			for i := range c.Tensors {
				s.States[name] = append(s.States[name], in.array(c.size(name, i)))
			}
		}
		for _, name := range c.Scalars {
			s.Scalars[name] = in.next()
		}
		c.snapshots = append(c.snapshots, s)
	}
	return nil
}

func (d DType) size() int {
	if d == F32 {
		return 4
	}
	return 8
}

// A reader takes values off the front of data, whose length has been checked.
type reader struct {
	data  []byte
	dtype DType
}

func (r *reader) next() float64 {
	raw := r.data[:r.dtype.size()]
	r.data = r.data[len(raw):]
	if r.dtype == F32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(raw))
}

func (r *reader) array(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = r.next()
	}
	return out
}
