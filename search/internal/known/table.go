package known

import (
	"math"
	"strings"
)

// row is a published rule.
type row struct {
	Name  string
	Doc   string              // what is particular to it, and the paper
	Forms []string            // see the notation below
	Say   []say               // its constants as papers name them
	Only  func(*letters) bool // which constants make the forms this rule; nil: any
}

// Forms are what genome.Parse reads, but that a letter other than g and x is a constant, any positive number, and {this|that} a
// choice. The letters mean the same in all rows:
//
//	a  share of the new gradient in the first average, 1 - β1      b  share of the new square in the second, 1 - β2
//	d  of a third average, 1 - β3                                  w  of the gradient beside an average
//	e  eps outside the root                                        f  eps under it, or within the average
//	c  a bound or scale                                            p, q  weights
const (
	first   = "{ema|avg}(g; a)"                                                                // momentum
	second  = "{ema|avg}(square(g); b)"                                                        // the second moment
	squares = "{mean(square(g))|square(rms(g))|dot(g, g)}"                                     // the second moment of a tensor in a step
	change  = "add(g, mul(p, sub(g, prev(g))))"                                                // the gradient ahead
	spread  = "sub({ema|avg}(square(g); b), square({ema|avg}(g; {b|d})))"                      // the variance of the gradient
	apart   = "{sub(g, {ema|avg}(g; a))|sub(g, prev({ema|avg}(g; a)))}"                        // from the average: the first is 1 - a of the second
	agree   = "{max(0, sign(mul($, g)))|max(0, mul(sign($), sign(g)))|where(mul($, g), 1, 0)}" // 1 where the gradient has the sign of $
)

