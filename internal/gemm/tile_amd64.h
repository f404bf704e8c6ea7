// What the tile kernels of both element types share. The file that includes this
// defines SHIFT, MOVE, MASKMOV, BROADCAST, MUL and ADD for its element type.

// All tile kernels hold:
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
	SHLQ $SHIFT, AX;          \
	OFFSETS(R8, R9, R10); \
	MOVQ arow+24(FP), AX; \
	SHLQ $SHIFT, AX;          \
	OFFSETS(R11, R12, R13); \
	MOVQ acol+32(FP), BX; \
	SHLQ $SHIFT, BX;          \
	MOVQ ldb+48(FP), R15; \
	SHLQ $SHIFT, R15;         \
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

#define LOADZ(row, z0, z1, z2, z3) \
	VMOVUPS 0(DI)(row*1), z0;   \
	VMOVUPS 64(DI)(row*1), z1;  \
	VMOVUPS 128(DI)(row*1), z2; \
	VMOVUPS 192(DI)(row*1), z3

#define STOREZ(row, z0, z1, z2, z3) \
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
#define MULADDZ(x, z0, z1, z2, z3) \
	BROADCAST x, Z20; \
	MUL Z16, Z20, Z24; \
	MUL Z17, Z20, Z25; \
	MUL Z18, Z20, Z26; \
	MUL Z19, Z20, Z27; \
	ADD Z24, z0, z0;   \
	ADD Z25, z1, z1;   \
	ADD Z26, z2, z2;   \
	ADD Z27, z3, z3

#define LOADY(row, y0, y1) \
	VMOVUPS 0(DI)(row*1), y0; \
	VMOVUPS 32(DI)(row*1), y1

#define STOREY(row, y0, y1) \
	VMOVUPS y0, 0(DI)(row*1); \
	VMOVUPS y1, 32(DI)(row*1)

// y += x*(Y8, Y9), x one element of A
#define MULADDY(x, y0, y1) \
	BROADCAST x, Y10; \
	MUL Y8, Y10, Y11; \
	MUL Y9, Y10, Y12; \
	ADD Y11, y0, y0;  \
	ADD Y12, y1, y1

// y += x*Y8
#define MULADDMASKED(x, y) \
	BROADCAST x, Y10; \
	MUL Y8, Y10, Y11; \
	ADD Y11, y, y
