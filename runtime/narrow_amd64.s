//go:build !purego

#include "textflag.h"

// The storage formats of package elem, whose bits these functions make. The macros are over vectors of either width, V0 to
// V15, of W1 bytes. Those of q8 take whole blocks of 256 elements.

// The order of words in which packing leaves four vectors, undone: of 64 and of 32 bytes.
DATA narrowOrder<>+0(SB)/4, $0
DATA narrowOrder<>+4(SB)/4, $4
DATA narrowOrder<>+8(SB)/4, $8
DATA narrowOrder<>+12(SB)/4, $12
DATA narrowOrder<>+16(SB)/4, $1
DATA narrowOrder<>+20(SB)/4, $5
DATA narrowOrder<>+24(SB)/4, $9
DATA narrowOrder<>+28(SB)/4, $13
DATA narrowOrder<>+32(SB)/4, $2
DATA narrowOrder<>+36(SB)/4, $6
DATA narrowOrder<>+40(SB)/4, $10
DATA narrowOrder<>+44(SB)/4, $14
DATA narrowOrder<>+48(SB)/4, $3
DATA narrowOrder<>+52(SB)/4, $7
DATA narrowOrder<>+56(SB)/4, $11
DATA narrowOrder<>+60(SB)/4, $15
DATA narrowOrder<>+64(SB)/4, $0
DATA narrowOrder<>+68(SB)/4, $4
DATA narrowOrder<>+72(SB)/4, $1
DATA narrowOrder<>+76(SB)/4, $5
DATA narrowOrder<>+80(SB)/4, $2
DATA narrowOrder<>+84(SB)/4, $6
DATA narrowOrder<>+88(SB)/4, $3
DATA narrowOrder<>+92(SB)/4, $7
GLOBL narrowOrder<>(SB), RODATA|NOPTR, $96

// SPLAT sets all lanes of v to an immediate.
#define SPLAT(imm, v) \
	MOVL imm, AX; \
	VMOVD AX, X0; \
	VPBROADCASTD X0, v

// The bits of F(0), in V15, and half a code less them, in V13.
#define ROOT \
	SPLAT($0x37880088, V15); \
	SPLAT($0xC87BFF78, V13)

#define SIGNED \
	SPLAT($0x3B888889, V15); \
	SPLAT($0xC47B7777, V13)

// WIDENROOT sets what stands at to to the values of the codes at from; V14 is the scale.
#define WIDENROOT(from, to, v, t) \
	VPMOVZXBD from, v; \
	VPSLLD $19, v, v; \
	VPADDD V15, v, v; \
	VSUBPS V15, v, v; \
	VMULPS V14, v, v; \
	VMOVUPS v, to

// WIDENSIGNED is WIDENROOT of codes with a sign: V13 is the sign's bit, V12 the bits of a magnitude.
#define WIDENSIGNED(from, to, v, t) \
	VPMOVSXBD from, t; \
	VPSLLD $19, t, t; \
	VANDPS V12, t, v; \
	SIGNSCALE(t); \
	VPADDD V15, v, v; \
	VSUBPS V15, v, v; \
	VMULPS t, v, v; \
	VMOVUPS v, to

// WIDEN widens CX blocks.
#define WIDEN(widen) \
	MOVQ dst+0(FP), DI; \
	MOVQ codes+8(FP), SI; \
	MOVQ scales+16(FP), DX; \
	MOVQ blocks+24(FP), CX; \
block: \
	VBROADCASTSS (DX), V14; \
	MOVL $(1024/W4), BX; \
four: \
	widen(0(SI), 0(DI), V0, V4); \
	widen(B1(SI), W1(DI), V1, V5); \
	widen(B2(SI), W2(DI), V2, V6); \
	widen(B3(SI), W3(DI), V3, V7); \
	ADDQ $B4, SI; \
	ADDQ $W4, DI; \
	DECL BX; \
	JNE four; \
	ADDQ $4, DX; \
	DECQ CX; \
	JNE block; \
	VZEROUPPER; \
	RET

// TAKEROOT makes v the larger of v and the bits of values; TAKESIGNED takes those of magnitudes: V12 has all bits but a sign.
#define TAKEROOT(from, v, t) VPMAXUD from, v, v

#define TAKESIGNED(from, v, t) \
	VANDPS from, V12, t; \
	VPMAXUD t, v, v