// rows is every rule that is recognised. ADD A RULE HERE.
//
// Some rules are no genomes: AdaMax forgets its maximum, Yogi's second moment reads itself, AdaDelta's steps do, SM3 and
// Adafactor reduce by rows and columns, Lookahead keeps a second parameter.
var rows = []row{
	{Name: "gradient descent", Doc: "the gradient: Cauchy 1847, Robbins and Monro 1951", Forms: of("g")},
	{Name: "sign descent", Doc: "the sign of each element: signSGD, Bernstein et al. 2018", Forms: of("sign(g)")},
	{Name: "momentum", Doc: "an average of gradients, in scale apart the heavy ball: Polyak 1964", Forms: of(first), Say: says(beta("β", 'a'))},
	{Name: "undamped momentum", Doc: "the sum of gradients, the heavy ball at β = 1: Polyak 1964", Forms: of("total(g)")},
	{Name: "signed momentum", Doc: "the sign of an average of gradients: Signum, Bernstein et al. 2018", Forms: of("sign(" + first + ")"), Say: says(beta("β", 'a'))},
	{Name: "Nesterov momentum", Doc: "an average of gradients and, 1 - ν of it, the gradient: Nesterov 1983 as Sutskever et al. 2013 write it if ν = β, " +
		"else quasi-hyperbolic momentum, Ma and Yarats 2019", Forms: ahead, Say: says(beta("β", 'a'), beta("ν", 'w'), weight("ν", 'p', 'q'))},
	{Name: "Lion", Doc: "the sign of an average of gradients and the gradient: Chen et al. 2023", Forms: append(each(ahead, "sign($)"), of("sign(lerp(prev("+first+"), g; d))")...),
		Say: says(lionBeta1, lionBeta1Sum, beta("β1", 'd'), beta("β2", 'a'))},
	{Name: "aggregated momentum", Doc: "averages of two decays: AggMo, Lucas et al. 2019", Forms: of("{add(mul(p, {ema|avg}(g; a)), mul(q, {ema|avg}(g; d)))|lerp({ema|avg}(g; a), {ema|avg}(g; d); w)}"),
		Say: says(beta("β1", 'a'), beta("β2", 'd'))},
	{Name: "optimistic descent", Doc: "the gradient and its change: Daskalakis et al. 2018", Forms: of("{" + change + "|sub(mul(c, g), mul(q, prev(g)))}"),
		Only: func(l *letters) bool { return !(l.at('c') <= l.at('q')) }},
	{Name: "AddSign", Doc: "the gradient, more of it where its average has its sign: Bello et al. 2017", Say: says(beta("β", 'a')),
		Forms: of("{mul(g, add(c, mul(sign(g), sign(" + first + "))))|mul(g, add(c, sign(mul(g, " + first + "))))|add(mul(c, g), mul(abs(g), sign(" + first + ")))}")},
	{Name: "PowerSign", Doc: "the gradient, scaled up where its average has its sign and down elsewhere: Bello et al. 2017", Say: says(beta("β", 'a')),
		Forms: of("where(mul(g, " + first + "), mul(p, g), mul(q, g))"), Only: func(l *letters) bool { return l.at('p') > l.at('q') }},

	{Name: "normalised gradient descent", Doc: "the gradient over its norm: Hazan, Levy and Shalev-Shwartz 2015", Forms: byNorm("g"), Say: says(is("eps", 'e'))},
	{Name: "normalised momentum", Doc: "an average of gradients over its norm: Cutkosky and Mehta 2020", Forms: byNorm(first), Say: says(beta("β", 'a'), is("eps", 'e'))},
	{Name: "clipped gradient", Doc: "each element within a bound: Mikolov 2012", Forms: of("clip(g, c)"), Say: says(is("bound", 'c'))},
	{Name: "clipped momentum", Doc: "an average of gradients, each element within a bound: Zhang et al. 2020", Forms: of("clip(" + first + ", c)"), Say: says(beta("β", 'a'), is("bound", 'c'))},
	{Name: "momentum of clipped gradients", Doc: "an average of gradients, each element of each within a bound: Zhang et al. 2020", Forms: of("{ema|avg}(clip(g, c); a)"), Say: says(beta("β", 'a'), is("bound", 'c'))},
	{Name: "norm-clipped gradient", Doc: "the gradient, its norm within a bound: Pascanu, Mikolov and Bengio 2013", Forms: normClipped("g"), Say: says(is("bound", 'c'), ratio("bound", 'p', 'q'))},
	{Name: "norm-clipped momentum", Doc: "an average of gradients, its norm within a bound: Zhang, Jin, Fang and Wang 2020", Forms: normClipped(first), Say: says(beta("β", 'a'), is("bound", 'c'), ratio("bound", 'p', 'q'))},
	{Name: "centralised gradient", Doc: "the gradient less its mean: Yong et al. 2020, with the mean of a tensor", Forms: of("sub(g, mean(g))")},

	{Name: "AdaGrad", Doc: "the gradient over the root of the sum of its squares: Duchi, Hazan and Singer 2011", Forms: over("g", root("total(square(g))")), Say: says(anyEps...)},
	{Name: "AdaGrad-Norm", Doc: "AdaGrad with one sum a tensor: Ward, Wu and Bottou 2019", Forms: over("g", root("total("+squares+")")), Say: says(anyEps...)},
	{Name: "AdaGrad with momentum", Doc: "an average of gradients over the root of the sum of their squares: Chen et al. 2019's AdaFom under a rate of 1/sqrt(t)",
		Forms: over(first, root("total(square(g))")), Say: says(append(anyEps, beta("β", 'a'))...)},
	{Name: "RMSProp", Doc: "the gradient over the root of an average of its square: Tieleman and Hinton 2012", Forms: over("g", root(second)), Say: says(append(anyEps, beta("β", 'b'))...)},
	{Name: "centred RMSProp", Doc: "the gradient over the root of its variance: Graves 2013", Forms: over("g", root("{"+spread+"|max(0, "+spread+")}")), Say: says(append(anyEps, beta("β", 'b'), beta("β of the mean", 'd'))...)},
	{Name: "RMSProp with momentum", Doc: "momentum of what RMSProp does: Graves 2013", Forms: each(over("g", root("ema(square(g); b)")), "ema($; a)"),
		Say: says(beta("β", 'b'), beta("momentum", 'a'), is("eps", 'e'), is("eps", 'f'))},
	{Name: "centred RMSProp with momentum", Doc: "momentum of what centred RMSProp does: Graves 2013", Forms: each(over("g", root(spread)), "{ema|avg}($; a)"),
		Say: says(beta("β", 'b'), beta("momentum", 'a'), is("eps", 'e'), is("eps", 'f'))},
	{Name: "AdaShift", Doc: "RMSProp, or Adam, over the root of the average before the step: Zhou et al. 2019, with a shift of 1",
		Forms: over("{g|"+first+"}", root("{prev("+second+")|{ema|avg}(square(prev(g)); b)}")), Say: says(betas...)},
	{Name: "LaProp", Doc: "an average of gradients, each over the root of an average of squares, a bias corrected: Ziyin, Wang and Ueda 2020", Say: says(betas...),
		Forms: append(each(over("g", root("avg(square(g); b)")), "{ema|avg}($; a)"), each(over("g", root("ema(square(g); b)")), "avg($; a)")...)},
	{Name: "ADOPT", Doc: "an average of gradients, each over the root of the average of squares before it: Taniguchi et al. 2024",
		Forms: each(over("g", root("{prev("+second+")|{ema|avg}(square(prev(g)); b)}")), "{ema|avg}($; a)"), Say: says(betas...)},
	{Name: "NovoGrad", Doc: "an average of gradients, each over the root of an average of its squared norm: Ginsburg et al. 2019",
		Forms: each(over("g", root("{ema|avg}("+squares+"; b)")), "{ema|avg}($; a)"), Say: says(betas...)},

	{Name: "Adam", Doc: "an average of gradients over the root of an average of their squares: Kingma and Ba 2015", Forms: adam, Say: says(betas...)},
	{Name: "normalised Adam", Doc: "Adam's direction over its norm: LAMB, You et al. 2020, without the norm of the parameter", Forms: each(adam, "rmsnorm($)"), Say: says(betas...)},
	{Name: "Adam with update clipping", Doc: "Adam's direction, its size within a bound: Shazeer and Stern 2018, StableAdamW of Wortsman et al. 2023",
		Forms: each(adam, "div($, max(c, rms($)))"), Say: says(append(betas, is("bound", 'c'))...)},
	{Name: "NAdam", Doc: "Adam with the average and the gradient above the root: Dozat 2016", Forms: over(one(ahead), root(second)), Say: says(append(betas, beta("ν", 'w'), weight("ν", 'p', 'q'))...)},
	{Name: "AMSGrad", Doc: "Adam whose second moment never falls: Reddi, Kale and Kumar 2018", Forms: over(first, root("most("+second+")")), Say: says(betas...)},
	{Name: "AdaMax without decay", Doc: "an average of gradients over the largest so far: Kingma and Ba 2015 at β2 = 1",
		Forms: over(first, of("{most(abs(g))|add(most(abs(g)), e)|max(most(abs(g)), e)|most(add(abs(g), e))}")), Say: says(beta("β1", 'a'), is("eps", 'e'))},
	{Name: "AdaBelief", Doc: "Adam with the squared distance of the gradient from its average: Zhuang et al. 2020",
		Forms: over(first, root("{ema|avg}({square("+apart+")|add(square("+apart+"), f)}; b)")), Say: says(betas...)},
	{Name: "EAdam", Doc: "Adam with eps within the average: Yuan and Gao 2020", Forms: over(first, root("{ema|avg}(add(square(g), f); b)")), Say: says(betas...)},
	{Name: "Padam", Doc: "Adam with the fourth root: Chen et al. 2020 at p = 1/4", Forms: over(first, root("sqrt("+second+")")), Say: says(betas...)},
	{Name: "Adam-mini", Doc: "Adam with one second moment a tensor: Zhang et al. 2024 with tensors as blocks", Forms: over(first, root("{ema|avg}("+squares+"; b)")), Say: says(betas...)},
	{Name: "AdEMAMix", Doc: "Adam with a second average of gradients: Pagliardini, Ablin and Grangier 2024",
		Forms: over("{add("+first+", mul(p, {ema|avg}(g; d)))|lerp("+first+", {ema|avg}(g; d); w)}", root(second)), Say: says(append(betas, beta("β3", 'd'), is("α", 'p'))...)},
	{Name: "Adan", Doc: "Adam with an average of the gradient's changes, and the gradient ahead under the root: Xie et al. 2022, the gradient before the first being 0",
		Forms: over("add("+first+", mul(p, {ema|avg}(sub(g, prev(g)); d)))", root("{ema|avg}(square(add(g, mul(q, sub(g, prev(g))))); b)")),
		Say:   says(beta("β1", 'a'), beta("β2", 'd'), beta("β3", 'b'), is("eps", 'e'), is("eps", 'f'))},
	{Name: "MARS", Doc: "Adam of the gradient ahead: Yuan et al. 2024, approximate form without clipping", Forms: over("{ema|avg}("+change+"; a)", root("{ema|avg}(square("+change+"); b)")), Say: says(append(betas, is("γ", 'p'))...)},

	{Name: "cautious momentum", Doc: "momentum where the gradient has its sign: Liang et al. 2024", Forms: cautious(of(first), "@"), Say: says(beta("β", 'a'))},
	{Name: "cautious signed momentum", Doc: "signed momentum where the gradient has its sign: Liang et al. 2024", Forms: cautious(of(first), "sign(@)"), Say: says(beta("β", 'a'))},
	{Name: "cautious Lion", Doc: "Lion where the gradient has its sign: Liang et al. 2024", Forms: cautious(ahead, "sign(@)"), Say: says(lionBeta1, lionBeta1Sum, beta("β2", 'a'))},
	{Name: "cautious Adam", Doc: "Adam where the gradient has its sign: Liang et al. 2024", Forms: cautious(of(first), over("@", rootShort(second))...), Say: says(betas...)},
	{Name: "Grams", Doc: "the size of Adam's direction with the sign of the gradient: Cao et al. 2024",
		Forms: append(each(adam, "mul(sign(g), abs($))"), over("{abs("+first+")|mul(sign(g), abs("+first+"))}", root(second))...), Say: says(betas...)},
}

