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
	SUBQ $64, CX
	JLT rest
	PCALIGN $32
four: // of which most often none is above lo, or a NaN
	VMOVUPS 0(SI), Z0
	VMOVUPS 64(SI), Z1
	VCMPPS $6, Z8, Z0, K1
	VCMPPS $6, Z8, Z1, K2
	VMOVUPS 128(SI), Z2
	VMOVUPS 192(SI), Z3
	VCMPPS $6, Z8, Z2, K3
	VCMPPS $6, Z8, Z3, K4
	KORW K1, K2, K1
	KORW K3, K4, K3
	KORTESTW K1, K3
	JNE some
	ADDQ $64, R8
	ADDQ $256, SI
	SUBQ $64, CX
	JGE four
rest:
	ADDQ $64, CX
	JEQ done
	MOVQ CX, R10
	XORL CX, CX
	JMP wide
some:
	MOVL $64, R10
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
	SUBQ $16, R10
	JNE wide
	SUBQ $64, CX
	JGE four
	JMP rest
done:
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
two: // of which most often none is above lo, or a NaN
	VCMPPS $9, 0(SI), Y8, Y1
	VCMPPS $9, 32(SI), Y8, Y2
	VORPS Y1, Y2, Y1
	VTESTPS Y1, Y1
	JNE some
	ADDQ $16, R8
	ADDQ $64, SI
	SUBQ $16, CX
	JNE two
	JMP done
some:
	MOVL $2, R13
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
	DECL R13
	JNE eight
	TESTQ CX, CX
	JNE two
done:
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
