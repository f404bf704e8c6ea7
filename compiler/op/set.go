package op

import "math"

// Set is a set of values, or a penalty that is no sum of functions of single values: what has a closed form that nothing
// derives. Its formulas are in v, the parameters and step; reductions are per the extent that the call names.
type Set struct {
	Name    string
	Doc     string
	Params  []Param
	Project string // the nearest member to v
	LMO     string // the member with the least inner product with v (Jaggi 2013); "" if there may be none
	Prox    string // the proximal operator of a penalty; a set has none
	Matrix  bool   // it is about the whole matrix: `per` has no meaning
}

var (
	inf    = math.Inf(1)
	radius = Param{"r", math.NaN(), 0, inf, false}
	unit   = Param{"r", 1, 0, inf, false}
	weight = Param{"lambda", math.NaN(), 0, inf, false}
)

// Sets is every set of project and lmo, and every penalty of prox that is not derived. ADD A SET HERE.
var Sets = []Set{
	{Name: "box", Doc: "lo <= u <= hi", Params: []Param{{"lo", math.NaN(), -inf, inf, false}, {"hi", math.NaN(), -inf, inf, false}},
		Project: "clamp(v, lo, hi)", LMO: "where(v > 0, lo, where(v < 0, hi, clamp(0*v, lo, hi)))"},
	{Name: "nonneg", Doc: "u >= 0", Project: "max(v, 0)"},
	{Name: "simplex", Doc: "u >= 0 with sum r (Duchi et al. 2008)", Params: []Param{unit},
		Project: "max(v - reduce_max(v) - threshold(v - reduce_max(v); r), 0)", LMO: "where(topk(-v; 1), r, 0*v)"},
	{Name: "l1ball", Doc: "norm1(u) <= r (Duchi et al. 2008)", Params: []Param{radius},
		Project: "where(norm1(v) <= r, v, sign(v)*max(abs(v) - reduce_max(abs(v)) - threshold(abs(v) - reduce_max(abs(v)); r), 0))", LMO: "where(topk(abs(v); 1), -r*sign(v), 0*v)"},
	{Name: "l2ball", Doc: "norm(u) <= r", Params: []Param{radius},
		Project: "where(norm(v) <= r, v, v*(r/norm(v)))", LMO: "where(norm(v) == 0, 0*v, v*(-r/norm(v)))"},
	{Name: "linfball", Doc: "max(abs(u)) <= r", Params: []Param{radius},
		Project: "clamp(v, -r, r)", LMO: "-r*sign(v)"},
	{Name: "topk", Doc: "at most k values that are not 0", Params: []Param{{"k", math.NaN(), 0, inf, false}},
		Project: "where(topk(abs(v); k), v, 0)"},
	{Name: "sphere", Doc: "norm(u) = r; all values alike is taken for the nearest to 0", Params: []Param{unit},
		Project: "where(norm(v) == 0, r/sqrt(size(v)), v*(r/norm(v)))", LMO: "where(norm(v) == 0, r/sqrt(size(v)), v*(-r/norm(v)))"},
	{Name: "orthogonal", Doc: "matrices with orthonormal rows or columns, whichever are fewer", Matrix: true,
		Project: "polar(v)", LMO: "-polar(v)"},

	{Name: "group_l2", Doc: "penalty lambda*norm(u) (Yuan and Lin 2006)", Params: []Param{weight},
		Prox: "where(norm(v) <= step*lambda, 0*v, v*(1 - step*lambda/norm(v)))"},
	{Name: "linf", Doc: "penalty lambda*max(abs(u))", Params: []Param{weight},
		Prox: "where(norm1(v) <= step*lambda, 0*v, clamp(v, -threshold(abs(v); step*lambda), threshold(abs(v); step*lambda)))"},
	{Name: "nuclear", Doc: "penalty lambda times the sum of the singular values (Cai, Candes and Shen 2010)", Params: []Param{weight}, Matrix: true,
		Prox: "svd_shrink(v; step*lambda)"},
}

// LookupSet finds a row of Sets by name.
func LookupSet(name string) (*Set, bool) {
	for i := range Sets {
		if Sets[i].Name == name {
			return &Sets[i], true
		}
	}
	return nil, false
}

// Derivation is a call whose formula the compiler derives.
type Derivation struct {
	Name, Usage, Doc string
}

// Derivations is every such call.
var Derivations = []Derivation{
	{"prox", "prox(P, v; step)", "the u of least step*P(u) + (u - v)^2/2, of a fn P of one variable or a penalty of the table"},
	{"project", "project(C, v)", "the member of the set C nearest to v"},
	{"lmo", "lmo(C, v)", "the member of the set C with the least inner product with v"},
	{"mirror", "mirror(P, x, v)", "the u with P'(u) = P'(x) - v: the step of mirror descent with the map P"},
	{"hypergrad", "hypergrad(a)", "the sum of g times the derivative of the last step's x in a"},
}

// IsDerivation reports whether name is called as one.
func IsDerivation(name string) bool {
	for _, d := range Derivations {
		if d.Name == name {
			return true
		}
	}
	return false
}
