//go:build !purego

#include "textflag.h"

// func addSame32(to, w *float32, n int)
// to[i] += w[i] for n a multiple of 8, AVX2.
TEXT ·addSame32(SB), NOSPLIT, $0-24
	MOVQ to+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX
	PCALIGN $32
same32:
	VMOVUPS 0(DI)(AX*4), Y0
	VADDPS 0(SI)(AX*4), Y0, Y0
	VMOVUPS Y0, 0(DI)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT same32
	VZEROUPPER
	RET

// func widenCols32(to *float64, w *float32, n int)
// to[i] += float64(w[i]) for n a multiple of 8, AVX2.
TEXT ·widenCols32(SB), NOSPLIT, $0-24
	MOVQ to+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX
	PCALIGN $32
loop32:
	VCVTPS2PD 0(SI)(AX*4), Y0
	VCVTPS2PD 16(SI)(AX*4), Y1
	VADDPD 0(DI)(AX*8), Y0, Y0
	VADDPD 32(DI)(AX*8), Y1, Y1
	VMOVUPD Y0, 0(DI)(AX*8)
	VMOVUPD Y1, 32(DI)(AX*8)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT loop32
	VZEROUPPER
	RET

// func addSame64(to *float64, w *float64, n int)
// to[i] += w[i] for n a multiple of 8, AVX2.
TEXT ·addSame64(SB), NOSPLIT, $0-24
	MOVQ to+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX
	PCALIGN $32
loop64:
	VMOVUPD 0(SI)(AX*8), Y0
	VMOVUPD 32(SI)(AX*8), Y1
	VADDPD 0(DI)(AX*8), Y0, Y0
	VADDPD 32(DI)(AX*8), Y1, Y1
	VMOVUPD Y0, 0(DI)(AX*8)
	VMOVUPD Y1, 32(DI)(AX*8)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT loop64
	VZEROUPPER
	RET

// func sumLanes32(lanes, w *float32, n int)
// lanes[i%32] += w[i] for n, a multiple of 32 and not 0, AVX2.
TEXT ·sumLanes32(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX
	LEAQ (SI)(CX*4), CX
	VMOVUPS 0(DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	PCALIGN $32
lanes32:
	VADDPS 0(SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	VADDPS 64(SI), Y2, Y2
	VADDPS 96(SI), Y3, Y3
	ADDQ $128, SI
	CMPQ SI, CX
	JLT lanes32
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VZEROUPPER
	RET

// func sumLanes64(lanes, w *float64, n int)
// lanes[i%16] += w[i] for n, a multiple of 16 and not 0, AVX2.
TEXT ·sumLanes64(SB), NOSPLIT, $0-24
	MOVQ lanes+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX
	LEAQ (SI)(CX*8), CX
	VMOVUPD 0(DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	PCALIGN $32
lanes64:
	VADDPD 0(SI), Y0, Y0
	VADDPD 32(SI), Y1, Y1
	VADDPD 64(SI), Y2, Y2
	VADDPD 96(SI), Y3, Y3
	ADDQ $128, SI
	CMPQ SI, CX
	JLT lanes64
	VMOVUPD Y0, 0(DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VZEROUPPER
	RET
