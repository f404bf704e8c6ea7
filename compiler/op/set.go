package op

import (
	"math"
	"strings"
)

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
		Project: "max(v - reduce_max(v) - threshold(v - reduce_max(v); r), 0)", LMO: "where(topk(-v; 1), r, 0)"},
	{Name: "l1ball", Doc: "norm1(u) <= r (Duchi et al. 2008)", Params: []Param{radius},
		Project: "where(norm1(v) <= r, v, sign(v)*max(abs(v) - reduce_max(abs(v)) - threshold(abs(v) - reduce_max(abs(v)); r), 0))", LMO: "where(topk(abs(v); 1), -r*sign(v), 0)"},
	{Name: "l2ball", Doc: "norm(u) <= r", Params: []Param{radius},
		Project: inRange("where(N/S <= r, v, v*S*(r/N))"), LMO: scaled("where(reduce_max(abs(v)) == 0, 0*v, v/M*(-r/norm(v/M)))")},
	{Name: "linfball", Doc: "max(abs(u)) <= r", Params: []Param{radius},
		Project: "clamp(v, -r, r)", LMO: "-r*sign(v)"},
	{Name: "topk", Doc: "at most k values that are not 0", Params: []Param{{"k", math.NaN(), 0, inf, false}},
		Project: "where(topk(abs(v); k), v, 0)"},
	{Name: "sphere", Doc: "norm(u) = r; all values alike is taken for the nearest to 0", Params: []Param{unit},
		Project: scaled("where(reduce_max(abs(v)) == 0, r/sqrt(size(v)), v/M*(r/norm(v/M)))"),
		LMO:     scaled("where(reduce_max(abs(v)) == 0, r/sqrt(size(v)), v/M*(-r/norm(v/M)))")},
	{Name: "orthogonal", Doc: "matrices with orthonormal rows or columns, whichever are fewer", Matrix: true,
		Project: "polar(v)", LMO: "-polar(v)"},

	{Name: "group_l2", Doc: "penalty lambda*norm(u) (Yuan and Lin 2006)", Params: []Param{weight},
		Prox: "where(norm(v) <= step*lambda, 0*v, v*(1 - step*lambda/norm(v)))"},
	{Name: "linf", Doc: "penalty lambda*max(abs(u))", Params: []Param{weight},
		Prox: "where(norm1(v) <= step*lambda, 0*v, clamp(v, -threshold(abs(v); step*lambda), threshold(abs(v); step*lambda)))"},
	{Name: "nuclear", Doc: "penalty lambda times the sum of the singular values (Cai, Candes and Shen 2010)", Params: []Param{weight}, Matrix: true,
		Prox: "svd_shrink(v; step*lambda)"},
}

// inRange is a formula in which N stands for norm(v*S) and S for 1, or for the power of two with which the squares of float32
// neither overflow nor vanish: three sums in one pass, which turn with v as norm(v) does.
func inRange(formula string) string {
	const large, small = "norm(v) > 1e15", "norm(v) < 1e-15"
	r := strings.NewReplacer("N", "where("+large+", norm(v*0x1p-80), where("+small+", norm(v*0x1p100), norm(v)))",
		"S", "where("+large+", 0x1p-80, where("+small+", 0x1p100, 1))")
	return strings.NewReplacer("0x1p-80", "8.271806125530277e-25", "0x1p100", "1.2676506002282294e30").Replace(r.Replace(formula))
}

// scaled is a formula in which M stands for the largest magnitude in v, or 1: the squares of v/M neither overflow nor vanish.
func scaled(formula string) string {
	return strings.ReplaceAll(formula, "M", "where(reduce_max(abs(v)) > 0, reduce_max(abs(v)), 1)")
}

// Is says what project, lmo or prox of the set is.
func (s *Set) Is(call string) string {
	switch call {
	case "project":
		return "the u nearest to v with " + s.Doc
	case "lmo":
		return "the u with the least inner product with v among those with " + s.Doc
	}
	return "the u with the least step*P(u) + norm(u - v)^2/2, P the " + s.Doc
}

// HypergradIs says what hypergrad of a name is, whose derivative of x a state keeps, or another one tells.
func HypergradIs(name, state string) string {
	text := "the sum, over all that NAME governs, of g*dx/dNAME, where dx/dNAME is the derivative in NAME of the x that the step before " +
		"has computed, with the states and probes of that step held constant; it is kept in the state "
	return strings.ReplaceAll(text, "NAME", name) + state + ", unless another state tells it, and is 0 before the first step"
}

// Usage is how a rule writes the set.
func (s *Set) Usage() string {
	var params []string
	for _, p := range s.Params {
		params = append(params, p.Name)
	}
	if params == nil {
		return s.Name
	}
	return s.Name + "(; " + strings.Join(params, ", ") + ")"
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
	LaTeX            string // what defines it
}

// Derivations is every such call.
var Derivations = []Derivation{
	{"prox", "prox(P, v; step)", "the u of least step*P(u) + (u - v)^2/2, of a fn P of one variable or a penalty of the table",
		`\operatorname{prox}(P, v; \mathrm{step}) = \operatorname{argmin}_u\,(\mathrm{step}\,P(u) + \frac{1}{2} \|u - v\|^2)`},
	{"project", "project(C, v)", "the member of the set C nearest to v",
		`\operatorname{project}(C, v) = \operatorname{argmin}_{u \in C}\,\|u - v\|`},
	{"lmo", "lmo(C, v)", "the member of the set C with the least inner product with v",
		`\operatorname{lmo}(C, v) = \operatorname{argmin}_{u \in C}\,\langle u, v \rangle`},
	{"mirror", "mirror(P, x, v)", "the u with P'(u) = P'(x) - v: the step of mirror descent with the map P",
		`\operatorname{mirror}(P, x, v) = u \text{ with } P^{\prime}(u) = P^{\prime}(x) - v`},
	{"hypergrad", "hypergrad(a)", "the sum of g times the derivative of the last step's x in a",
		`\operatorname{hypergrad}(a) = \sum g_t\,\frac{\partial x_{t-1}}{\partial a_{t-1}}`},
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
