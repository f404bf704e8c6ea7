package goasm

var avx512 = instructionSet{
	name:       "avx512",
	arch:       &amd64,
	vector:     "Z",
	width:      64,
	vectors:    32,
	masks:      7,
	maskMove:   "KMOVW",
	broadcast:  ".BCST",
	loadPart:   "VMOVU{S}.Z",
	storePart:  "VMOVU{S}",
	minVectors: 8,
	abreast:    4,
	rows: map[string]row{
		"add":  swappable("add", "VADD{S} [b], a, r"),
		"sub":  steps("VSUB{S} [b], a, r"),
		"mul":  swappable("mul", "VMUL{S} [b], a, r"),
		"div":  steps("VDIV{S} [b], a, r"),
		"neg":  steps("VPXOR{W} [sign], a, r"),
		"abs":  steps("VPAND{W} [nosign], a, r"),
		"sqrt": steps("VSQRT{S} [a], r"),

		// VMIN and VMAX give their first operand here, the last source of the manual, if one is NaN or both are zero.
		// Over both orders, or keeps NaN and the sign of -0; for max the sign bit needs and.
		"min": swappable("min", "VMIN{S} [b], a, t; VMIN{S} a, b, u; VPOR{W} u, t, r"),
		"max": swappable("max", "VMAX{S} [b], a, t; VMAX{S} a, b, u; VPTERNLOG{W} $0xD4, [sign], u, r=t"),

		// By class of a: NaN stays, zero gives +0, the others -1 or +1.
		"sign":     steps("VFIXUPIMM{S} $0, [signtable], a, r"),
		"copysign": steps("VPTERNLOG{W} $0xD8, [sign], b, t=a; VFIXUPIMM{S} $0, [nantable], b, r=t"), // a NaN in b stays
		"floor":    steps("VRNDSCALE{S} $9, [a], r"),
		"ceil":     steps("VRNDSCALE{S} $10, [a], r"),
		"round":    steps("VRNDSCALE{S} $8, [a], r"),

		"eq": swappable("eq", "VCMP{S} $0, [b], a, r"),
		"ne": swappable("ne", "VCMP{S} $4, [b], a, r"),
		"lt": swappable("gt", "VCMP{S} $17, [b], a, r"),
		"le": swappable("ge", "VCMP{S} $18, [b], a, r"),
		"gt": swappable("lt", "VCMP{S} $30, [b], a, r"),
		"ge": swappable("le", "VCMP{S} $29, [b], a, r"),

		"and":      steps("KANDW b, a, r"),
		"or":       steps("KORW b, a, r"),
		"not":      steps("KNOTW a, r"),
		"where":    steps("VBLENDM{S} [b], c, a, r"),
		"real":     steps("VMOVA{S}.Z one, a, r"),
		"isfinite": steps("VSUB{S} a, a, t; VCMP{S} $7, t, t, r"), // a-a is NaN for NaN and infinities
	},
	narrow: map[string]narrow{
		"bf16": {
			load:  steps("VPMOVZXWD [a], t; VPSLLD $16, t, r"),
			round: steps("VPSRLD $16, a, t; VPANDD [lowbit], t, u; VPADDD [belowhalf], u, v; VPADDD a, v, w; VPSRLD $16, w, r"),
			store: parseStep("VPMOVDW a, r"),
		},
		"bf16rest": { // what rounding to bf16 loses, rounded to bf16: see package elem
			load: steps("VPMOVZXWD [a], t; VPSLLD $16, t, r"),
			round: steps("VPSRLD $16, a, t; VPANDD [lowbit], t, u; VPADDD [belowhalf], u, v; VPADDD a, v, w; VPANDD [highhalf], w, x; " +
				"VSUBPS a, x, y; VPXORD [sign], y, z; VFIXUPIMMPS $0, [resttable], z, d; " +
				"VPSRLD $16, d, e; VPANDD [lowbit], e, f; VPADDD [belowhalf], f, h; VPADDD d, h, i; VPSRLD $16, i, r"),
			store: parseStep("VPMOVDW a, r"),
		},
		"f16": {load: steps("VCVTPH2PS [a], r"), store: parseStep("VCVTPS2PH $0, a, r")},
		"q8": {
			load: steps("VPMOVSXBD [a], t; VPSLLD $19, t, u; VPANDD [q8magnitude], u, v; VPTERNLOGD $0x6C, [sign], b, w=u; " +
				"VPADDD [q8origin], v, x; VSUBPS [q8origin], x, y; VMULPS w, y, r"),
		},
		"q8root": {load: steps("VPMOVZXBD [a], t; VPSLLD $19, t, u; VPADDD [q8rootorigin], u, v; VSUBPS [q8rootorigin], v, w; VMULPS b, w, r")},
	},
	quiet: steps("VFIXUPIMM{S} $0, [quiettable], a, r=quietnan"),
	scaled: map[string]scaledFormat{
		"q8": {
			take: steps("VPANDD [nosign], a, t; VPMAXUD t, b, r"),
			code: steps("VMULPS [a], b, t; VPTERNLOGD $0xEA, [q8origin], sign, u=t; VADDPS t, u, v; VPADDD [q8half], v, w; VPSRLD $19, w, r"),
			pack: steps("VPACKUSDW b, a, t; VPSRLW $5, t, u; VPTERNLOGD $0xE4, [q8code], u, r=t"),
		},
		"q8root": {
			take: steps("VPMAXUD a, b, r"),
			code: steps("VMULPS a, b, t; VADDPS [q8rootorigin], t, u; VPADDD [q8roothalf], u, v; VPSRLD $19, v, w; VPMINUD [lowbit], a, x; VPMAXUD x, w, r"),
			pack: steps("VPACKUSDW b, a, r"),
		},
	},
	parts: map[string]row{
		"pow2":     steps("VADD{S} [pow2magic], a, t; VPSLL{W} ${E}, t, r"),
		"exponent": steps("VPSUB{W} [exponentbase], a, t; VPSRL{W} ${E}, t, u; VPOR{W} [integer], u, v; VSUB{S} [integerbias], v, r"),
		"mantissa": steps("VPSUB{W} [sqrthalf], a, t; VPAND{W} [fraction], t, u; VPADD{W} [sqrthalf], u, r"),
		"top":      steps("VPAND{W} [topbits], a, r"),
	},
	choices:   choiceRows("VFIXUPIMM{S} $0, [nantable], a, r=t"),
	fusedRows: fusedRows(),
	mixed:     8,
	averages:  true,

	// One step is enough for 14 bits. What fixes zero and infinity runs beside the units for products: VMIN and VMAX give
	// their first operand here if one is NaN, so what they bound stays NaN. Of 1/b, an infinite b makes 1 - b*0, which is NaN
	// and becomes 1, and 0*1 is what is wanted; a zero b makes 2^127 twice, which is infinite. Of the root y of an infinite a,
	// half of 1/y comes out as -inf and the correction as inf, so 1/2, and inf + inf/2 is what is wanted.
	newtonRows: map[string]row{
		opRoot: steps("VRSQRT14{S} [a], t; VMIN{S} t, rootmax, u; VMAX{S} u, rootmin, v; VMUL{S} a, v, w; VPADD{W} [halve], t, x; " +
			"VFNMADD213{S} [half], w, y=x; VMIN{S} [half], y, z; VFMADD213{S} w, w, r=z"),
		opQuotient: steps("VRCP14{S} [b], t; VMIN{S} t, inversemax, u; VMAX{S} u, inversemin, v; VFNMADD213{S} [one], b, w=v; " +
			"VMIN{S} [one], w, x; VFMADD213{S} v, v, y=x; VMUL{S} [a], y, r"),
	},
	halve: map[DType][]string{
		F32: {"VSHUFF64X2 $14, a, a, r", "VSHUFF64X2 $1, a, a, r", "VPERMILPS $14, a, r", "VPERMILPS $1, a, r"},
		F64: {"VSHUFF64X2 $14, a, a, r", "VSHUFF64X2 $1, a, a, r", "VPERMILPD $1, a, r"},
	},
}
