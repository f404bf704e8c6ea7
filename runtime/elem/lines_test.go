package elem

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// lineShapes are rows and columns that lie in every way across blocks and groups of rows.
var lineShapes = [][2]int{{1, 1}, {1, 0}, {3, 0}, {0, 3}, {1, 7}, {3, 5}, {1000, 3}, {3, 1000}, {70, 1000}, {2, 70000}, {70000, 2}, {1, 65537}, {65, 1024}, {33, 2048}, {1024, 1}}

func mixture[T Float](r *rand.Rand, n, odds int) []T {
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, math.MaxFloat32, 1e-40}
	u := make([]T, n)
	for i := range u {
		u[i] = T(r.NormFloat64())
		if odds > 0 && r.IntN(odds) == 0 {
			u[i] = T(special[r.IntN(len(special))])
		}
	}
	return u
}

func equal(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

func TestReduceLines(t *testing.T) {
	t.Run("float32", testReduceLines[float32])
	t.Run("float64", testReduceLines[float64])
}

func testReduceLines[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, kind := range []Reduction{ReduceSum, ReduceMin, ReduceMax} {
		for _, shape := range lineShapes {
			rows, cols := shape[0], shape[1]
			u := mixture[T](r, rows*cols, []int{0, 9}[r.IntN(2)])
			row, col := make([]float64, rows), make([]float64, cols)
			for i := range row {
				row[i] = math.NaN() // is overwritten
			}
			ReduceRows(kind, row, u, cols)
			ReduceCols(kind, col, u, rows)
			for i, got := range row {
				if want := rowOf(kind, u, i, cols); !equal(got, want) {
					t.Fatalf("%v of %v: row %d is %v, want %v", kind, shape, i, got, want)
				}
			}
			for j := 0; j < cols; j += 1 + cols/50 {
				if want := colOf(kind, u, j, cols); !equal(col[j], want) {
					t.Fatalf("%v of %v: column %d is %v, want %v", kind, shape, j, col[j], want)
				}
			}
		}
	}
}

// rowOf reduces each piece of a row that lies in one block of the whole array, and then the pieces.
func rowOf[T Float](kind Reduction, u []T, row, cols int) float64 {
	pieces := map[int][]T{}
	var order []int
	for i := row * cols; i < (row+1)*cols; i++ {
		b := i / Block
		if pieces[b] == nil {
			order = append(order, b)
		}
		pieces[b] = append(pieces[b], u[i])
	}
	value := Identity(kind)
	for _, b := range order {
		value = Combine(kind, value, ReduceBlock(kind, pieces[b]))
	}
	return value
}

// colOf combines a column's values within groups of 32 rows in the element type, and then the groups.
func colOf[T Float](kind Reduction, u []T, col, cols int) float64 {
	value := Identity(kind)
	for from := 0; from < len(u)/cols; from += 32 {
		group := T(Identity(kind))
		for row := from; row < min(from+32, len(u)/cols); row++ {
			group = combine(kind, group, u[row*cols+col])
		}
		value = Combine(kind, value, float64(group))
	}
	return value
}

// TestReduceLinesIsAccurate holds that the tree of a row or column sums: integers are exact whatever the order.
func TestReduceLinesIsAccurate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, shape := range lineShapes {
		rows, cols := shape[0], shape[1]
		u := make([]float32, rows*cols)
		row, col := make([]float64, rows), make([]float64, cols)
		wantRow, wantCol := make([]float64, rows), make([]float64, cols)
		for i := range u {
			u[i] = float32(r.IntN(15) - 7)
			wantRow[i/cols] += float64(u[i])
			wantCol[i%cols] += float64(u[i])
		}
		ReduceRows(ReduceSum, row, u, cols)
		ReduceCols(ReduceSum, col, u, rows)
		if !slices.Equal(row, wantRow) || !slices.Equal(col, wantCol) {
			t.Errorf("%v: sums are wrong", shape)
		}
	}
}

// TestColsWithinBound holds sums of columns to the bound that the tree has, against sums of exact terms.
func TestColsWithinBound(t *testing.T) {
	testColsWithinBound[float32](t, 0x1p-24)
	testColsWithinBound[float64](t, 0x1p-53)
}