// LARGEST leaves in AX the largest word of the block at SI.
#define LARGEST(take) \
	VPXOR X0, X0, X0; \
	VPXOR X1, X1, X1; \
	VPXOR X2, X2, X2; \
	VPXOR X3, X3, X3; \
	ADDQ $1024, SI; \
	MOVQ $-1024, BX; \
largest: \
	take(0(SI)(BX*1), V0, V4); \
	take(W1(SI)(BX*1), V1, V5); \
	take(W2(SI)(BX*1), V2, V4); \
	take(W3(SI)(BX*1), V3, V5); \
	ADDQ $W4, BX; \
	JNE largest; \
	VPMAXUD V1, V0, V0; \
	VPMAXUD V3, V2, V2; \
	VPMAXUD V2, V0, V0; \
	LOWER; \
	VEXTRACTI128 $1, Y0, X1; \
	VPMAXUD X1, X0, X0; \
	VPSHUFD $0x4E, X0, X1; \
	VPMAXUD X1, X0, X0; \
	VPSHUFD $0xB1, X0, X1; \
	VPMAXUD X1, X0, X0; \
	VMOVD X0, AX

// LOADROOT sets v to the bits of values relative to the scale and above F(0); LOADSIGNED to those of magnitudes.
#define LOADROOT(from, v) \
	VMULPS from, V14, v; \
	VADDPS V15, v, v

#define LOADSIGNED(from, v) \
	VANDPS from, V12, v; \
	VMULPS V14, v, v; \
	VADDPS V15, v, v

// NEAREST makes codes of them.
#define NEAREST(word, v, t, u) \
	VPADDD V13, v, v; \
	VPSRLD $19, v, v

// CHANCE makes of them the codes below, or the next ones by random words: V10 are the bits that are not rounded away, V9 half
// the least of them, V8 those of whole codes, V7 is 2^-24.
#define CHANCE(word, v, t, u) \
	VPSUBD V15, v, v; \
	VPADDD V9, v, v; \
	VANDPS V10, v, v; \
	VANDPS V8, v, t; \
	VPADDD V15, t, t; \
	VPSUBD V8, t, V13; \
	VSUBPS t, V13, V13; \
	VPADDD V15, v, u; \
	VSUBPS t, u, u; \
	VMOVUPS word, t; \
	VPSRLD $8, t, t; \
	VCVTDQ2PS t, t; \
	VMULPS V7, t, t; \
	VMULPS V13, t, t; \
	VPSRLD $19, v, v; \
	NEXTIFLESS(t, u, v)

// ENDROOT makes 1 of a code 0 of a value that is not 0: V11 is 1. ENDSIGNED puts the sign to a code: V11 is its bit.
#define ENDROOT(from, v, t) \
	VPMINUD from, V11, t; \
	VPMAXUD t, v, v

#define ENDSIGNED(from, v, t) \
	VMOVUPS from, t; \
	VPSRLD $24, t, t; \
	SIGNCODE(t, v)

#define CODE(at, word, v, t, u, load, round, end) \
	load(at, v); \
	round(word, v, t, u); \
	end(at, v, t)

// NARROW narrows CX blocks, R8 being where random words are: first it finds all scales, since no block waits for another then.
// It leaves out all from a block on with a number that is not finite or, of ROOT, below zero.
#define NARROW(take, load, round, end) \
	MOVQ codes+0(FP), DI; \
	MOVQ scales+8(FP), DX; \
	MOVQ src+16(FP), SI; \
	MOVQ blocks+24(FP), CX; \
	VMOVUPS ORDER, V6; \
	MOVL $0x0D800000, R9; \
	XORL R10, R10; \
scale: \
	LARGEST(take); \
	CMPL AX, $0x7F800000; \
	JCC scaled; \
	CMPL AX, R9; \
	CMOVLCS R9, AX; \
	MOVL AX, (DX)(R10*4); \
	INCQ R10; \
	CMPQ R10, CX; \
	JNE scale; \
scaled: \
	SUBQ R10, CX; \
	MOVQ CX, left+40(FP); \
	MOVQ src+16(FP), SI; \
	MOVL $0x3F800000, AX; \
	VMOVD AX, X4; \
block: \
	DECQ R10; \
	JLT done; \
	VMOVSS (DX), X1; \
	VDIVSS X1, X4, X0; \
	ADDQ $4, DX; \
	VBROADCASTSS X0, V14; \
	MOVL $(1024/W4), BX; \
