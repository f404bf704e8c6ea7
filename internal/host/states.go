package host

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
)

// writeStates writes what the optimizer keeps, state by state in the rule's order, as it stands in a checkpoint: the
// elements of each parameter, or for other extents one float64 a tensor, group or model.
func (p *program[T]) writeStates(o *optrt.Optimizer[T], params []Param) error {
	var file bytes.Buffer
	if err := o.State(&file); err != nil {
		return err
	}
	data := file.Bytes()
	start := 8 + int(binary.LittleEndian.Uint64(data))
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:start], &header); err != nil {
		return err
	}
	write := func(name string) error {
		t, ok := header[name]
		if !ok {
			return fmt.Errorf("the checkpoint has no tensor %s", name)
		}
		_, err := p.out.Write(data[start:][t.Offsets[0]:t.Offsets[1]])
		return err
	}
	for _, s := range p.rule.States {
		names := []string{"state/" + s.Name}
		if s.Extent == optrt.PerElem {
			names = nil
			for _, q := range params {
				names = append(names, "state/"+s.Name+"/"+q.Name)
			}
		}
		for _, name := range names {
			if err := write(name); err != nil {
				return err
			}
		}
	}
	return nil
}
