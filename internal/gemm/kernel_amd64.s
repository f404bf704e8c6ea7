#include "textflag.h"

// Both tile kernels hold:
//
//	DI  C, at the columns of this block     SI  A, at inner index p
//	R8, R9, R10     byte offsets of rows 1, 2, 3 of C from row 0
//	R11, R12, R13   byte offsets of rows 1, 2, 3 of A from row 0
//	R14 B, at the columns of this block     DX  B, at inner index p
//	BX  byte stride of A along p            R15 byte stride of B along p
//	CX  inner indices left (0 outside of the loop: there it indexes row 0)
//	AX  columns left
//
// A row beyond the tile has the offset of the last row within: it computes that
// row again and stores the same values. All loads of C precede all stores.

// OFFSETS sets o1, o2, o3 to min(i, rows-1)*AX for i = 1, 2, 3, with rows in CX;
// it uses DX.
#define OFFSETS(o1, o2, o3) \
	XORQ    o1, o1;       \
	CMPQ    CX, $2;       \
	CMOVQGE AX, o1;       \
	LEAQ    (AX)(AX*1), DX; \
	MOVQ    o1, o2;       \
	CMPQ    CX, $3;       \
	CMOVQGE DX, o2;       \
	ADDQ    AX, DX;       \
	MOVQ    o2, o3;       \
	CMPQ    CX, $4;       \
	CMOVQGE DX, o3

#define SETUP \
	MOVQ rows+56(FP), CX; \
	MOVQ ldc+8(FP), AX;   \
	SHLQ $2, AX;          \
	OFFSETS(R8, R9, R10); \
	MOVQ arow+24(FP), AX; \
	SHLQ $2, AX;          \
	OFFSETS(R11, R12, R13); \
	MOVQ acol+32(FP), BX; \
	SHLQ $2, BX;          \
	MOVQ ldb+48(FP), R15; \
	SHLQ $2, R15;         \
	MOVQ c+0(FP), DI;     \
	MOVQ b+40(FP), R14;   \
	MOVQ cols+64(FP), AX

// BLOCK points at the start of the inner loop of a column block.
#define BLOCK \
	MOVQ a+16(FP), SI; \
	MOVQ R14, DX;      \
	XORL CX, CX;       \
	CMPB accumulate+80(FP), $0

#define NEXT \
	ADDQ BX, SI;  \
	ADDQ R15, DX; \
	DECQ CX

// AVX-512: 64 columns in four vectors a row, then 16 under a mask.

#define LOAD64(row, z0, z1, z2, z3) \
	VMOVUPS 0(DI)(row*1), z0;   \
	VMOVUPS 64(DI)(row*1), z1;  \
	VMOVUPS 128(DI)(row*1), z2; \
	VMOVUPS 192(DI)(row*1), z3

#define STORE64(row, z0, z1, z2, z3) \
	VMOVUPS z0, 0(DI)(row*1);   \
	VMOVUPS z1, 64(DI)(row*1);  \
	VMOVUPS z2, 128(DI)(row*1); \
	VMOVUPS z3, 192(DI)(row*1)

#define ZERO4(z0, z1, z2, z3) \
	VPXORD z0, z0, z0; \
	VPXORD z1, z1, z1; \
	VPXORD z2, z2, z2; \
	VPXORD z3, z3, z3

// z += x*(Z16..Z19), x one element of A
#define MULADD64(x, z0, z1, z2, z3) \
	VBROADCASTSS x, Z20; \
	VMULPS Z16, Z20, Z24; \
	VMULPS Z17, Z20, Z25; \
	VMULPS Z18, Z20, Z26; \
	VMULPS Z19, Z20, Z27; \
	VADDPS Z24, z0, z0;   \
	VADDPS Z25, z1, z1;   \
	VADDPS Z26, z2, z2;   \
	VADDPS Z27, z3, z3

// func tileAVX512(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX512(SB), NOSPLIT, $0-81
	SETUP

wide:
	CMPQ AX, $64
	JLT  narrow
	BLOCK
	JEQ  wideZero
	LOAD64(CX, Z0, Z1, Z2, Z3)
	LOAD64(R8, Z4, Z5, Z6, Z7)
	LOAD64(R9, Z8, Z9, Z10, Z11)
	LOAD64(R10, Z12, Z13, Z14, Z15)
	JMP  wideStart

wideZero:
	ZERO4(Z0, Z1, Z2, Z3)
	ZERO4(Z4, Z5, Z6, Z7)
	ZERO4(Z8, Z9, Z10, Z11)
	ZERO4(Z12, Z13, Z14, Z15)

