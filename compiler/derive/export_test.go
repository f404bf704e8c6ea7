package derive

import "github.com/optc-lang/optc/compiler/ir"

// Convexity is what is proved of the new x of a program without Derived values as a function of x: whether it is convex, and
// whether strictly. whole is false where it has several pieces, or where they are unknown.
func Convexity(p *ir.Program) (convex, strictly, whole bool) {
	d := &deriver{p: p, pool: p.Pool}
	x := p.Pool.Input("x")
	u := p.Pool.Var(x, 0)
	d.current = u
	defer func() {
		if r := recover(); r != nil {
			if _, refused := r.(failure); !refused {
				panic(r)
			}
		}
	}()
	r := &ir.Rewriter{To: p.Pool, Make: p.Pool.Copy}
	r.Replace(x, u)
	s := d.split(d.expand(r.Value(p.X), u), u, unknown)
	convex = true
	for _, pc := range s.pieces {
		c, strict := s.convexity(pc)
		convex, strictly = convex && c, strict
	}
	return convex, strictly && len(s.pieces) == 1, len(s.pieces) == 1
}
