package ir

import "fmt"

// Verify checks what every pass must keep: operands in the same pool, arities, masks where masks are demanded, extents
// as the operands have them, states no finer than declared. An error is a defect of the compiler, not of the rule.
func (p *Program) Verify() error {
	if p.X == nil {
		return fmt.Errorf("rule %s: no new x", p.Name)
	}
	for _, v := range Reachable(append(p.Roots(), p.Eval)...) {
		if err := p.verify(v); err != nil {
			return fmt.Errorf("rule %s: value %d (%s): %w", p.Name, v.ID, v.Label, err)
		}
	}
	for _, s := range p.States {
		if !s.Extent.Holds(s.New.Extent) {
			return fmt.Errorf("rule %s: state %s is %s, its new value %s", p.Name, s.Name, s.Extent, s.New.Extent)
		}
		if s.New.Mask {
			return fmt.Errorf("rule %s: state %s takes a mask", p.Name, s.Name)
		}
	}
	return nil
}

func (p *Program) verify(v *Value) error {
	if v.ID >= len(p.Pool.Values) || p.Pool.Values[v.ID] != v {
		return fmt.Errorf("belongs to another pool")
	}
	switch v.Kind {
	case Apply:
		if err := verifyApply(v); err != nil {
			return err
		}
	case Reduce:
		if len(v.Args) != 1 || v.Args[0].Mask {
			return fmt.Errorf("%s of a mask or of %d values", v.Op.Name, len(v.Args))
		}
	case Array:
		if n := len(v.Args) - v.Op.Args - len(v.Op.Params); n != 0 && (n != 1 || v.Guard() == nil || !v.Guard().Mask) {
			return fmt.Errorf("%s has %d operands", v.Op.Name, len(v.Args))
		}
	case Given:
		if v.Index >= len(p.Givens) {
			return fmt.Errorf("no given %d", v.Index)
		}
	case Hyper:
		if v.Index >= len(p.Hypers) {
			return fmt.Errorf("no hyper %d", v.Index)
		}
	case Load:
		if v.Index >= len(p.States) {
			return fmt.Errorf("no state %d", v.Index)
		}
	case Input:
		if _, ok := Inputs[v.Name]; !ok {
			return fmt.Errorf("no input %s", v.Name)
		}
	}
	if v.Extent == Clash {
		return fmt.Errorf("operands that do not join")
	}
	if e := p.Pool.extent(v); e != v.Extent {
		return fmt.Errorf("extent %s, operands say %s", v.Extent, e)
	}
	return nil
}

func verifyApply(v *Value) error {
	if len(v.Args) != v.Op.Args {
		return fmt.Errorf("%s takes %d, has %d", v.Op.Name, v.Op.Args, len(v.Args))
	}
	for i, a := range v.Args {
		want := v.Op.MaskArgs&(1<<i) != 0
		if a.Mask != want {
			return fmt.Errorf("%s: argument %d: mask is %v", v.Op.Name, i+1, a.Mask)
		}
	}
	return nil
}
