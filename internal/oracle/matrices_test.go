package oracle

import (
	"math"
	"slices"
	"sort"
	"strconv"

	"gonum.org/v1/gonum/mat"
)

// dims are a tensor's rows and columns: the first dimension by all the others.
func (r *run) dims(i int) (rows, cols int) {
	t := r.Tensors[i]
	if len(t.Shape) < 2 {
		return 1, t.Numel()
	}
	return t.Shape[0], t.Numel() / t.Shape[0]
}

// matrix shares its elements with data.
func (r *run) matrix(i int, data []float64) *mat.Dense {
	rows, cols := r.dims(i)
	return mat.NewDense(rows, cols, data)
}

func product(first mat.Matrix, others ...mat.Matrix) *mat.Dense {
	p := mat.DenseCopyOf(first)
	for _, m := range others {
		var next mat.Dense
		next.Mul(p, m)
		p = &next
	}
	return p
}

func (r *run) adafactor() {
	h := r.Hypers
	names := []string{"v_row", "v_col", "v"}
	if slices.Contains(r.States, "row_var") {
		names = []string{"row_var", "col_var", "variance"}
	}
	row, col, full := r.sized(names[0]), r.sized(names[1]), r.sized(names[2])
	var m [][]float64
	if h["momentum"] != 0 {
		m = r.state(0, "ema")
	}
	w := math.Pow(r.t, -h["decay"])
	inside := 0.0
	if !r.torch() {
		inside = h["eps1"]
	}
	for i, x := range r.x {
		g := r.g[i]
		rate := h["lr"]
		if r.torch() {
			rate = min(rate, 1/math.Sqrt(r.t))
		}
		rate *= max(h["eps2"], rms(x))
		sq := make([]float64, len(g))
		for j := range g {
			sq[j] = g[j]*g[j] + inside
		}
		v := sq
		if len(r.Tensors[i].Shape) > 1 {
			v = r.factored(i, sq, row[i], col[i], w)
		} else {
			for j := range v {
				v[j] = ema(&full[i][j], sq[j], 1-w)
			}
		}
		u := make([]float64, len(g))
		for j := range g {
			floor := 0.0
			if r.torch() {
				floor = h["eps1"] * h["eps1"]
			}
			u[j] = g[j] / math.Sqrt(max(v[j], floor))
		}
		shrink := max(1, rms(u)/h["clip"])
		for j := range x {
			step := rate * u[j] / shrink
			if m != nil {
				step = ema(&m[i][j], step, h["momentum"])
			}
			decay := h["weight_decay"]
			if r.torch() {
				decay *= h["lr"]
			}
			x[j] -= step + decay*x[j]
		}
	}
}

// factored is the second moment of rank one.
func (r *run) factored(i int, sq, row, col []float64, w float64) []float64 {
	rows, cols := r.dims(i)
	for a := range rows {
		ema(&row[a], mean(sq[a*cols:(a+1)*cols]), 1-w)
	}
	for b := range cols {
		sum := 0.0
		for a := range rows {
			sum += sq[a*cols+b]
		}
		ema(&col[b], sum/float64(rows), 1-w)
	}
	below := mean(row)
	if r.torch() {
		below = max(below, r.Hypers["eps1"])
	}
	v := make([]float64, len(sq))
	for k := range v {
		v[k] = row[k/cols] / below * col[k%cols]
	}
	return v
}

// orthogonal is five steps of Newton and Schulz.
func orthogonal(x *mat.Dense) mat.Matrix {
	if rows, cols := x.Dims(); rows > cols {
		return orthogonal(mat.DenseCopyOf(x.T())).T()
	}
	for range 5 {
		var b, next mat.Dense
		a := product(x, x.T())
		b.Scale(-4.775, a)
		a2 := product(a, a)
		a2.Scale(2.0315, a2)
		b.Add(&b, a2)
		next.Scale(3.4445, x)
		next.Add(&next, product(&b, x))
		x = &next
	}
	return x
}

func (r *run) muon() { r.muonOn(r.all()) }

