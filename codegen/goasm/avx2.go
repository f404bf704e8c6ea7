package goasm

var avx2 = instructionSet{
	name:       "avx2",
	arch:       &amd64,
	vector:     "Y",
	width:      32,
	vectors:    16,
	loadPart:   "VMASKMOV{S}",
	storePart:  "VMASKMOV{S}",
	minVectors: 6,
	abreast:    2,
	rows: map[string]row{
		"add":  swappable("add", "VADD{S} [b], a, r"),
		"sub":  steps("VSUB{S} [b], a, r"),
		"mul":  swappable("mul", "VMUL{S} [b], a, r"),
		"div":  steps("VDIV{S} [b], a, r"),
		"neg":  steps("VXOR{S} [sign], a, r"),
		"abs":  steps("VAND{S} [nosign], a, r"),
		"sqrt": steps("VSQRT{S} [a], r"),

		// As for AVX-512; for max, where the orders differ v is -0 or a NaN, and -0 - -0 is +0.
		"min": swappable("min", "VMIN{S} [b], a, t; VMIN{S} a, b, u; VOR{S} u, t, r"),
		"max": swappable("max", "VMAX{S} [b], a, t; VMAX{S} a, b, u; VXOR{S} u, t, v; VOR{S} v, t, w; VSUB{S} v, w, r"),

		// VBLENDV selects by the sign bit: first -1 or 1, then, where a is zero or NaN, a without its sign.
		"sign":     steps("VBLENDV{S} a, [minusone], one, t; VCMP{S} $8, [zero], a, u; VAND{S} [nosign], a, v; VBLENDV{S} u, v, t, r"),
		"copysign": steps("VAND{S} [nosign], a, t; VAND{S} [sign], b, u; VCMP{S} $3, b, b, v; VOR{S} u, t, w; VOR{S} v, w, r"), // ones are a NaN
		"floor":    steps("VROUND{S} $9, [a], r"),
		"ceil":     steps("VROUND{S} $10, [a], r"),
		"round":    steps("VROUND{S} $8, [a], r"),

		"eq": swappable("eq", "VCMP{S} $0, [b], a, r"),
		"ne": swappable("ne", "VCMP{S} $4, [b], a, r"),
		"lt": swappable("gt", "VCMP{S} $17, [b], a, r"),
		"le": swappable("ge", "VCMP{S} $18, [b], a, r"),
		"gt": swappable("lt", "VCMP{S} $30, [b], a, r"),
		"ge": swappable("le", "VCMP{S} $29, [b], a, r"),

		"and":      steps("VAND{S} [b], a, r"),
		"or":       steps("VOR{S} [b], a, r"),
		"not":      steps("VXOR{S} [ones], a, r"),
		"where":    steps("VBLENDV{S} a, [b], c, r"),
		"real":     steps("VAND{S} [one], a, r"),
		"isfinite": steps("VSUB{S} a, a, t; VCMP{S} $7, t, t, r"),
	},
	narrow: map[string]narrow{
		"bf16": {
			load:  steps("VPMOVZXWD [a], t; VPSLLD $16, t, r"),
			round: steps("VPSRLD $16, a, t; VANDPS [lowbit], t, u; VPADDD [belowhalf], u, v; VPADDD a, v, w; VPSRLD $16, w, x; VPACKUSDW x, x, y; VPERMQ $8, y, r"),
			store: parseStep("VMOVDQU a, r"),
			x:     true,
		},
		"bf16rest": { // what rounding to bf16 loses, rounded to bf16: see package elem
			load: steps("VPMOVZXWD [a], t; VPSLLD $16, t, r"),
			round: steps("VPSRLD $16, a, t; VANDPS [lowbit], t, u; VPADDD [belowhalf], u, v; VPADDD a, v, w; VANDPS [highhalf], w, x; " +
				"VSUBPS a, x, y; VXORPS [sign], y, z; VSUBPS y, y, m; VCMPPS $7, m, m, n; VBLENDVPS n, z, sign, d; " +
				"VPSRLD $16, d, e; VANDPS [lowbit], e, f; VPADDD [belowhalf], f, h; VPADDD d, h, i; VPSRLD $16, i, j; VPACKUSDW j, j, k; VPERMQ $8, k, r"),
			store: parseStep("VMOVDQU a, r"),
			x:     true,
		},
		"f16": {load: steps("VCVTPH2PS [a], r"), store: parseStep("VCVTPS2PH $0, a, r")},
		"q8": {
			load: steps("VPMOVSXBD [a], t; VPSLLD $19, t, u; VANDPS [q8magnitude], u, v; VANDPS [sign], u, w; VXORPS b, w, x; " +
				"VPADDD [q8origin], v, y; VSUBPS [q8origin], y, z; VMULPS x, z, r"),
		},
		"q8root": {load: steps("VPMOVZXBD [a], t; VPSLLD $19, t, u; VPADDD [q8rootorigin], u, v; VSUBPS [q8rootorigin], v, w; VMULPS b, w, r")},
	},
	quiet: steps("VCMP{S} $3, a, a, t; VBLENDV{S} t, [quietnan], a, r"),
	scaled: map[string]scaledFormat{
		"q8": {
			take: steps("VANDPS [nosign], a, t; VPMAXUD t, b, r"),
			code: steps("VMULPS [a], b, t; VANDPS [sign], t, u; VORPS [q8origin], u, v; VADDPS t, v, w; VPADDD [q8half], w, x; VPSRLD $19, x, r"),
			pack: steps("VPACKUSDW b, a, t; VPSRLW $5, t, u; VANDPS [q8code], t, v; VANDPS [q8sign], u, w; VORPS v, w, r"),
		},
		"q8root": {
			take: steps("VPMAXUD a, b, r"),
			code: steps("VMULPS a, b, t; VADDPS [q8rootorigin], t, u; VPADDD [q8roothalf], u, v; VPSRLD $19, v, w; VPMINUD [lowbit], a, x; VPMAXUD x, w, r"),
			pack: steps("VPACKUSDW b, a, r"),
		},
	},
	parts: map[string]row{
		"pow2":     steps("VADD{S} [pow2magic], a, t; VPSLL{W} ${E}, t, r"),
		"exponent": steps("VPSUB{W} [exponentbase], a, t; VPSRL{W} ${E}, t, u; VOR{S} [integer], u, v; VSUB{S} [integerbias], v, r"),
		"mantissa": steps("VPSUB{W} [sqrthalf], a, t; VAND{S} [fraction], t, u; VPADD{W} [sqrthalf], u, r"),
		"top":      steps("VAND{S} [topbits], a, r"),
	},
	choices:   choiceRows("VCMP{S} $3, a, a, u; VOR{S} u, t, r"), // ones are a NaN
	fusedRows: fusedRows(),
	mixed:     1,

	// As for AVX-512, but from 11 bits a step of third order, and what is below the least normal number has an infinite
	// estimate. Of an infinite a, both factors of the root's correction are -inf; a zero b makes 2^128/3 three times.
	newtonRows: map[string]row{
		opRoot: steps("VRSQRT{S} [a], t; VMIN{S} t, normalrootmax, u; VMAX{S} u, rootmin, v; VMUL{S} a, v, w; VFNMADD213{S} [one], w, x=v; " +
			"VFMADD213{S} [half], threeeighths, y=x; VMUL{S} x, y, p; VFMADD213{S} w, w, r=p"),
		opQuotient: steps("VRCP{S} [b], t; VMIN{S} t, thirdmax, u; VMAX{S} u, thirdmin, v; VFNMADD213{S} [one], b, w=v; VMIN{S} [one], w, x; " +
			"VFMADD213{S} x, x, y=x; VFMADD213{S} v, v, z=y; VMUL{S} [a], z, r"),
	},
	halve: map[DType][]string{
		F32: {"VPERM2F128 $17, a, a, r", "VPERMILPS $14, a, r", "VPERMILPS $1, a, r"},
		F64: {"VPERM2F128 $17, a, a, r", "VPERMILPD $1, a, r"},
	},
}
