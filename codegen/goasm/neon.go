package goasm

// neon is of arm64, whose instructions take registers only: nothing of a row stands in memory, so no row needs a mirror
// image. A comparison gives a vector of ones and zeros, which VBSL selects by, taking the register that it overwrites.
var neon = instructionSet{
	name:       "neon",
	arch:       &arm64,
	vector:     "V",
	width:      16,
	vectors:    32,
	loadPart:   "FMOV{F}",
	storePart:  "FMOV{F}",
	minVectors: 8,
	rows: map[string]row{
		"add":  steps("VFADD b, a, r"),
		"sub":  steps("VFSUB b, a, r"),
		"mul":  steps("VFMUL b, a, r"),
		"div":  steps("VFDIV b, a, r"),
		"neg":  steps("VFNEG a, r"),
		"abs":  steps("VFABS a, r"),
		"sqrt": steps("VFSQRT a, r"),

		// As the rule language has them: NaN wins, and -0 is less than +0.
		"min": steps("VFMIN b, a, r"),
		"max": steps("VFMAX b, a, r"),

		// 1 with the sign of a, but where a is zero or NaN, a without its sign.
		"sign":     steps("VFABS a, t; VFCMGT $0, t, u; VAND sign, a, v; VORR one, v, w; VBSL t, w, r=u"),
		"copysign": steps("VBIT sign, b, t=a; VFCMEQ b, b, u; VBSL b, t, r=u"), // a NaN in b stays
		"floor":    steps("VFRINTM a, r"),
		"ceil":     steps("VFRINTP a, r"),
		"round":    steps("VFRINTN a, r"),

		"eq": steps("VFCMEQ b, a, r"),
		"ne": steps("VFCMEQ b, a, t; VMVN t, r"),
		"lt": steps("VFCMGT a, b, r"),
		"le": steps("VFCMGE a, b, r"),
		"gt": steps("VFCMGT b, a, r"),
		"ge": steps("VFCMGE b, a, r"),

		"and":      steps("VAND b, a, r"),
		"or":       steps("VORR b, a, r"),
		"not":      steps("VMVN a, r"),
		"where":    steps("VBSL c, b, r=a"),
		"real":     steps("VAND one, a, r"),
		"isfinite": steps("VFSUB a, a, t; VFCMEQ t, t, r"),
	},
	parts: map[string]row{
		"pow2":     steps("VFADD pow2magic, a, t; VSHL ${E}, t, r"),
		"exponent": steps("VSUB exponentbase, a, t; VUSHR ${E}, t, u; VORR integer, u, v; VFSUB integerbias, v, r"),
		"mantissa": steps("VSUB sqrthalf, a, t; VAND fraction, t, u; VADD sqrthalf, u, r"),
		"top":      steps("VAND topbits, a, r"),
	},
	fusedRows: map[string]fusedRow{
		opFMA:  {term: steps("VFMLA b, a, r=c")},
		opFNMA: {term: steps("VFMLS b, a, r=c")},
	},
	halve: map[DType][]string{
		F32: {"VEXT $8, a, a, r", "VEXT $4, a, a, r"},
		F64: {"VEXT $8, a, a, r"},
	},
}