func testColsWithinBound[T Float](t *testing.T, unit float64) {
	r := rand.New(rand.NewPCG(3, 6))
	for _, rows := range []int{1, 31, 32, 33, 64, 1000, 5000} {
		const cols = 9
		u := make([]T, rows*cols)
		for i := range u {
			switch i % cols {
			case 0: // of one sign, where the errors of a long sum add up
				u[i] = T(1 + r.Float64())
			case 1: // a large one first: each that follows is rounded away by half
				u[i] = T(1 + float64(i%2)*unit)
			default:
				u[i] = T(r.NormFloat64() * math.Exp(float64(i%cols)*r.NormFloat64()))
			}
		}
		got := make([]float64, cols)
		ReduceCols(ReduceSum, got, u, rows)
		for col := range cols {
			sum, size := new(big.Float).SetPrec(2000), 0.0
			for row := range rows {
				v := float64(u[row*cols+col])
				sum.Add(sum, big.NewFloat(v))
				size += math.Abs(v)
			}
			off, _ := sum.Sub(sum, big.NewFloat(got[col])).Float64()
			bound := (31*unit + float64(rows/32)*0x1p-53) * size * (1 + 100*unit)
			if math.Abs(off) > bound {
				t.Errorf("%d rows, column %d: off by %v, more than %v", rows, col, off, bound)
			}
		}
	}
}

// TestAddCols takes elements in pieces of any size.
func TestAddCols(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, kind := range []Reduction{ReduceSum, ReduceMin, ReduceMax} {
		for range 100 {
			cols := 1 + r.IntN(40)
			u := mixture[float32](r, r.IntN(400), 20)
			whole, pieces := make([]float32, cols), make([]float32, cols)
			fill(whole, float32(Identity(kind)))
			fill(pieces, float32(Identity(kind)))
			first := r.IntN(cols)
			AddCols(kind, whole, u, first)
			for from := 0; from < len(u); {
				to := min(len(u), from+1+r.IntN(70))
				AddCols(kind, pieces, u[from:to], (first+from)%cols)
				from = to
			}
			for j := range whole {
				if !equal(float64(whole[j]), float64(pieces[j])) {
					t.Fatalf("%v: column %d of %d is %v in pieces, %v as a whole", kind, j, cols, pieces[j], whole[j])
				}
			}
		}
	}
}

func TestLines(t *testing.T) {
	var lines Lines[float64]
	for _, shape := range [][2]int{{1, 1}, {3, 5}, {5, 3}, {1, 9}, {9, 1}, {0, 4}, {3, 0}} {
		rows, cols := shape[0], shape[1]
		u := make([]float64, rows*cols)
		for i := range u {
			u[i] = float64(i*7%11) - 3
		}
		for _, byRow := range []bool{true, false} {
			n, length := cols, rows
			if byRow {
				n, length = rows, cols
			}
			for k := range length + 2 {
				kth, top := make([]float64, n), make([]float64, len(u))
				lines.Statistic(StatKth, kth, byRow, u, rows, cols, float64(k))
				lines.TopK(top, byRow, u, rows, cols, k)
				for line := range n {
					var values, marks, want []float64
					for i := range length {
						at := i*cols + line
						if byRow {
							at = line*cols + i
						}
						values, marks = append(values, u[at]), append(marks, top[at])
					}
					want = make([]float64, length)
					TopK([][]float64{want}, [][]float64{values}, k)
					if !slices.Equal(marks, want) {
						t.Errorf("%v, rows %v, line %d: the %d largest are %v, not %v", shape, byRow, line, k, marks, want)
					}
					slices.Sort(values)
					if k < 1 || k > length {
						if kth[line] == kth[line] {
							t.Errorf("%v, rows %v, line %d: value %d is %v", shape, byRow, line, k, kth[line])
						}
					} else if kth[line] != values[k-1] {
						t.Errorf("%v, rows %v, line %d: value %d is %v, not %v", shape, byRow, line, k, kth[line], values[k-1])
					}
				}
			}
		}
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		k    float64
		want int
	}{
		{1, 1}, {0.999, 0}, {0, 0}, {math.Copysign(0, -1), 0}, {-5, 0}, {2.999, 2}, {1e6, 1e6}, {math.NaN(), 0}, {math.Inf(1), math.MaxInt32},
		{math.Inf(-1), 0}, {1e300, math.MaxInt32}, {math.MaxInt32, math.MaxInt32}, {math.MaxInt32 - 1, math.MaxInt32 - 1},
	} {
		if got := Rank(c.k); got != c.want {
			t.Errorf("rank %v is %d, want %d", c.k, got, c.want)
		}
	}
}