var (
	ahead  = of("{lerp(" + first + ", g; w)|add(mul(p, " + first + "), mul(q, g))}")
	adam   = over(first, root(second))
	anyEps = []say{is("eps", 'e'), is("eps", 'f')}
	betas  = []say{beta("β1", 'a'), beta("β2", 'b'), is("eps", 'e'), is("eps", 'f')}
)

// say is a constant of a description, NaN if a form has not the letters that it is made of.
type say struct {
	Name string
	Of   func(*letters) float64
}

func says(all ...say) []say { return all }

// is is a letter itself.
func is(name string, letter byte) say {
	return say{name, func(l *letters) float64 { return l.at(letter) }}
}

// beta is what an average keeps, of which a letter is the share of the new value.
func beta(name string, letter byte) say {
	return say{name, func(l *letters) float64 { return 1 - l.at(letter) }}
}

// weight is the share of p in a sum with the weights p and q, ratio the bound of min(p, q/norm).
func weight(name string, p, q byte) say {
	return say{name, func(l *letters) float64 { return l.at(p) / (l.at(p) + l.at(q)) }}
}

func ratio(name string, p, q byte) say {
	return say{name, func(l *letters) float64 { return l.at(q) / l.at(p) }}
}

// Lion mixes the gradient with the average m of before the step, the genome with that of after it, (1 - a)*m + a*g.
var (
	lionBeta1    = say{"β1", func(l *letters) float64 { return float64((1 - l.at('w')) * (1 - l.at('a'))) }}
	lionBeta1Sum = say{"β1", func(l *letters) float64 { return float64(l.at('p') / (l.at('p') + l.at('q')) * (1 - l.at('a'))) }}
)