wideStart:
	MOVQ k+72(FP), CX

wideLoop:
	VMOVUPS 0(DX), Z16
	VMOVUPS 64(DX), Z17
	VMOVUPS 128(DX), Z18
	VMOVUPS 192(DX), Z19
	MULADD64((SI), Z0, Z1, Z2, Z3)
	MULADD64((SI)(R11*1), Z4, Z5, Z6, Z7)
	MULADD64((SI)(R12*1), Z8, Z9, Z10, Z11)
	MULADD64((SI)(R13*1), Z12, Z13, Z14, Z15)
	NEXT
	JNZ     wideLoop
	STORE64(CX, Z0, Z1, Z2, Z3)
	STORE64(R8, Z4, Z5, Z6, Z7)
	STORE64(R9, Z8, Z9, Z10, Z11)
	STORE64(R10, Z12, Z13, Z14, Z15)
	ADDQ    $256, DI
	ADDQ    $256, R14
	SUBQ    $64, AX
	JMP     wide

narrow:
	TESTQ AX, AX
	JLE   done

	// K1 = the lowest min(cols, 16) bits
	MOVL    $16, CX
	CMPQ    AX, CX
	CMOVQLT AX, CX
	MOVL    $1, DX
	SHLL    CX, DX
	DECL    DX
	KMOVW   DX, K1
	BLOCK
	JEQ     narrowZero
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (DI)(R8*1), K1, Z1
	VMOVUPS.Z (DI)(R9*1), K1, Z2
	VMOVUPS.Z (DI)(R10*1), K1, Z3
	JMP     narrowStart

narrowZero:
	ZERO4(Z0, Z1, Z2, Z3)

narrowStart:
	MOVQ k+72(FP), CX

narrowLoop:
	VMOVUPS.Z   (DX), K1, Z16
	VMULPS.BCST (SI), Z16, Z24
	VMULPS.BCST (SI)(R11*1), Z16, Z25
	VMULPS.BCST (SI)(R12*1), Z16, Z26
	VMULPS.BCST (SI)(R13*1), Z16, Z27
	VADDPS      Z24, Z0, Z0
	VADDPS      Z25, Z1, Z1
	VADDPS      Z26, Z2, Z2
	VADDPS      Z27, Z3, Z3
	NEXT
	JNZ         narrowLoop
	VMOVUPS     Z0, K1, (DI)
	VMOVUPS     Z1, K1, (DI)(R8*1)
	VMOVUPS     Z2, K1, (DI)(R9*1)
	VMOVUPS     Z3, K1, (DI)(R10*1)
	ADDQ        $64, DI
	ADDQ        $64, R14
	SUBQ        $16, AX
	JMP         narrow

done:
	VZEROUPPER
	RET

// AVX2: 16 columns in two vectors a row, then 8 under a mask. Y0 to Y15 alone.

#define LOAD16(row, y0, y1) \
	VMOVUPS 0(DI)(row*1), y0; \
	VMOVUPS 32(DI)(row*1), y1

#define STORE16(row, y0, y1) \
	VMOVUPS y0, 0(DI)(row*1); \
	VMOVUPS y1, 32(DI)(row*1)

// y += x*(Y8, Y9), x one element of A
#define MULADD16(x, y0, y1) \
	VBROADCASTSS x, Y10; \
	VMULPS Y8, Y10, Y11; \
	VMULPS Y9, Y10, Y12; \
	VADDPS Y11, y0, y0;  \
	VADDPS Y12, y1, y1

// y += x*Y8
#define MULADD8(x, y) \
	VBROADCASTSS x, Y10; \
	VMULPS Y8, Y10, Y11; \
	VADDPS Y11, y, y

// eight lanes set, then eight clear: 4*(8-n) bytes in begins a mask of n lanes
DATA lanes<>+0(SB)/8, $0xffffffffffffffff
DATA lanes<>+8(SB)/8, $0xffffffffffffffff
DATA lanes<>+16(SB)/8, $0xffffffffffffffff
DATA lanes<>+24(SB)/8, $0xffffffffffffffff
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// func tileAVX2(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX2(SB), NOSPLIT, $0-81
	SETUP

wide:
	CMPQ AX, $16
	JLT  narrow
	BLOCK
	JEQ  wideZero
	LOAD16(CX, Y0, Y1)
	LOAD16(R8, Y2, Y3)
	LOAD16(R9, Y4, Y5)
	LOAD16(R10, Y6, Y7)
	JMP  wideStart