func (r *run) muonOn(tensors []int) {
	h := r.Hypers
	m := r.state(0, "momentum_buffer", "mu")
	mu := h["momentum"]
	for _, i := range tensors {
		u := make([]float64, len(r.x[i]))
		for j, g := range r.g[i] {
			ema(&m[i][j], g, mu)
			switch {
			case r.torch() && r.on("nesterov"):
				u[j] = g + mu*(m[i][j]-g)
			case r.torch():
				u[j] = m[i][j]
			case r.on("nesterov"):
				u[j] = r.ahead("momentum", m[i][j], g)
			default:
				u[j] = m[i][j] / r.debias("momentum", r.t)
			}
		}
		below := norm(u) + h["eps"]
		if r.torch() {
			below = max(norm(u), h["eps"])
		}
		for j := range u {
			u[j] /= below
		}
		o := orthogonal(r.matrix(i, u))
		rows, cols := r.dims(i)
		x := r.matrix(i, r.x[i])
		x.Apply(func(a, b int, v float64) float64 {
			return v - h["lr"]*h["weight_decay"]*v - h["lr"]*r.muonScale(float64(rows), float64(cols))*o.At(a, b)
		}, x)
	}
}

func (r *run) muonScale(rows, cols float64) float64 {
	switch r.Options["scale"] {
	case "match_rms_adamw":
		return 0.2 * math.Sqrt(max(rows, cols))
	case "consistent_rms":
		return r.Hypers["rms"] * math.Sqrt(max(rows, cols))
	case "original":
		return math.Sqrt(max(1, rows/cols))
	}
	return math.Sqrt(max(1, cols/rows))
}

func (r *run) muonNadam() {
	var matrices, others []int
	for i, t := range r.Tensors {
		if len(t.Shape) > 1 {
			matrices = append(matrices, i)
		} else {
			others = append(others, i)
		}
	}
	r.sized("nu")
	r.muonOn(matrices)
	r.nadam(others, "mu")
}

// powerOf is a symmetric matrix to a power by its eigenvalues.
func powerOf(a []float64, n int, power float64) *mat.Dense {
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(n, slices.Clone(a)), true) {
		return nil
	}
	var v mat.Dense
	e.VectorsTo(&v)
	scaled := mat.DenseCopyOf(&v)
	values := e.Values(nil)
	scaled.Apply(func(_, j int, x float64) float64 { return x * math.Pow(math.Abs(values[j]), power) }, scaled)
	return product(scaled, v.T())
}

// gram adds w*g@g' of the rows, or w*g'@g of the columns, to keep*l.
func gram(l []float64, keep, w float64, g mat.Matrix) {
	rows, _ := g.Dims()
	p := product(g, g.T())
	for a := range rows {
		for b := range rows {
			l[a*rows+b] = keep*l[a*rows+b] + w*p.At(a, b)
		}
	}
}

func (r *run) shampoo() {
	h := r.Hypers
	var p [][]float64
	if h["momentum"] != 0 || slices.Contains(r.States, "momentum_buffer") {
		p = r.from("momentum_buffer", r.g)
	}
	sides := [][][]float64{r.sized("pre_cond_0"), r.sized("pre_cond_1")}
	for i, x := range r.x {
		rank := min(len(r.Tensors[i].Shape), 2)
		g := slices.Clone(r.g[i])
		for j := range g {
			if p != nil {
				g[j] += h["momentum"] * (p[i][j] - g[j])
			}
			g[j] += h["weight_decay"] * x[j]
		}
		out := r.matrix(i, g)
		given := mat.DenseCopyOf(out)
		for side := range rank {
			l := sides[side][i]
			n := int(math.Sqrt(float64(len(l))))
			if r.t == 1 {
				for k := range n {
					l[k*n+k] = h["eps"]
				}
			}
			// A vector's only side is its columns, here one row.
			if side == 0 && rank == 2 {
				gram(l, 1, 1, given)
				out = product(powerOf(l, n, -0.25), out)
			} else {
				gram(l, 1, 1, given.T())
				out = product(out, powerOf(l, n, -0.5/float64(rank)))
			}
		}
		for j, d := range out.RawMatrix().Data {
			x[j] -= h["lr"] * d
			if p != nil {
				p[i][j] = d
			}
		}
	}
}

// signedAs turns columns of a square matrix that point against those of another.
func signedAs(q, as []float64) []float64 {
	n := int(math.Sqrt(float64(len(q))))
	out := slices.Clone(q)
	for c := range n {
		along := 0.0
		for k := range n {
			along += q[k*n+c] * as[k*n+c]
		}
		for k := range n {
			out[k*n+c] *= math.Copysign(1, along)
		}
	}
	return out
}

