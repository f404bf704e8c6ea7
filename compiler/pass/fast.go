package pass

import (
	"slices"
	"sync"

	"github.com/optc-lang/optc/compiler/egraph"
	"github.com/optc-lang/optc/compiler/ir"
)

// Passes are those of Program, with fast also the rewrites of the reals.
func Passes(fast bool) []Pass {
	if !fast {
		return Program
	}
	return slices.Insert(slices.Clone(Program), afterSimplify(), realPass)
}

var realPass = Pass{"real", "over the reals more is equal than in rounded arithmetic: the cheapest is taken", Reals}

// Reals applies all rewrites at once and takes what costs least, p where nothing costs less: by the plan, and of equal
// plans by the operations on step values. Numbers may come out otherwise by rounding.
func Reals(p *ir.Program) *ir.Program {
	price := planPrice(p)
	for range maxSaturations {
		q, less := cheaper(p, price)
		if q == p {
			break
		}
		p, price = q, less
	}
	return p
}

// FastKernels lets assembly compute the kernels of a plan with fused products and Newton steps. It gives them digests of
// their own: a kernel under fast math is another than the same under strict math.
func FastKernels(p *ir.Plan) {
	mark := func(k *ir.Kernel) {
		if k != nil && !k.Fast {
			k.Fast = true
			k.Digest = digest("fast " + k.Digest)
		}
	}
	for _, k := range p.Kernels {
		mark(k)
	}
	for _, stages := range [][]ir.Stage{p.First, p.Later, p.Eval} {
		for _, s := range stages {
			mark(s.Kernel)
			for _, c := range s.Cases {
				mark(c.Kernel)
			}
			if s.Bare != nil {
				mark(s.Bare.Kernel)
			}
		}
	}
}

// maxSaturations is how often what was found is taken as a new start: the limits of a saturation keep it near its input.
const maxSaturations = 3

// cheaper is the cheapest form of p that one saturation finds, and its price; p if there is none.
func cheaper(p *ir.Program, least int) (*ir.Program, int) {
	forms, _ := egraph.Programs(p, Saturation())
	best := p
	for _, q := range forms {
		q = Simplify(q)
		price := planPrice(q)
		if price == 0 || least == 0 {
			continue
		}
		if price < least || price == least && egraph.CostOf(q).Total() < egraph.CostOf(best).Total() {
			best, least = q, price
		}
	}
	return best, least
}

// planPrice is the cost of a program's plan in the units of place; 0 if it goes beyond a limit of the scheduler.
func planPrice(p *ir.Program) int {
	for _, ps := range afterReals() {
		p = ps.Run(p)
	}
	classes := Classes(p)
	if classes == nil || Work(p, classes) > MaxWork {
		return 0
	}
	plan := Schedule(p, classes)
	if TooWide(plan) != nil {
		return 0
	}
	later, first := CostOf(plan.Later), CostOf(plan.First)
	return 1 + 100*price(later) + price(first)
}

func price(c ir.Cost) int {
	return c.Passes*2*weight(ir.Elem) + (c.Reads+c.Writes)*weight(ir.Elem) + c.Flops
}

func afterReals() []Pass { return Program[afterSimplify():] }

// afterSimplify is the index of the pass after "simplify".
func afterSimplify() int {
	return slices.IndexFunc(Program, func(ps Pass) bool { return ps.Name == "simplify" }) + 1
}

// Saturation are the limits of an equality saturation with every rewrite, ready for egraph.Simplify.
func Saturation() egraph.Limits { return egraph.Limits{Rules: allRules()} }

var allRules = sync.OnceValue(func() *egraph.Rules {
	var list []egraph.Rule
	for _, r := range Rules {
		list = append(list, egraph.Rule{Name: r.Name, From: r.From, To: r.To, When: r.Sound.when})
	}
	return egraph.Compile(list)
})
