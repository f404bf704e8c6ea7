//go:build !purego

#include "textflag.h"

DATA siftOne<>+0(SB)/4, $1.0
GLOBL siftOne<>(SB), RODATA|NOPTR, $4

// func siftAVX512(to, u *float32, n int, lo, hi float32, counts *[3]int)
// Counts the elements up to lo and those above it, and stores those of them that are below hi side by side, for n a
// positive multiple of 16. A store of 16 goes beyond what it keeps, and not beyond what was read if to is u.
TEXT ·siftAVX512(SB), NOSPLIT, $0-40
	MOVQ to+0(FP), DI
	MOVQ u+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS lo+24(FP), Z8
	VBROADCASTSS hi+28(FP), Z9
	MOVQ DI, R12
	XORL R8, R8
	XORL R9, R9
	PCALIGN $32
wide:
	VMOVUPS (SI), Z0
	VCMPPS $2, Z8, Z0, K1
	VCMPPS $14, Z8, Z0, K2
	VCMPPS $1, Z9, Z0, K2, K3
	KMOVW K1, AX
	KMOVW K2, BX
	KMOVW K3, DX
	POPCNTL AX, AX
	POPCNTL BX, BX
	ADDQ AX, R8
	ADDQ BX, R9
	VCOMPRESSPS.Z Z0, K3, Z1
	POPCNTL DX, DX
	VMOVUPS Z1, (DI)
	LEAQ (DI)(DX*4), DI
	ADDQ $64, SI
	SUBQ $16, CX
	JNE wide
	SUBQ R12, DI
	SHRQ $2, DI
	MOVQ counts+32(FP), DX
	MOVQ R8, 0(DX)
	MOVQ R9, 8(DX)
	MOVQ DI, 16(DX)
	VZEROUPPER
	RET

// func siftAVX2(to, u *float32, n int, lo, hi float32, counts *[3]int)
TEXT ·siftAVX2(SB), NOSPLIT, $0-40
	MOVQ to+0(FP), DI
	MOVQ u+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS lo+24(FP), Y8
	VBROADCASTSS hi+28(FP), Y9
	MOVQ DI, R12
	XORL R8, R8
	XORL R9, R9
	PCALIGN $32
eight:
	VMOVUPS (SI), Y0
	VCMPPS $2, Y8, Y0, Y1
	VCMPPS $14, Y8, Y0, Y2
	VCMPPS $1, Y9, Y0, Y3
	VANDPS Y2, Y3, Y3
	VMOVMSKPS Y1, AX
	VMOVMSKPS Y2, BX
	VMOVMSKPS Y3, DX
	POPCNTL AX, AX
	POPCNTL BX, BX
	ADDQ AX, R8
	ADDQ BX, R9
	TESTL DX, DX
	JEQ next
keep:
	BSFL DX, R10
	MOVL (SI)(R10*4), R11
	MOVL R11, (DI)
	ADDQ $4, DI
	LEAL -1(DX), R10
	ANDL R10, DX
	JNE keep
next:
	ADDQ $32, SI
	SUBQ $8, CX
	JNE eight
	SUBQ R12, DI
	SHRQ $2, DI
	MOVQ counts+32(FP), DX
	MOVQ R8, 0(DX)
	MOVQ R9, 8(DX)
	MOVQ DI, 16(DX)
	VZEROUPPER
	RET

// func markAVX2(to, u *float32, n int, lo float32)
// to[i] = 1 where u[i] >= lo, else 0, for n a positive multiple of 16.
TEXT ·markAVX2(SB), NOSPLIT, $0-28
	MOVQ to+0(FP), DI
	MOVQ u+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS lo+24(FP), Y8
	VBROADCASTSS siftOne<>(SB), Y9
	XORL AX, AX
	PCALIGN $32
mark:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VCMPPS $13, Y8, Y0, Y0
	VCMPPS $13, Y8, Y1, Y1
	VANDPS Y9, Y0, Y0
	VANDPS Y9, Y1, Y1
	VMOVUPS Y0, (DI)(AX*4)
	VMOVUPS Y1, 32(DI)(AX*4)
	ADDQ $16, AX
	CMPQ AX, CX
	JLT mark
	VZEROUPPER
	RET
