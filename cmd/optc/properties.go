package main

import (
	"fmt"
	"io"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/compiler/property"
)

// propertiesInfo is what is proved of the steps of one kind of tensors.
type propertiesInfo struct {
	Which      string          `json:"which"`
	Properties []property.Line `json:"properties"`
}

// propertiesOf tells what is proved for each kind of tensors; what all kinds have alike stands once.
func propertiesOf(r *compiler.Rule, kinds []kind) []propertiesInfo {
	var out []propertiesInfo
	for _, k := range kinds {
		class := r.Plan.Classes[k.classes[0]]
		decided := map[*ir.Value]bool{}
		for _, c := range class.Choices {
			decided[c.Cond] = c.Is
		}
		p := property.Of(r.Plan.Program, func(v *ir.Value) (is, known bool) {
			if is, known = decided[v]; !known && v.Extent == ir.Tensor {
				is, known = pass.Implied(class.Choices, v)
			}
			return is, known
		})
		out = append(out, propertiesInfo{k.text, p.Lines()})
	}
	return out
}

func printProperties(w io.Writer, infos []propertiesInfo) {
	for _, p := range infos {
		fmt.Fprintf(w, "\nproperties%s\n", forTensors(p.Which))
		var t table
		for _, l := range p.Properties {
			t.add(l.Name, l.Text)
		}
		t.print(w, "  ")
	}
}