four: \
	CODE(0(SI), 0(R8), V0, V3, V5, load, round, end); \
	CODE(W1(SI), W1(R8), V1, V3, V5, load, round, end); \
	CODE(W2(SI), W2(R8), V2, V3, V5, load, round, end); \
	VPACKUSDW V1, V0, V0; \
	CODE(W3(SI), W3(R8), V3, V1, V5, load, round, end); \
	VPACKUSDW V3, V2, V2; \
	VPACKUSWB V2, V0, V0; \
	VPERMD V0, V6, V0; \
	VMOVUPS V0, (DI); \
	ADDQ $W4, SI; \
	ADDQ $W4, R8; \
	ADDQ $W1, DI; \
	DECL BX; \
	JNE four; \
	JMP block; \
done: \
	VZEROUPPER; \
	RET

#define CHANCES \
	MOVQ words+32(FP), R8; \
	SPLAT($0xFFFFFFF0, V10); \
	SPLAT($8, V9); \
	SPLAT($0xFFF80000, V8); \
	SPLAT($0x33800000, V7)

#define WIDENROOTS \
	ROOT; \
	WIDEN(WIDENROOT)

#define WIDENSIGNEDS \
	SIGNED; \
	SPLAT($0x80000000, V13); \
	SPLAT($0x03F80000, V12); \
	WIDEN(WIDENSIGNED)

#define NARROWROOTS(round) \
	ROOT; \
	SPLAT($1, V11); \
	NARROW(TAKEROOT, LOADROOT, round, ENDROOT)

#define NARROWSIGNEDS(round) \
	SIGNED; \
	SPLAT($0x7FFFFFFF, V12); \
	SPLAT($0x80, V11); \
	NARROW(TAKESIGNED, LOADSIGNED, round, ENDSIGNED)

// The formats of 16 bits, a vector at a time; V15 is the quiet NaN without sign, by which a narrowed NaN is replaced.

#define WIDENBF16(from, v) \
	VPMOVZXWD from, v; \
	VPSLLD $16, v, v

#define WIDENF16(from, v) VCVTPH2PS from, v

// WIDENHALVES widens R9 elements.
#define WIDENHALVES(widen) \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ n+16(FP), R9; \
half: \
	widen(0(SI), V0); \
	VMOVUPS V0, (DI); \
	ADDQ $H1, SI; \
	ADDQ $W1, DI; \
	SUBQ $(W1/4), R9; \
	JNE half; \
	VZEROUPPER; \
	RET

// NARROWHALVES narrows R9 elements, each vector of which round leaves in V0 as words; R8 is where random words are.
#define NARROWHALVES(round) \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ n+16(FP), R9; \
	MOVQ words+24(FP), R8; \
	SPLAT($0x7FC00000, V15); \
half: \
	VMOVUPS (SI), V0; \
	round; \
	STOREWORDS; \
	ADDQ $H1, DI; \
	ADDQ $W1, SI; \
	ADDQ $W1, R8; \
	SUBQ $(W1/4), R9; \
	JNE half; \
	VZEROUPPER; \
	RET

// NEARBF16 rounds to nearest, V14 being a half less one bit and V13 one bit.
#define NEARBF16 \
	QUIET; \
	VPSRLD $16, V0, V1; \
	VANDPS V13, V1, V1; \
	VPADDD V14, V0, V0; \
	VPADDD V1, V0, V0; \
	VPSRLD $16, V0, V0

#define NEARF16 \
	QUIET; \
	VCVTPS2PH $0, V0, X1Y; \
	VPMOVZXWD X1Y, V0

#define CHANCEBF16 \
	QUIET; \
	VMOVUPS (R8), V1; \
	VPSRLD $16, V1, V1; \
	VPADDD V1, V0, V0; \
	VPSRLD $16, V0, V0

// CHANCEF16 rounds normal numbers by bits and subnormal ones as multiples of 2^-24, of which 32 bits of the rest are added to
// the word. V14 is 2^16, the first that is infinite, V13 2^-14, the first that is normal, V12 the difference of exponents,
// V11 the bits of a magnitude, V10 is 2^24, V9 2^16 and V8 1.
#define CHANCEF16 \
	VMOVUPS (R8), V5; \
	VANDPS V11, V0, V1; \
	VPMINUD V14, V1, V1; \
	VMULPS V10, V1, V2; \
	VCVTTPS2DQ V2, V3; \
	VCVTDQ2PS V3, V4; \
	VSUBPS V4, V2, V2; \
	VMULPS V9, V2, V2; \
	VCVTTPS2DQ V2, V4; \
	VCVTDQ2PS V4, V6; \
	VSUBPS V6, V2, V2; \
	VMULPS V9, V2, V2; \
	VCVTTPS2DQ V2, V2; \
	VPSLLD $16, V4, V4; \
	VPADDD V4, V2, V2; \
	VPADDD V5, V2, V4; \
	VPMAXUD V4, V2, V2; \
	VPSUBD V4, V2, V2; \
	VPMINUD V8, V2, V2; \
	VPADDD V2, V3, V3; \
	VPSUBD V12, V1, V2; \
	VPSRLD $19, V5, V5; \
	VPADDD V5, V2, V2; \
	VPSRLD $13, V2, V2; \
	BELOW(V1, V13, V3, V2); \
	VPSRLD $31, V0, V1; \
	VPSLLD $15, V1, V1; \
	VORPS V1, V2, V1; \
	QUIETF16

