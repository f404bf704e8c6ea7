package proof

import (
	"math"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/internal/oracle"
)

// Muon leaves vectors, embeddings and heads to AdamW, of which there are references; a matrix of another name it takes.
func TestMuonByName(t *testing.T) {
	u := load(t, "testdata", "composed.opt")
	tried := 0
	for _, c := range casesOf(t, func(c *oracle.Case) bool { return c.Rule == "adamw" && c.DType == oracle.F64 }) {
		bare := *c
		bare.Hypers, bare.Options = map[string]float64{}, map[string]string{}
		p := compiled(t, u, "muon", &bare)
		var tensors []interp.Tensor
		named := []string{"norm.weight", "model.embed_tokens.weight", "scale", "lm_head", "norm.bias", "head.bias"}
		for i, s := range c.Tensors {
			name := "block.weight"
			if i < len(named) {
				name = named[i]
			}
			tensors = append(tensors, interp.Tensor{Name: name, Shape: s.Shape})
		}
		m := interp.New[float64](p, tensors, 1)
		for i, h := range p.Hypers {
			name, clashes := strings.CutPrefix(h.Name, "rest_")
			if v, given := c.Hypers[name]; given && (clashes || strings.HasPrefix(name, "beta")) {
				m.Hypers[0][i] = v // the others are the matrices'
			}
		}
		for i := range tensors {
			copy(m.Params[i], c.Init(i))
		}
		for range 20 {
			var grads [][]float64
			for i, x := range m.Params {
				grads = append(grads, c.Grad(m.T+1, i, x))
			}
			if err := m.Step(grads, math.NaN()); err != nil {
				t.Fatal(err)
			}
		}
		want, _ := c.After(20)
		for i, s := range tensors {
			off := oracle.Error(m.Params[i], want.Params[i])
			if matrix := s.Name == "block.weight"; matrix != (off > tolerance64) {
				t.Errorf("%s: %s of shape %v is %.2g off AdamW", c.Name, s.Name, s.Shape, off)
			} else if matrix {
				tried++
			}
		}
	}
	if tried == 0 {
		t.Error("no case has a matrix of another name")
	}
}
