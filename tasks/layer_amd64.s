#include "textflag.h"

// The functions of layer_amd64.go: Y0 to Y15 alone, no fused products, so that the bits are those of the loops in Go.

// 32 bytes set, then 32 clear: 32 - 4*n bytes in begins a mask of n lanes.
DATA lanes<>+0(SB)/8, $0xffffffffffffffff
DATA lanes<>+8(SB)/8, $0xffffffffffffffff
DATA lanes<>+16(SB)/8, $0xffffffffffffffff
DATA lanes<>+24(SB)/8, $0xffffffffffffffff
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

DATA low<>+0(SB)/4, $-87.0
GLOBL low<>(SB), RODATA|NOPTR, $4
DATA high<>+0(SB)/4, $88.0
GLOBL high<>(SB), RODATA|NOPTR, $4
DATA sign<>+0(SB)/4, $0x80000000
GLOBL sign<>(SB), RODATA|NOPTR, $4

// The rows of short.
#define LOG2E 0(BX)
#define ROUND 32(BX)
#define LN2HIGH 64(BX)
#define LN2LOW 96(BX)
#define BIAS 128(BX)
#define ONE 160(BX)
#define C2 192(BX)
#define C3 224(BX)
#define C4 256(BX)
#define C5 288(BX)
#define C6 320(BX)
#define C7 352(BX)
#define C8 384(BX)
#define C9 416(BX)
#define C10 448(BX)
#define DOWN 480(BX)
#define UP 512(BX)
#define ERROR 544(BX)
#define TWO 576(BX)
#define TEN 608(BX)
#define T3 640(BX)
#define T15 672(BX)
#define T315 704(BX)
#define TINY 736(BX)
#define SMALL 768(BX)

// EXP is shortExp: Y7 of Y0, by way of Y1 to Y6.
#define EXP \
	VMULPD LOG2E, Y0, Y1   \
	VADDPD ROUND, Y1, Y1   \
	VSUBPD ROUND, Y1, Y2   \
	VMULPD LN2HIGH, Y2, Y3 \
	VSUBPD Y3, Y0, Y3      \
	VMULPD LN2LOW, Y2, Y2  \
	VSUBPD Y2, Y3, Y3      \
	VMULPD Y3, Y3, Y4      \
	VMULPD Y4, Y4, Y5      \
	VMULPD C9, Y3, Y6      \
	VADDPD C8, Y6, Y6      \
	VMULPD C10, Y4, Y7     \
	VADDPD Y7, Y6, Y6      \
	VMULPD Y5, Y6, Y6      \
	VMULPD C7, Y3, Y7      \
	VADDPD C6, Y7, Y7      \
	VMULPD Y4, Y7, Y7      \
	VMULPD C5, Y3, Y2      \
	VADDPD C4, Y2, Y2      \
	VADDPD Y7, Y2, Y2      \
	VADDPD Y6, Y2, Y2      \
	VMULPD Y5, Y2, Y2      \
	VMULPD C3, Y3, Y6      \
	VADDPD C2, Y6, Y6      \
	VMULPD Y4, Y6, Y6      \
	VADDPD ONE, Y3, Y3     \
	VADDPD Y6, Y3, Y3      \
	VADDPD Y2, Y3, Y3      \
	VPADDQ BIAS, Y1, Y1    \
	VPSLLQ $52, Y1, Y1     \
	VMULPD Y1, Y3, Y7

// FOUR sets X8 to the next elements, fewer than four under the mask X12, and R8 to a bit for each; or it goes to done.
#define FOUR \
	MOVQ       CX, DX             \
	SUBQ       AX, DX             \
	JLE        done               \
	CMPQ       DX, $4             \
	JLT        few                \
	MOVL       $15, R8            \
	VMOVUPS    (SI)(AX*4), X8     \
	JMP        four               \
few:                              \
	MOVQ       DX, R9             \
	SHLQ       $2, R9             \
	LEAQ       lanes<>+32(SB), R10 \
	SUBQ       R9, R10            \
	VMOVUPS    (R10), X12         \
	VMASKMOVPS (SI)(AX*4), X12, X8 \
	VMOVMSKPS  X12, R8            \
four:

// STORE puts X1 in their place and goes to loop, if X3 is set for each of them.
#define STORE \
	VMOVMSKPS  X3, R9             \
	ANDL       R8, R9             \
	CMPL       R9, R8             \
	JNE        done               \
	CMPQ       DX, $4             \
	JLT        last               \
	VMOVUPS    X1, (SI)(AX*4)     \
	ADDQ       $4, AX             \
	JMP        loop               \
last:                             \
	VMASKMOVPS X1, X12, (SI)(AX*4) \
	MOVQ       CX, AX

// func expAVX2(z *float32, n int, top float32) (done int)
TEXT ·expAVX2(SB), NOSPLIT, $0-32
	MOVQ         z+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS top+16(FP), X15
	VBROADCASTSS low<>(SB), X14
	VBROADCASTSS high<>(SB), X13
	MOVQ         $·short(SB), BX
	XORQ         AX, AX

loop:
	FOUR
	VSUBPS X15, X8, X8
	VCMPPS $0x1e, X14, X8, X9
	VCMPPS $0x11, X13, X8, X10
	VANDPS X10, X9, X9
	VCVTPS2PD X8, Y0
	EXP
	VMULPD DOWN, Y7, Y1
	VMULPD UP, Y7, Y2
	VCVTPD2PSY Y1, X1
	VCVTPD2PSY Y2, X2
	VCMPPS $0, X1, X2, X3
	VANDPS X9, X3, X3
	STORE

done:
	VZEROUPPER
	MOVQ AX, done+24(FP)
	RET

