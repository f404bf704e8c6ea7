package known

import (
	"slices"

	"github.com/optc-lang/optc/search/internal/genome"
)

// Family is a kind of rules. A rule belongs to one at most, whether or not it is in the table.
type Family string

// The families. By an average a sum over steps with positive weights is meant, and by g² also (g - m)²; a root may be kept
// from zero. What is not of the first two or Other stays what it is where it is clipped, normalised, masked, or scaled by a
// pure number that is never negative.
const (
	Other      Family = ""
	Gradient   Family = "gradient"
	Momentum   Family = "momentum"          // an average of g, perhaps with g beside it
	Sign       Family = "sign of gradient"  // sign(g)
	SignMean   Family = "sign of momentum"  // the sign of an average of g
	LionForm   Family = "Lion's form"       // the sign of an average of g with g beside it
	Normalised Family = "normalised"        // g or an average of it over its norm
	Adaptive   Family = "adaptive gradient" // g over the root of an average, sum or maximum of g²
	AdamLike   Family = "Adam family"       // an average of g over such a root
	MeanOfThem Family = "adaptive momentum" // an average of what is adaptive
)

// FamilyOf is the family of a rule.
func FamilyOf(g genome.Genome) Family {
	s, ok := newShape(g)
	if !ok {
		return Other
	}
	return s.family()
}

// trait is what is known of a value. It may have several.
type trait uint32

const (
	direct     trait = 1 << iota // a sum of gradients with positive weights, one of this step in it that is in no state
	averaged                     // a sum of gradients with positive weights, a state in it
	difference                   // another sum of gradients
	size                         // the absolute value of a sum of gradients, or its norm
	squared                      // the square of a sum of gradients, or its mean over the tensor
	moment                       // a state of squares
	rooted                       // the root of a moment
	scale                        // a constant not below zero
	pure                         // a number that does not grow with the gradient, as signs, constants, and what is made of them
	signed                       // Sign to meanOfThem: of the families
	signedMean
	lionForm
	normalised
	adaptive
	adamLike
	meanOfThem
)

const (
	positiveSum = direct | averaged
	anySum      = positiveSum | difference
	kept        = signed | signedMean | lionForm | normalised | adaptive | adamLike | meanOfThem // through masks and the like
)

// families are the traits that make a rule one of a family, the telling ones first.
var families = []struct {
	trait  trait
	family Family
}{
	{adamLike, AdamLike}, {meanOfThem, MeanOfThem}, {adaptive, Adaptive}, {normalised, Normalised},
	{lionForm, LionForm}, {signedMean, SignMean}, {signed, Sign}, {averaged, Momentum}, {direct, Gradient},
}

// family is that of a shape.
func (s *shape) family() Family {
	e := explorer{s.Nodes, make([]trait, len(s.Nodes)), s.Nonnegative(), s.Scalars()}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		e.traits[i] = e.of(n) | when(e.pure(n), pure)
	}
	for _, f := range families {
		if e.traits[s.Root]&f.trait != 0 {
			return f.family
		}
	}
	return Other
}

// explorer finds the traits of the nodes of a shape, operands first.
type explorer struct {
	nodes  []genome.Node
	traits []trait
	nonneg []bool
	scalar []bool
}

// of are the traits of a node, pure apart.
func (e *explorer) of(n *genome.Node) trait {
	a, b := e.traits[n.Args[0]], e.traits[n.Args[1]]
	switch name := n.Op.Row().Name; name {
	case "g":
		return direct
	case "const":
		return scale
	case "add", "lerp":
		return sum(a, b)
	case "sub":
		return when(a&anySum != 0 && b&anySum != 0, difference) | when(a&moment != 0 && b&squared != 0 || a&squared != 0 && b&moment != 0, moment)
	case "neg":
		return when(a&anySum != 0, difference)
	case "mul":
		return e.product(n)
	case "div":
		return e.quotient(n)
	case "max":
		return when(a&scale != 0, b&(moment|rooted|size|squared)) | when(b&scale != 0, a&(moment|rooted|size|squared))
	case "clip":
		return a & kept
	case "where":
		return e.choice(n)
	case "abs", "rms":
		return when(a&anySum != 0, size)
	case "sqrt":
		return when(a&(moment|rooted) != 0, rooted) | when(a&squared != 0, size)
	case "square":
		return when(a&(anySum|size) != 0, squared)
	case "mean":
		return a & (squared | size)
	case "dot":
		return when(n.Args[0] == n.Args[1] && a&anySum != 0, squared)
	case "sign":
		return sign(a)
	case "rmsnorm":
		return a&kept | when(a&positiveSum != 0, normalised)
	case "ema", "avg", "total", "prev", "most":
		return state(name, a)
	}
	return 0
}

