package derive

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
)

// Jacobian is the derivative of each of a list of values in each of wrt, row by row. The values are made of p's pool; what
// is no operation on elements counts as a constant, as does what stands below one of wrt.
func Jacobian(p *ir.Program, values, wrt []*ir.Value) (rows [][]*ir.Value, err error) {
	defer func() {
		if f, failed := recover().(failure); failed {
			rows, err = nil, fmt.Errorf("%s", f.message)
		}
	}()
	d := &deriver{p: p, pool: p.Pool}
	for _, y := range values {
		var row []*ir.Value
		for _, v := range wrt {
			row = append(row, d.slope(y, v))
		}
		rows = append(rows, row)
	}
	return rows, nil
}
