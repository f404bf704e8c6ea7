// The body of an AVX-512 tile kernel: ZCOLS columns in four vectors a row, then
// ZLANES, one vector, under a mask.
	SETUP

wide:
	CMPQ AX, $ZCOLS
	JLT  narrow
	BLOCK
	JEQ  wideZero
	LOADZ(CX, Z0, Z1, Z2, Z3)
	LOADZ(R8, Z4, Z5, Z6, Z7)
	LOADZ(R9, Z8, Z9, Z10, Z11)
	LOADZ(R10, Z12, Z13, Z14, Z15)
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
	MULADDZ((SI), Z0, Z1, Z2, Z3)
	MULADDZ((SI)(R11*1), Z4, Z5, Z6, Z7)
	MULADDZ((SI)(R12*1), Z8, Z9, Z10, Z11)
	MULADDZ((SI)(R13*1), Z12, Z13, Z14, Z15)
	NEXT
	JNZ     wideLoop
	STOREZ(CX, Z0, Z1, Z2, Z3)
	STOREZ(R8, Z4, Z5, Z6, Z7)
	STOREZ(R9, Z8, Z9, Z10, Z11)
	STOREZ(R10, Z12, Z13, Z14, Z15)
	ADDQ    $256, DI
	ADDQ    $256, R14
	SUBQ    $ZCOLS, AX
	JMP     wide

narrow:
	TESTQ AX, AX
	JLE   done

	// K1 = the lowest min(cols, ZLANES) bits
	MOVL    $ZLANES, CX
	CMPQ    AX, CX
	CMOVQLT AX, CX
	MOVL    $1, DX
	SHLL    CX, DX
	DECL    DX
	KMOVW   DX, K1
	BLOCK
	JEQ     narrowZero
	MOVE.Z (DI), K1, Z0
	MOVE.Z (DI)(R8*1), K1, Z1
	MOVE.Z (DI)(R9*1), K1, Z2
	MOVE.Z (DI)(R10*1), K1, Z3
	JMP     narrowStart

narrowZero:
	ZERO4(Z0, Z1, Z2, Z3)

narrowStart:
	MOVQ k+72(FP), CX

narrowLoop:
	MOVE.Z   (DX), K1, Z16
	MUL.BCST (SI), Z16, Z24
	MUL.BCST (SI)(R11*1), Z16, Z25
	MUL.BCST (SI)(R12*1), Z16, Z26
	MUL.BCST (SI)(R13*1), Z16, Z27
	ADD      Z24, Z0, Z0
	ADD      Z25, Z1, Z1
	ADD      Z26, Z2, Z2
	ADD      Z27, Z3, Z3
	NEXT
	JNZ         narrowLoop
	MOVE        Z0, K1, (DI)
	MOVE        Z1, K1, (DI)(R8*1)
	MOVE        Z2, K1, (DI)(R9*1)
	MOVE        Z3, K1, (DI)(R10*1)
	ADDQ        $64, DI
	ADDQ        $64, R14
	SUBQ        $ZLANES, AX
	JMP         narrow

done:
	VZEROUPPER
	RET
