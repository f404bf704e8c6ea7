#include "textflag.h"
#include "tile_amd64.h"

// 32 bytes set, then 32 clear: 32 - SIZE*n bytes in begins a mask of n lanes
DATA lanes<>+0(SB)/8, $0xffffffffffffffff
DATA lanes<>+8(SB)/8, $0xffffffffffffffff
DATA lanes<>+16(SB)/8, $0xffffffffffffffff
DATA lanes<>+24(SB)/8, $0xffffffffffffffff
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// float32

#define SHIFT 2
#define SIZE 4
#define MOVE VMOVUPS
#define MASKMOV VMASKMOVPS
#define BROADCAST VBROADCASTSS
#define MUL VMULPS
#define ADD VADDPS
#define ZCOLS 64
#define ZLANES 16
#define YCOLS 16
#define YLANES 8

// func tileAVX512(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX512(SB), NOSPLIT, $0-81
#include "avx512_amd64.h"

// func tileAVX2(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX2(SB), NOSPLIT, $0-81
#include "avx2_amd64.h"

#undef SHIFT
#undef SIZE
#undef MOVE
#undef MASKMOV
#undef BROADCAST
#undef MUL
#undef ADD
#undef ZCOLS
#undef ZLANES
#undef YCOLS
#undef YLANES

// float64

#define SHIFT 3
#define SIZE 8
#define MOVE VMOVUPD
#define MASKMOV VMASKMOVPD
#define BROADCAST VBROADCASTSD
#define MUL VMULPD
#define ADD VADDPD
#define ZCOLS 32
#define ZLANES 8
#define YCOLS 8
#define YLANES 4

// func tileAVX512x64(c *float64, ldc int, a *float64, arow, acol int, b *float64, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX512x64(SB), NOSPLIT, $0-81
#include "avx512_amd64.h"

// func tileAVX2x64(c *float64, ldc int, a *float64, arow, acol int, b *float64, ldb, rows, cols, k int, accumulate bool)
TEXT ·tileAVX2x64(SB), NOSPLIT, $0-81
#include "avx2_amd64.h"

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