#define BF16S \
	SPLAT($0x7FFF, V14); \
	SPLAT($1, V13)

#define F16S \
	SPLAT($0x47800000, V14); \
	SPLAT($0x38800000, V13); \
	SPLAT($0x38000000, V12); \
	SPLAT($0x7FFFFFFF, V11); \
	SPLAT($0x4B800000, V10); \
	SPLAT($0x47800000, V9); \
	SPLAT($1, V8); \
	SPLAT($0x7E00, V7)

// Vectors of 64 bytes.
#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define V7 Z7
#define V8 Z8
#define V9 Z9
#define V10 Z10
#define V11 Z11
#define V12 Z12
#define V13 Z13
#define V14 Z14
#define V15 Z15
#define W1 64
#define W2 128
#define W3 192
#define W4 256
#define B1 16
#define B2 32
#define B3 48
#define B4 64
#define ORDER narrowOrder<>+0(SB)
#define LOWER VEXTRACTI64X4 $1, Z0, Y1; VPMAXUD Y1, Y0, Y0
#define SIGNSCALE(t) VPTERNLOGD $0x6A, V14, V13, t
#define SIGNCODE(t, v) VPTERNLOGD $0xF8, V11, t, v
#define NEXTIFLESS(a, b, v) VCMPPS $1, b, a, K1; VPTERNLOGD $0xFF, a, a, a; VPSUBD a, v, K1, v
#define H1 32
#define QUIET VCMPPS $3, V0, V0, K1; VMOVAPS V15, K1, V0
#define QUIETF16 VCMPPS $3, V0, V0, K1; VMOVAPS V1, V0; VMOVAPS V7, K1, V0
#define BELOW(a, b, v, to) VPCMPD $1, b, a, K1; VMOVAPS v, K1, to
#define STOREWORDS VPMOVDW V0, (DI)
#define X1Y Y1

// func widenRoot512(dst *float32, codes *uint8, scales *float32, blocks int)
TEXT ·widenRoot512(SB), NOSPLIT, $0-32
	WIDENROOTS

// func widenSigned512(dst *float32, codes *uint8, scales *float32, blocks int)
TEXT ·widenSigned512(SB), NOSPLIT, $0-32
	WIDENSIGNEDS

// func narrowRoot512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·narrowRoot512(SB), NOSPLIT, $0-48
	NARROWROOTS(NEAREST)

// func chanceRoot512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·chanceRoot512(SB), NOSPLIT, $0-48
	CHANCES
	NARROWROOTS(CHANCE)

// func narrowSigned512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·narrowSigned512(SB), NOSPLIT, $0-48
	NARROWSIGNEDS(NEAREST)

// func chanceSigned512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·chanceSigned512(SB), NOSPLIT, $0-48
	CHANCES
	NARROWSIGNEDS(CHANCE)

// func widenBF16x512(dst *float32, src *uint16, n int)
TEXT ·widenBF16x512(SB), NOSPLIT, $0-24
	WIDENHALVES(WIDENBF16)

// func narrowBF16x512(dst *uint16, src *float32, n int, words *uint32)
TEXT ·narrowBF16x512(SB), NOSPLIT, $0-32
	BF16S
	NARROWHALVES(NEARBF16)

// func chanceBF16x512(dst *uint16, src *float32, n int, words *uint32)
TEXT ·chanceBF16x512(SB), NOSPLIT, $0-32
	NARROWHALVES(CHANCEBF16)

// func widenF16x512(dst *float32, src *uint16, n int)
TEXT ·widenF16x512(SB), NOSPLIT, $0-24
	WIDENHALVES(WIDENF16)

