// The body of an AVX2 tile kernel: YCOLS columns in two vectors a row, then
// YLANES, one vector, under a mask. Y0 to Y15 alone.
	SETUP

wide:
	CMPQ AX, $YCOLS
	JLT  narrow
	BLOCK
	JEQ  wideZero
	LOADY(CX, Y0, Y1)
	LOADY(R8, Y2, Y3)
	LOADY(R9, Y4, Y5)
	LOADY(R10, Y6, Y7)
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
	MULADDY((SI), Y0, Y1)
	MULADDY((SI)(R11*1), Y2, Y3)
	MULADDY((SI)(R12*1), Y4, Y5)
	MULADDY((SI)(R13*1), Y6, Y7)
	NEXT
	JNZ     wideLoop
	STOREY(CX, Y0, Y1)
	STOREY(R8, Y2, Y3)
	STOREY(R9, Y4, Y5)
	STOREY(R10, Y6, Y7)
	ADDQ    $64, DI
	ADDQ    $64, R14
	SUBQ    $YCOLS, AX
	JMP     wide

narrow:
	TESTQ AX, AX
	JLE   done

	// Y15 = the lowest min(cols, YLANES) lanes
	MOVL    $YLANES, CX
	CMPQ    AX, CX
	CMOVQLT AX, CX
	NEGQ    CX
	LEAQ    lanes<>+32(SB), DX
	VMOVUPS (DX)(CX*SIZE), Y15
	BLOCK
	JEQ     narrowZero
	MASKMOV (DI), Y15, Y0
	MASKMOV (DI)(R8*1), Y15, Y1
	MASKMOV (DI)(R9*1), Y15, Y2
	MASKMOV (DI)(R10*1), Y15, Y3
	JMP     narrowStart

narrowZero:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

narrowStart:
	MOVQ k+72(FP), CX

narrowLoop:
	MASKMOV (DX), Y15, Y8
	MULADDMASKED((SI), Y0)
	MULADDMASKED((SI)(R11*1), Y1)
	MULADDMASKED((SI)(R12*1), Y2)
	MULADDMASKED((SI)(R13*1), Y3)
	NEXT
	JNZ        narrowLoop
	MASKMOV Y0, Y15, (DI)
	MASKMOV Y1, Y15, (DI)(R8*1)
	MASKMOV Y2, Y15, (DI)(R9*1)
	MASKMOV Y3, Y15, (DI)(R10*1)
	ADDQ       $32, DI
	ADDQ       $32, R14
	SUBQ       $YLANES, AX
	JMP        narrow

done:
	VZEROUPPER
	RET
