package main

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/runtime/elem"
)

// perDType is a number of bytes, for each element type.
type perDType struct {
	F32 float64 `json:"f32"`
	F64 float64 `json:"f64"`
}

// add adds n values in a storage format; "" is the element type itself.
func (d *perDType) add(n float64, format string) {
	f32, f64 := n*4, n*8
	switch format {
	case "bf16", "f16", "bf16rest", "f16rest":
		f32, f64 = n*2, n*2
	case "q8", "q8root":
		f32 = n * (1 + 4.0/elem.Q8Block)
		f64 = f32
	}
	d.F32, d.F64 = d.F32+f32, d.F64+f64
}

// of is the figure of an element type, f32 or f64.
func (d perDType) of(dtype string) float64 {
	if dtype == "f64" {
		return d.F64
	}
	return d.F32
}

// costInfo is what a step costs the tensors of a class, by parameter element.
type costInfo struct {
	Passes     int                 `json:"passes"` // over elements
	Flops      int                 `json:"flops_per_param"`
	Bytes      perDType            `json:"bytes_per_param"`
	StateBytes perDType            `json:"state_bytes_per_param"`
	Scratch    perDType            `json:"scratch_bytes_per_param"`
	Other      map[string]perDType `json:"other_bytes,omitempty"` // of states and scratch that have another extent
	Operators  int                 `json:"whole_array_operators,omitempty"`
	Probes     int                 `json:"probes,omitempty"`
}

func costOf(plan *ir.Plan, class int) costInfo {
	c := costInfo{}
	var own []ir.Stage
	for _, s := range plan.Later {
		switch {
		case s.Kernel != nil && s.Class == class:
			own = append(own, s)
			c.Bytes = plus(c.Bytes, traffic(plan.Program, pass.Dearest(s)))
		case s.Array != nil && (s.Class == class || sharedOrder(s.Array)):
			c.Operators++
		case s.Probe != nil:
			c.Probes++
		}
	}
	if plan.Program.Eval == nil || c.Bytes.F32 > 0 {
		cost := pass.CostOf(own)
		c.Passes, c.Flops = cost.Passes, cost.Flops
	}
	other := func(e ir.Extent, format string) {
		if c.Other == nil {
			c.Other = map[string]perDType{}
		}
		d := c.Other[e.String()]
		d.add(1, format)
		c.Other[e.String()] = d
	}
	for i, s := range plan.Program.States {
		switch {
		case !s.Extent.IsArray() || !plan.Classes[class].States[i]:
		case s.Extent == ir.Elem:
			c.StateBytes.add(1, s.As.Format)
		default:
			other(s.Extent, s.As.Format)
		}
	}
	for i, e := range plan.Scratch {
		switch {
		case !plan.Classes[class].Scratch[i]:
		case e == ir.Elem || e == ir.ColRow:
			c.Scratch.add(1, "")
		default:
			other(e, "")
		}
	}
	return c
}

func plus(a, b perDType) perDType { return perDType{a.F32 + b.F32, a.F64 + b.F64} }

// traffic is what a pass over elements moves of each.
func traffic(p *ir.Program, k *ir.Kernel) perDType {
	var d perDType
	if k.Domain != ir.Elem {
		return d
	}
	for _, s := range k.Streams {
		if s.Extent != ir.Elem || s.Kind == ir.DrawStream || s.Kind == ir.CollectStream {
			continue
		}
		format := p.Storage(s.Place).Format
		if s.Read {
			d.add(1, format)
		}
		if s.Write {
			d.add(1, format)
		}
	}
	return d
}
