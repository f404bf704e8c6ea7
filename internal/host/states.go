package host

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// writeStates writes what the optimizer keeps, state by state in the rule's order, as it stands in a checkpoint: the
// array of each parameter that keeps it, or for other extents one float64 a tensor, group or model. What is kept in a
// storage format is widened.
func (p *program[T]) writeStates(o *optrt.Optimizer[T], params []Param) error {
	var file bytes.Buffer
	if err := o.State(&file); err != nil {
		return err
	}
	data := file.Bytes()
	start := 8 + int(binary.LittleEndian.Uint64(data))
	var header map[string]saved
	if err := json.Unmarshal(data[8:start], &header); err != nil {
		return err
	}
	for _, s := range p.rule.States {
		if s.Extent <= optrt.PerTensor {
			t, ok := header["state/"+s.Name]
			if !ok {
				return fmt.Errorf("the checkpoint has no tensor state/%s", s.Name)
			}
			if _, err := p.out.Write(t.in(data[start:])); err != nil {
				return err
			}
			continue
		}
		for _, q := range params {
			t, ok := header["state/"+s.Name+"/"+q.Name]
			if !ok {
				continue // such parameters have none
			}
			values, err := widened[T](t, data[start:], header["scales/"+s.Name+"/"+q.Name])
			if err != nil {
				return err
			}
			if err := p.writeArrays([][]T{values}); err != nil {
				return err
			}
		}
	}
	return nil
}

// saved is a tensor in the header of a checkpoint.
type saved struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

func (t saved) in(data []byte) []byte { return data[t.Offsets[0]:t.Offsets[1]] }

// widened are the elements of a state in the element type.
func widened[T optrt.Float](t saved, data []byte, scales saved) ([]T, error) {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	out := make([]T, n)
	read := func(t saved, to any) error { return binary.Read(bytes.NewReader(t.in(data)), binary.LittleEndian, to) }
	switch t.DType {
	case "BF16", "F16":
		half := make([]uint16, n)
		err := read(t, half)
		if t.DType == "F16" {
			elem.WidenF16(out, half)
		} else {
			elem.WidenBF16(out, half)
		}
		return out, err
	case "I8", "U8":
		factors := make([]float32, (n+elem.Q8Block-1)/elem.Q8Block)
		if err := read(scales, factors); err != nil {
			return nil, err
		}
		if t.DType == "U8" {
			elem.Q8UnpackRoot(out, t.in(data), factors)
			return out, nil
		}
		bytes := make([]int8, n)
		err := read(t, bytes)
		elem.Q8Unpack(out, bytes, factors)
		return out, err
	}
	return out, read(t, out)
}
