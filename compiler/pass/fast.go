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
	forms, _ := egraph.Programs(p, Saturation())
	if len(forms) == 0 {
		return p
	}
	best, least := p, planPrice(p)
	if least == 0 {
		return p
	}
	for _, q := range forms {
		q = Simplify(q)
		if price := planPrice(q); price > 0 && (price < least || price == least && egraph.CostOf(q).Total() < egraph.CostOf(best).Total()) {
			best, least = q, price
		}
	}
	return best
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