// func narrowF16x512(dst *uint16, src *float32, n int, words *uint32)
TEXT ·narrowF16x512(SB), NOSPLIT, $0-32
	NARROWHALVES(NEARF16)

// func chanceF16x512(dst *uint16, src *float32, n int, words *uint32)
TEXT ·chanceF16x512(SB), NOSPLIT, $0-32
	F16S
	NARROWHALVES(CHANCEF16)

// Vectors of 32 bytes.
#undef V0
#undef V1
#undef V2
#undef V3
#undef V4
#undef V5
#undef V6
#undef V7
#undef V8
#undef V9
#undef V10
#undef V11
#undef V12
#undef V13
#undef V14
#undef V15
#undef W1
#undef W2
#undef W3
#undef W4
#undef B1
#undef B2
#undef B3
#undef B4
#undef ORDER
#undef LOWER
#undef SIGNSCALE
#undef SIGNCODE
#undef NEXTIFLESS
#undef H1
#undef QUIET
#undef QUIETF16
#undef BELOW
#undef STOREWORDS
#undef X1Y
#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define V7 Y7
#define V8 Y8
#define V9 Y9
#define V10 Y10
#define V11 Y11
#define V12 Y12
#define V13 Y13
#define V14 Y14
#define V15 Y15
#define W1 32
#define W2 64
#define W3 96
#define W4 128
#define B1 8
#define B2 16
#define B3 24
#define B4 32
#define ORDER narrowOrder<>+64(SB)
#define LOWER
#define SIGNSCALE(t) VANDPS V13, t, t; VXORPS V14, t, t
#define SIGNCODE(t, v) VANDPS V11, t, t; VORPS t, v, v
#define NEXTIFLESS(a, b, v) VCMPPS $1, b, a, a; VPSUBD a, v, v
#define H1 16
#define QUIET VCMPPS $3, V0, V0, V1; VBLENDVPS V1, V15, V0, V0
#define QUIETF16 VCMPPS $3, V0, V0, V0; VBLENDVPS V0, V7, V1, V0
#define BELOW(a, b, v, to) VPCMPGTD a, b, a; VBLENDVPS a, v, to, to
#define STOREWORDS VPACKUSDW V0, V0, V0; VPERMQ $0xD8, V0, V0; VMOVUPS X0, (DI)
#define X1Y X1

// func widenRoot256(dst *float32, codes *uint8, scales *float32, blocks int)
TEXT ·widenRoot256(SB), NOSPLIT, $0-32
	WIDENROOTS

// func widenSigned256(dst *float32, codes *uint8, scales *float32, blocks int)
TEXT ·widenSigned256(SB), NOSPLIT, $0-32
	WIDENSIGNEDS

// func narrowRoot256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·narrowRoot256(SB), NOSPLIT, $0-48
	NARROWROOTS(NEAREST)

// func chanceRoot256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·chanceRoot256(SB), NOSPLIT, $0-48
	CHANCES
	NARROWROOTS(CHANCE)

// func narrowSigned256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·narrowSigned256(SB), NOSPLIT, $0-48
	NARROWSIGNEDS(NEAREST)

// func chanceSigned256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)
TEXT ·chanceSigned256(SB), NOSPLIT, $0-48
	CHANCES
	NARROWSIGNEDS(CHANCE)

// func widenBF16x256(dst *float32, src *uint16, n int)
TEXT ·widenBF16x256(SB), NOSPLIT, $0-24
	WIDENHALVES(WIDENBF16)

// func narrowBF16x256(dst *uint16, src *float32, n int, words *uint32)
TEXT ·narrowBF16x256(SB), NOSPLIT, $0-32
	BF16S
	NARROWHALVES(NEARBF16)

// func chanceBF16x256(dst *uint16, src *float32, n int, words *uint32)
TEXT ·chanceBF16x256(SB), NOSPLIT, $0-32
	NARROWHALVES(CHANCEBF16)

// func widenF16x256(dst *float32, src *uint16, n int)
TEXT ·widenF16x256(SB), NOSPLIT, $0-24
	WIDENHALVES(WIDENF16)

// func narrowF16x256(dst *uint16, src *float32, n int, words *uint32)
TEXT ·narrowF16x256(SB), NOSPLIT, $0-32
	NARROWHALVES(NEARF16)

// func chanceF16x256(dst *uint16, src *float32, n int, words *uint32)
TEXT ·chanceF16x256(SB), NOSPLIT, $0-32
	F16S
	NARROWHALVES(CHANCEF16)
