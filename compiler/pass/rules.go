package pass

// Soundness says where a rewrite holds.
type Soundness uint8

const (
	// Exact rewrites give the same bits in IEEE arithmetic, signed zeros included and all NaNs taken as equal.
	Exact Soundness = iota
)

// Rule is a rewrite from one formula to another; a, b, c stand for any value.
type Rule struct {
	Name     string
	From, To string
	Sound    Soundness
}

// Rules is every rewrite. ADD A REWRITE HERE; the test samples each.
var Rules = []Rule{
	{"mul-one", "a*1", "a", Exact},
	{"one-mul", "1*a", "a", Exact},
	{"div-one", "a/1", "a", Exact},
	{"sub-zero", "a - 0", "a", Exact},
	{"neg-neg", "-(-a)", "a", Exact},
	{"add-neg", "a + -b", "a - b", Exact},
	{"sub-neg", "a - -b", "a + b", Exact},
	{"mul-minus-one", "a*-1", "-a", Exact},
	{"minus-one-mul", "-1*a", "-a", Exact},
	{"div-minus-one", "a/-1", "-a", Exact},
	{"neg-times-neg", "-a*-b", "a*b", Exact},
	{"pow-one", "pow(a, 1)", "a", Exact},
	{"abs-abs", "abs(abs(a))", "abs(a)", Exact},
	{"abs-neg", "abs(-a)", "abs(a)", Exact},
	{"abs-square", "abs(a*a)", "a*a", Exact},
	{"square-neg", "-a*-a", "a*a", Exact},
	{"square-abs", "abs(a)*abs(a)", "a*a", Exact},
	{"min-self", "min(a, a)", "a", Exact},
	{"max-self", "max(a, a)", "a", Exact},
	{"sign-sign", "sign(sign(a))", "sign(a)", Exact},
	{"floor-floor", "floor(floor(a))", "floor(a)", Exact},
	{"ceil-ceil", "ceil(ceil(a))", "ceil(a)", Exact},
	{"round-round", "round(round(a))", "round(a)", Exact},
	{"where-true", "where(true, a, b)", "a", Exact},
	{"where-false", "where(false, a, b)", "b", Exact},
	{"where-same", "where(c, a, a)", "a", Exact},
	{"not-not", "not not a", "a", Exact},
	{"and-true", "a and true", "a", Exact},
	{"true-and", "true and a", "a", Exact},
	{"and-false", "a and false", "false", Exact},
	{"false-and", "false and a", "false", Exact},
	{"or-false", "a or false", "a", Exact},
	{"false-or", "false or a", "a", Exact},
	{"or-true", "a or true", "true", Exact},
	{"true-or", "true or a", "true", Exact},
	{"and-self", "a and a", "a", Exact},
	{"or-self", "a or a", "a", Exact},
}