// A side of SOAP: the average of the Gram matrices and a basis near its eigenvectors.
type side struct {
	g, q []float64
	n    int
}

func (s side) basis() *mat.Dense { return mat.NewDense(s.n, s.n, s.q) }

func (s side) begin() {
	var e mat.EigenSym
	e.Factorize(mat.NewSymDense(s.n, slices.Clone(s.g)), true)
	var v mat.Dense
	e.VectorsTo(&v)
	for k := range s.q {
		s.q[k] = v.At(k/s.n, s.n-1-k%s.n)
	}
}

// refine is a step of orthogonal iteration; it answers the new order of the columns.
func (s side) refine() []int {
	q := s.basis()
	p := product(mat.NewDense(s.n, s.n, s.g), q)
	order, size := make([]int, s.n), make([]float64, s.n)
	for c := range order {
		order[c] = c
		size[c] = mat.Dot(q.ColView(c), p.ColView(c))
	}
	sort.SliceStable(order, func(a, b int) bool { return size[order[a]] > size[order[b]] })
	sorted := mat.NewDense(s.n, s.n, nil)
	sorted.Apply(func(a, b int, _ float64) float64 { return p.At(a, order[b]) }, sorted)
	var qr mat.QR
	qr.Factorize(sorted)
	var next mat.Dense
	qr.QTo(&next)
	q.Copy(&next)
	return order
}

func (r *run) soap() {
	h := r.Hypers
	m, v := r.state(0, "exp_avg"), r.state(0, "exp_avg_sq")
	every, _ := strconv.ParseFloat(r.Options["every"], 64)
	k := r.t - 1
	for i, x := range r.x {
		sides := r.sides(i)
		g := r.matrix(i, r.g[i])
		if k > 0 {
			rotated := r.turn(i, r.g[i], sides, false)
			for j := range x {
				ema(&m[i][j], r.g[i][j], h["beta1"])
				ema(&v[i][j], rotated[j]*rotated[j], h["beta2"])
			}
			u := r.turn(i, m[i], sides, false)
			for j := range u {
				u[j] /= math.Sqrt(v[i][j]) + h["eps"]
			}
			u = r.turn(i, u, sides, true)
			rate := h["lr"] * math.Sqrt(r.debias("beta2", k)) / r.debias("beta1", k)
			for j := range x {
				x[j] = (x[j] - rate*u[j]) * (1 - h["lr"]*h["weight_decay"])
			}
		}
		for axis, s := range sides {
			if s.n == 0 {
				continue
			}
			along := mat.Matrix(g)
			if axis == 1 {
				along = g.T()
			}
			gram(s.g, h["shampoo_beta"], 1-h["shampoo_beta"], along)
			if k == 0 {
				s.begin()
			} else if math.Mod(k, every) == 0 {
				r.reorder(i, axis, s.refine(), v[i])
			}
		}
	}
}

// sides are none for vectors and empty where a side is too long.
func (r *run) sides(i int) (out []side) {
	if len(r.Tensors[i].Shape) < 2 {
		return nil
	}
	for axis := range 2 {
		s := side{g: r.sized("G_" + strconv.Itoa(axis))[i], q: r.sized("Q_" + strconv.Itoa(axis))[i]}
		s.n = int(math.Sqrt(float64(len(s.g))))
		out = append(out, s)
	}
	return out
}

// turn is Q1'@a@Q2, or back: Q1@a@Q2'.
func (r *run) turn(i int, a []float64, sides []side, back bool) []float64 {
	p := mat.DenseCopyOf(r.matrix(i, slices.Clone(a)))
	for axis, s := range sides {
		if s.n == 0 {
			continue
		}
		q := mat.Matrix(s.basis())
		if back {
			q = q.T()
		}
		if axis == 0 {
			p = product(q.T(), p)
		} else {
			p = product(p, q)
		}
	}
	return p.RawMatrix().Data
}

func (r *run) reorder(i, axis int, order []int, v []float64) {
	old := mat.DenseCopyOf(r.matrix(i, slices.Clone(v)))
	_, cols := old.Dims()
	for k := range v {
		if axis == 0 {
			v[k] = old.At(order[k/cols], k%cols)
		} else {
			v[k] = old.At(k/cols, order[k%cols])
		}
	}
}