// pure reports whether a node has that trait.
func (e *explorer) pure(n *genome.Node) bool {
	args := n.Args[:n.Op.Row().Args]
	is := func(a uint8) bool { return e.traits[a]&pure != 0 }
	switch n.Op.Row().Name {
	case "g", "x":
		return false
	case "sign", "tanh", "cosine", "rmsnorm":
		return true
	case "min": // of what is between 0 and a number
		return is(args[0]) && is(args[1]) || e.nonneg[args[0]] && e.nonneg[args[1]] && (is(args[0]) || is(args[1]))
	case "where":
		return is(args[1]) && is(args[2])
	}
	return !slices.ContainsFunc(args, func(a uint8) bool { return !is(a) })
}

// when is t if something holds.
func when(holds bool, t trait) trait {
	if holds {
		return t
	}
	return 0
}

func sum(a, b trait) trait {
	if b&scale != 0 {
		a, b = b, a
	}
	switch {
	case a&scale != 0:
		return b & (scale | moment | rooted | size | squared)
	case a&positiveSum != 0 && b&positiveSum != 0:
		return (a | b) & positiveSum
	case a&anySum != 0 && b&anySum != 0:
		return difference
	}
	return a & b & (moment | squared)
}

func sign(a trait) trait {
	switch a & positiveSum {
	case direct:
		return signed
	case averaged:
		return signedMean
	case positiveSum:
		return lionForm
	}
	return a & (signed | signedMean | lionForm)
}

func state(name string, a trait) trait {
	squares := when(a&(squared|moment) != 0, moment) | when(a&(size|rooted) != 0, rooted)
	switch {
	case name == "most":
		return squares
	case name == "prev":
		return squares | a&(averaged|difference) | when(a&direct != 0, difference)
	}
	return squares | a&difference | when(a&positiveSum != 0, averaged) | when(a&(adaptive|meanOfThem) != 0, meanOfThem)
}

// product keeps all that is scaled by a constant, and kinds scaled by pure numbers that are never negative.
func (e *explorer) product(n *genome.Node) trait {
	t := trait(0)
	for _, s := range [][2]uint8{{n.Args[0], n.Args[1]}, {n.Args[1], n.Args[0]}} {
		switch by := e.traits[s[0]]; {
		case by&scale != 0:
			return e.traits[s[1]]
		case by&pure != 0 && e.nonneg[s[0]]:
			t |= e.traits[s[1]] & kept
		}
	}
	return t
}

func (e *explorer) quotient(n *genome.Node) trait {
	above, below := e.traits[n.Args[0]], e.traits[n.Args[1]]
	t := when(e.nonneg[n.Args[1]] && below&pure != 0, above&kept)
	switch {
	case above&positiveSum == 0:
	case below&rooted != 0 && above&averaged != 0:
		t |= adamLike
	case below&rooted != 0:
		t |= adaptive
	case below&size != 0 && e.scalar[n.Args[1]]:
		t |= normalised
	}
	return t
}

// choice keeps a kind where the other choice is zero or of the same kind.
func (e *explorer) choice(n *genome.Node) trait {
	kinds := kept
	for _, a := range n.Args[1:] {
		if arg := &e.nodes[a]; arg.Op != genome.Const || arg.K != 0 {
			kinds &= e.traits[a]
		}
	}
	return kinds
}