wideZero:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

wideStart:
	MOVQ k+72(FP), CX

wideLoop:
	VMOVUPS 0(DX), Y8
	VMOVUPS 32(DX), Y9
	MULADD16((SI), Y0, Y1)
	MULADD16((SI)(R11*1), Y2, Y3)
	MULADD16((SI)(R12*1), Y4, Y5)
	MULADD16((SI)(R13*1), Y6, Y7)
	NEXT
	JNZ     wideLoop
	STORE16(CX, Y0, Y1)
	STORE16(R8, Y2, Y3)
	STORE16(R9, Y4, Y5)
	STORE16(R10, Y6, Y7)
	ADDQ    $64, DI
	ADDQ    $64, R14
	SUBQ    $16, AX
	JMP     wide

narrow:
	TESTQ AX, AX
	JLE   done

	// Y15 = the lowest min(cols, 8) lanes
	MOVL    $8, CX
	CMPQ    AX, CX
	CMOVQLT AX, CX
	NEGQ    CX
	LEAQ    lanes<>+32(SB), DX
	VMOVUPS (DX)(CX*4), Y15
	BLOCK
	JEQ     narrowZero
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (DI)(R8*1), Y15, Y1
	VMASKMOVPS (DI)(R9*1), Y15, Y2
	VMASKMOVPS (DI)(R10*1), Y15, Y3
	JMP     narrowStart

narrowZero:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

narrowStart:
	MOVQ k+72(FP), CX

narrowLoop:
	VMASKMOVPS (DX), Y15, Y8
	MULADD8((SI), Y0)
	MULADD8((SI)(R11*1), Y1)
	MULADD8((SI)(R12*1), Y2)
	MULADD8((SI)(R13*1), Y3)
	NEXT
	JNZ        narrowLoop
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y1, Y15, (DI)(R8*1)
	VMASKMOVPS Y2, Y15, (DI)(R9*1)
	VMASKMOVPS Y3, Y15, (DI)(R10*1)
	ADDQ       $32, DI
	ADDQ       $32, R14
	SUBQ       $8, AX
	JMP        narrow

done:
	VZEROUPPER
	RET

// An 8×8 square is transposed in three rounds: elements are interleaved in
// pairs of rows, pairs in fours of rows, then 128-bit halves are exchanged.

#define INTERLEAVE(a, b, lo, hi) \
	VUNPCKLPS b, a, lo; \
	VUNPCKHPS b, a, hi

#define PAIRS(a, b, lo, hi) \
	VSHUFPS $0x44, b, a, lo; \
	VSHUFPS $0xEE, b, a, hi

// dst rows are 64 elements = 256 bytes long
#define HALVES(a, b, top, bottom) \
	VPERM2F128 $0x20, b, a, Y14; \
	VPERM2F128 $0x31, b, a, Y15; \
	VMOVUPS Y14, top(DI);        \
	VMOVUPS Y15, bottom(DI)

// func transposeAVX2(dst, src *float32, stride, rows int)
TEXT ·transposeAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), AX
	SHLQ $2, AX
	MOVQ rows+24(FP), CX
	LEAQ (AX)(AX*2), BX   // 3 rows
	LEAQ (SI)(AX*4), DX   // row 4

square:
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(AX*1), Y1
	VMOVUPS (SI)(AX*2), Y2
	VMOVUPS (SI)(BX*1), Y3
	VMOVUPS (DX), Y4
	VMOVUPS (DX)(AX*1), Y5
	VMOVUPS (DX)(AX*2), Y6
	VMOVUPS (DX)(BX*1), Y7
	INTERLEAVE(Y0, Y1, Y8, Y9)
	INTERLEAVE(Y2, Y3, Y10, Y11)
	INTERLEAVE(Y4, Y5, Y12, Y13)
	INTERLEAVE(Y6, Y7, Y14, Y15)
	PAIRS(Y8, Y10, Y0, Y1)
	PAIRS(Y9, Y11, Y2, Y3)
	PAIRS(Y12, Y14, Y4, Y5)
	PAIRS(Y13, Y15, Y6, Y7)
	HALVES(Y0, Y4, 0, 1024)
	HALVES(Y1, Y5, 256, 1280)
	HALVES(Y2, Y6, 512, 1536)
	HALVES(Y3, Y7, 768, 1792)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $2048, DI
	SUBQ $8, CX
	JNZ  square
	VZEROUPPER
	RET