// func tanhAVX2(z *float32, n int) (done int)
TEXT ·tanhAVX2(SB), NOSPLIT, $0-24
	MOVQ         z+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS sign<>(SB), X15
	MOVQ         $·short(SB), BX
	XORQ         AX, AX

loop:
	FOUR
	VCMPPS    $7, X8, X8, X9
	VANDNPS   X8, X15, X10
	VCVTPS2PD X10, Y14
	VMINPD    TEN, Y14, Y0
	VADDPD    Y0, Y0, Y0
	EXP
	VADDPD    ONE, Y7, Y7
	VMOVUPD   TWO, Y1
	VDIVPD    Y7, Y1, Y1
	VMOVUPD   ONE, Y2
	VSUBPD    Y1, Y2, Y1
	VMOVUPD   ERROR, Y2

	// the polynomial near zero
	VMULPD    Y14, Y14, Y3
	VMULPD    T315, Y3, Y4
	VMOVUPD   T15, Y5
	VSUBPD    Y4, Y5, Y4
	VMULPD    Y3, Y4, Y4
	VMOVUPD   T3, Y5
	VSUBPD    Y4, Y5, Y4
	VMULPD    Y3, Y4, Y4
	VMULPD    Y14, Y4, Y4
	VSUBPD    Y4, Y14, Y4
	VMULPD    TINY, Y4, Y5
	VCMPPD    $0x12, SMALL, Y14, Y6
	VBLENDVPD Y6, Y4, Y1, Y1
	VBLENDVPD Y6, Y5, Y2, Y2

	VADDPD     Y2, Y1, Y3
	VSUBPD     Y2, Y1, Y1
	VCVTPD2PSY Y1, X1
	VCVTPD2PSY Y3, X2
	VCMPPS     $0, X1, X2, X3
	VANDPS     X9, X3, X3
	VANDPS     X15, X8, X8
	VORPS      X8, X1, X1
	STORE

done:
	VZEROUPPER
	MOVQ AX, done+16(FP)
	RET

// func rectifyAVX2(h, b *float32, rows, cols int)
TEXT ·rectifyAVX2(SB), NOSPLIT, $0-32
	MOVQ   h+0(FP), SI
	MOVQ   b+8(FP), DI
	MOVQ   rows+16(FP), DX
	MOVQ   cols+24(FP), CX
	VXORPS Y15, Y15, Y15
	MOVQ   CX, R9
	ANDQ   $7, R9
	SHLQ   $2, R9
	LEAQ   lanes<>+32(SB), R10
	SUBQ   R9, R10
	VMOVUPS (R10), Y12
	MOVQ   CX, R8
	ANDQ   $~7, R8

row:
	XORQ AX, AX

eight:
	CMPQ    AX, R8
	JGE     rest
	VMOVUPS (SI)(AX*4), Y0
	VADDPS  (DI)(AX*4), Y0, Y0
	VADDPS  Y15, Y0, Y0
	VMAXPS  Y0, Y15, Y0
	VMOVUPS Y0, (SI)(AX*4)
	ADDQ    $8, AX
	JMP     eight

rest:
	CMPQ       AX, CX
	JGE        next
	VMASKMOVPS (SI)(AX*4), Y12, Y0
	VMASKMOVPS (DI)(AX*4), Y12, Y1
	VADDPS     Y1, Y0, Y0
	VADDPS     Y15, Y0, Y0
	VMAXPS     Y0, Y15, Y0
	VMASKMOVPS Y0, Y12, (SI)(AX*4)

next:
	LEAQ (SI)(CX*4), SI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

// func rectifiedAVX2(d, h *float32, n int)
TEXT ·rectifiedAVX2(SB), NOSPLIT, $0-24
	MOVQ   d+0(FP), DI
	MOVQ   h+8(FP), SI
	MOVQ   n+16(FP), CX
	VXORPS Y15, Y15, Y15
	MOVQ   CX, R8
	ANDQ   $~7, R8
	XORQ   AX, AX

eight:
	CMPQ    AX, R8
	JGE     rest
	VMOVUPS (SI)(AX*4), Y0
	VCMPPS  $4, Y15, Y0, Y0
	VANDPS  (DI)(AX*4), Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	JMP     eight

rest:
	SUBQ       AX, CX
	JLE        done
	SHLQ       $2, CX
	LEAQ       lanes<>+32(SB), R10
	SUBQ       CX, R10
	VMOVUPS    (R10), Y12
	VMASKMOVPS (SI)(AX*4), Y12, Y0
	VMASKMOVPS (DI)(AX*4), Y12, Y1
	VCMPPS     $4, Y15, Y0, Y0
	VANDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y12, (DI)(AX*4)

done:
	VZEROUPPER
	RET

// func divideAVX2(z *float32, n int, by float32)
TEXT ·divideAVX2(SB), NOSPLIT, $0-20
	MOVQ         z+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS by+16(FP), Y15
	MOVQ         CX, R8
	ANDQ         $~7, R8
	XORQ         AX, AX

eight:
	CMPQ    AX, R8
	JGE     rest
	VMOVUPS (SI)(AX*4), Y0
	VDIVPS  Y15, Y0, Y0
	VMOVUPS Y0, (SI)(AX*4)
	ADDQ    $8, AX
	JMP     eight

rest:
	SUBQ       AX, CX
	JLE        done
	SHLQ       $2, CX
	LEAQ       lanes<>+32(SB), R10
	SUBQ       CX, R10
	VMOVUPS    (R10), Y12
	VMASKMOVPS (SI)(AX*4), Y12, Y0
	VDIVPS     Y15, Y0, Y0
	VMASKMOVPS Y0, Y12, (SI)(AX*4)

done:
	VZEROUPPER
	RET
