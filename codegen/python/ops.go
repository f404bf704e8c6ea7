package python

// form is the Python text of an elementwise operator. ADD AN OPERATOR HERE when the operator table gains one: a test walks
// that table. $a, $b, $c are the operands; np. stands for jnp. or torch.
type form struct {
	text   string // for arrays and what is one without dimensions
	level  int    // how tightly the text binds
	number string // for Python numbers; "" if there is none
	tight  int    // how tightly that binds; 0 means as level
	torch  string // where torch differs: a call
	optax  string // where jax differs: a call
	// allArrays tells that torch's function takes no Python number in the place of any operand.
	allArrays bool
}

// How tightly Python's operators bind.
const (
	ternary = iota
	orLevel
	andLevel
	notLevel
	compareLevel
	bitOrLevel
	bitAndLevel
	addLevel
	mulLevel
	negLevel
	powLevel
	atom
)

var forms = map[string]form{
	"add": {text: "$a + $b", level: addLevel, number: "$a + $b"},
	"sub": {text: "$a - $b", level: addLevel, number: "$a - $b"},
	"mul": {text: "$a * $b", level: mulLevel, number: "$a * $b"},
	"div": {text: "$a / $b", level: mulLevel, number: "$a / $b"},
	"mod": {text: "$a % $b", level: mulLevel, number: "$a % $b"},
	"neg": {text: "-$a", level: negLevel, number: "-$a"},

	"eq":       {text: "$a == $b", level: compareLevel, number: "$a == $b"},
	"ne":       {text: "$a != $b", level: compareLevel, number: "$a != $b"},
	"lt":       {text: "$a < $b", level: compareLevel, number: "$a < $b"},
	"le":       {text: "$a <= $b", level: compareLevel, number: "$a <= $b"},
	"gt":       {text: "$a > $b", level: compareLevel, number: "$a > $b"},
	"ge":       {text: "$a >= $b", level: compareLevel, number: "$a >= $b"},
	"and":      {text: "$a & $b", level: bitAndLevel, number: "$a and $b", tight: andLevel},
	"or":       {text: "$a | $b", level: bitOrLevel, number: "$a or $b", tight: orLevel},
	"not":      {text: "np.logical_not($a)", level: atom, number: "not $a", tight: notLevel},
	"where":    {text: "np.where($a, $b, $c)", level: atom, number: "$b if $a else $c", tight: ternary},
	"real":     {text: "$a.astype($T)", level: atom, number: "float($a)", torch: "$a.to($T)"},
	"isfinite": {text: "np.isfinite($a)", level: atom, number: "math.isfinite($a)"},

	"abs":      {text: "abs($a)", level: atom, number: "abs($a)"},
	"sign":     {text: "np.sign($a)", level: atom},
	"sqrt":     {text: "np.sqrt($a)", level: atom, number: "math.sqrt($a)"},
	"rsqrt":    {text: "1 / np.sqrt($a)", level: mulLevel},
	"floor":    {text: "np.floor($a)", level: atom, number: "math.floor($a)"},
	"ceil":     {text: "np.ceil($a)", level: atom, number: "math.ceil($a)"},
	"round":    {text: "np.round($a)", level: atom, number: "round($a)"},
	"min":      {text: "np.minimum($a, $b)", level: atom, number: "min($a, $b)", allArrays: true},
	"max":      {text: "np.maximum($a, $b)", level: atom, number: "max($a, $b)", allArrays: true},
	"clamp":    {text: "np.minimum(np.maximum($a, $b), $c)", level: atom, number: "min(max($a, $b), $c)", optax: "np.clip($a, $b, $c)", allArrays: true},
	"copysign": {text: "np.copysign($a, $b)", level: atom, number: "math.copysign($a, $b)", allArrays: true},

	"cbrt":     {text: "np.cbrt($a)", level: atom, torch: "_cbrt($a)"},
	"exp":      {text: "np.exp($a)", level: atom, number: "math.exp($a)"},
	"expm1":    {text: "np.expm1($a)", level: atom, number: "math.expm1($a)"},
	"log":      {text: "np.log($a)", level: atom, number: "math.log($a)"},
	"log1p":    {text: "np.log1p($a)", level: atom, number: "math.log1p($a)"},
	"log2":     {text: "np.log2($a)", level: atom, number: "math.log2($a)"},
	"pow":      {text: "$a**$b", level: powLevel, number: "$a**$b"},
	"sin":      {text: "np.sin($a)", level: atom, number: "math.sin($a)"},
	"cos":      {text: "np.cos($a)", level: atom, number: "math.cos($a)"},
	"tan":      {text: "np.tan($a)", level: atom, number: "math.tan($a)"},
	"atan":     {text: "np.arctan($a)", level: atom, number: "math.atan($a)"},
	"sinh":     {text: "np.sinh($a)", level: atom},
	"cosh":     {text: "np.cosh($a)", level: atom},
	"tanh":     {text: "np.tanh($a)", level: atom, number: "math.tanh($a)"},
	"sigmoid":  {text: "np.sigmoid($a)", level: atom, optax: "jax.nn.sigmoid($a)"},
	"softplus": {text: "np.logaddexp($a, 0.0)", level: atom, torch: "_softplus($a)"},
	"erf":      {text: "np.erf($a)", level: atom, optax: "jax.scipy.special.erf($a)"},
	"hypot":    {text: "np.hypot($a, $b)", level: atom, allArrays: true},
}

// inlineArrays are the whole-array operators that are printed in place; the others are helpers.
var inlineArrays = map[string]bool{"matmul": true, "transpose": true, "diag": true, "trace": true, "tril": true, "outer": true, "eye": true}

// unsaid are the operators that no host has a form of: products of a cotangent with the derivative of a decomposition.
var unsaid = []string{"inv_root_vjp", "orthogonalize_vjp", "orthogonalize_jvp", "svd_shrink_vjp", "polar_vjp"}

// factorizations are worth a branch at run time: optax leaves one out under jax.lax.cond when its guard does not hold.
var factorizations = map[string]bool{"inv": true, "solve": true, "cholesky": true, "qr": true, "eigvecs": true, "inv_root": true,
	"orthogonalize": true, "svd_shrink": true, "polar": true}
