#include "textflag.h"

// rotateAVX2 keeps the lower row of the pair in Y0 to Y7 on the way up: a row is
// loaded once and stored once.
//
//	DI  the lower row (256 bytes)   SI  c and s   CX  rotations left

// TURN turns the vector y of the lower row, at bytes from its start, with the
// one above it, by c and s in Y8 and Y9.
#define TURN(at, y) \
	VMOVUPD at-256(DI), Y10; \
	VMULPD  Y10, Y9, Y11;    \
	VMULPD  y, Y8, Y12;      \
	VMULPD  Y10, Y8, Y10;    \
	VMULPD  y, Y9, y;        \
	VADDPD  Y12, Y11, Y11;   \
	VSUBPD  y, Y10, y;       \
	VMOVUPD Y11, at(DI)

// func rotateAVX2(last, cs *float64, n int)
TEXT ·rotateAVX2(SB), NOSPLIT, $0-24
	MOVQ    last+0(FP), DI
	MOVQ    cs+8(FP), SI
	MOVQ    n+16(FP), CX
	VMOVUPD 0(DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	VMOVUPD 128(DI), Y4
	VMOVUPD 160(DI), Y5
	VMOVUPD 192(DI), Y6
	VMOVUPD 224(DI), Y7

loop:
	VBROADCASTSD 0(SI), Y8
	VBROADCASTSD 8(SI), Y9
	TURN(0, Y0)
	TURN(32, Y1)
	TURN(64, Y2)
	TURN(96, Y3)
	TURN(128, Y4)
	TURN(160, Y5)
	TURN(192, Y6)
	TURN(224, Y7)
	ADDQ    $16, SI
	SUBQ    $256, DI
	DECQ    CX
	JNZ     loop
	VMOVUPD Y0, 0(DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VMOVUPD Y4, 128(DI)
	VMOVUPD Y5, 160(DI)
	VMOVUPD Y6, 192(DI)
	VMOVUPD Y7, 224(DI)
	VZEROUPPER
	RET

// ROW does four elements of a row of A: a -= wi*x + xi*w, s += a*v,
// p += vi*a, with x, w, v and p in Y8 to Y11.
#define ROW(a, wi, xi, vi, s) \
	VMULPD  Y8, wi, Y12;   \
	VMULPD  Y9, xi, Y13;   \
	VADDPD  Y13, Y12, Y12; \
	VMOVUPD (a)(AX*8), Y13; \
	VSUBPD  Y12, Y13, Y13; \
	VMOVUPD Y13, (a)(AX*8); \
	VMULPD  Y13, Y10, Y12; \
	VMULPD  Y13, vi, Y13;  \
	VADDPD  Y12, s, s;     \
	VADDPD  Y13, Y11, Y11

// func pairAVX2(a0, a1, w, x, v, p *float64, n int, f *[2][3]float64, sum *[2][4]float64)
TEXT ·pairAVX2(SB), NOSPLIT, $0-72
	MOVQ         a0+0(FP), DI
	MOVQ         a1+8(FP), SI
	MOVQ         w+16(FP), R8
	MOVQ         x+24(FP), R9
	MOVQ         v+32(FP), R10
	MOVQ         p+40(FP), R11
	MOVQ         n+48(FP), CX
	MOVQ         f+56(FP), BX
	MOVQ         sum+64(FP), DX
	VBROADCASTSD 0(BX), Y2
	VBROADCASTSD 8(BX), Y3
	VBROADCASTSD 16(BX), Y4
	VBROADCASTSD 24(BX), Y5
	VBROADCASTSD 32(BX), Y6
	VBROADCASTSD 40(BX), Y7
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	XORL         AX, AX

loop:
	VMOVUPD (R9)(AX*8), Y8
	VMOVUPD (R8)(AX*8), Y9
	VMOVUPD (R10)(AX*8), Y10
	VMOVUPD (R11)(AX*8), Y11
	ROW(DI, Y2, Y3, Y4, Y0)
	ROW(SI, Y5, Y6, Y7, Y1)
	VMOVUPD Y11, (R11)(AX*8)
	ADDQ    $4, AX
	CMPQ    AX, CX
	JLT     loop
	VMOVUPD Y0, 0(DX)
	VMOVUPD Y1, 32(DX)
	VZEROUPPER
	RET

// LINK multiplies two vectors of a carried row by a factor.
#define LINK(at, lo, hi) \
	VBROADCASTSD at(SI), Y10; \
	VMULPD       Y10, lo, lo; \
	VMULPD       Y10, hi, hi

// func chainAVX2(last *float64, x *[ChainSums][ChainCols]float64, f *float64, n int)
TEXT ·chainAVX2(SB), NOSPLIT, $0-32
	MOVQ    last+0(FP), DI
	MOVQ    x+8(FP), DX
	MOVQ    f+16(FP), SI
	MOVQ    n+24(FP), CX
	VMOVUPD 0(DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD 96(DX), Y3
	VMOVUPD 128(DX), Y4
	VMOVUPD 160(DX), Y5
	VMOVUPD 192(DX), Y6
	VMOVUPD 224(DX), Y7

loop:
	LINK(0, Y0, Y1)
	LINK(8, Y2, Y3)
	LINK(16, Y4, Y5)
	LINK(24, Y6, Y7)
	VADDPD  Y2, Y0, Y10
	VADDPD  Y6, Y4, Y11
	VADDPD  Y3, Y1, Y12
	VADDPD  Y7, Y5, Y13
	VADDPD  Y11, Y10, Y10
	VADDPD  Y13, Y12, Y12
	VADDPD  0(DI), Y10, Y10
	VADDPD  32(DI), Y12, Y12
	VMOVUPD Y10, 0(DI)
	VMOVUPD Y12, 32(DI)
	ADDQ    $32, SI
	SUBQ    $64, DI
	DECQ    CX
	JNZ     loop
	VMOVUPD Y0, 0(DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VMOVUPD Y4, 128(DX)
	VMOVUPD Y5, 160(DX)
	VMOVUPD Y6, 192(DX)
	VMOVUPD Y7, 224(DX)
	VZEROUPPER
	RET