// letters are the values of the constants of a form, NaN for those that it has not.
type letters [26]float64

func (l *letters) at(letter byte) float64 { return l[letter-'a'] }

func noLetters() letters {
	var l letters
	for i := range l {
		l[i] = math.NaN()
	}
	return l
}

// root are the ways to take a root that nothing is divided by zero by.
func root(moment string) []string {
	return each(of(moment), "sqrt($)", "add(sqrt($), e)", "sqrt(add($, f))", "max(sqrt($), e)", "sqrt(max($, f))", "add(sqrt(add($, f)), e)")
}

// rootShort are the three of them in use.
func rootShort(moment string) []string {
	return each(of(moment), "sqrt($)", "add(sqrt($), e)", "sqrt(add($, f))")
}

func over(above string, below []string) []string { return each(below, "div("+above+", $)") }

// byNorm divides by the norm or the size of u.
func byNorm(u string) []string {
	return each(of(u), "rmsnorm($)", "div($, {rms($)|sqrt(mean(square($)))|sqrt(dot($, $))})", "div($, add({rms($)|sqrt(mean(square($)))|sqrt(dot($, $))}, e))")
}

// normClipped holds the norm of u at or below a bound c, or q/p.
func normClipped(u string) []string {
	return each(of(u), "div($, max(c, {rms($)|sqrt(dot($, $))}))", "mul($, min(p, div(q, {rms($)|sqrt(dot($, $))})))")
}

// cautious is what directions make of moments, written @ in them, where the gradient has their sign, and the same over how
// often it has.
func cautious(moments []string, directions ...string) []string {
	var all []string
	for _, direction := range directions {
		for _, moment := range moments {
			update := strings.ReplaceAll(direction, "@", moment)
			for _, looks := range []string{moment, update} {
				all = append(all, each([]string{looks}, "where(mul($, g), "+update+", 0)")...)
				share := "{mean($)|add(mean($), e)|max(mean($), e)}"
				all = append(all, each(each([]string{looks}, agree), "mul("+update+", $)", "div(mul("+update+", $), "+share+")", "mul("+update+", div($, "+share+"))")...)
			}
		}
	}
	return all
}
