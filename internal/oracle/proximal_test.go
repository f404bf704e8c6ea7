package oracle

import (
	"math"
	"slices"
	"sort"
	"strconv"
)

// Formulas of the rules that the compiler derives formulas for. Here they are in closed form, by hand.

// proxOf is the u with the least step*P(u) + (u - v)^2/2.
func proxOf(penalty string, v, step, lambda float64) float64 {
	size := math.Abs(v)
	soft := func(tau float64) float64 { return math.Copysign(max(size-tau, 0), v) }
	switch penalty {
	case "ridge":
		return v / (1 + step*lambda)
	case "elastic_net":
		return soft(step*lambda/2) / (1 + step*lambda/2)
	case "l0":
		if size <= math.Sqrt(2*step*lambda) {
			return 0
		}
		return v
	case "scad":
		const a = 3.7
		switch {
		case size <= lambda*(1+step):
			return soft(step * lambda)
		case size <= a*lambda:
			return ((a-1)*v - math.Copysign(step*a*lambda, v)) / (a - 1 - step)
		}
		return v
	case "log_sum": // u + step*lambda/(1 + u) = v
		k := step * lambda
		if disc := (size-1)*(size-1) - 4*(k-size); disc > 0 {
			u := (size - 1 + math.Sqrt(disc)) / 2
			if u > 0 && k*math.Log1p(u)+(u-size)*(u-size)/2 < size*size/2 {
				return math.Copysign(u, v)
			}
		}
		return 0
	}
	return soft(step * lambda)
}

func (r *run) proxSGD() {
	lr, lambda := r.Hypers["lr"], r.Hypers["lambda"]
	r.each(func(i, j int) { r.x[i][j] = proxOf(r.Options["penalty"], r.x[i][j]-lr*r.g[i][j], lr, lambda) })
}

func (r *run) fista() {
	z := r.from("average", r.x)
	s := r.single("t", 1)
	next := (1 + math.Sqrt(1+4*s*s)) / 2
	lr := r.Hypers["lr"]
	r.each(func(i, j int) {
		old := z[i][j]
		z[i][j] = proxOf(r.Options["penalty"], r.x[i][j]-lr*r.g[i][j], lr, r.Hypers["lambda"])
		r.x[i][j] = z[i][j] + (s-1)/next*(z[i][j]-old)
	})
	r.scalars["t"] = next
}

func (r *run) groupLasso() {
	lr, lambda := r.Hypers["lr"], r.Hypers["lambda"]
	for i, x := range r.x {
		rows := 1
		if s := r.Tensors[i].Shape; len(s) > 1 {
			rows = s[0]
		}
		cols := len(x) / rows
		squares := map[int]float64{}
		group := func(j int) int {
			switch r.Options["over"] {
			case "each_row":
				return j / cols
			case "each_col":
				return j % cols
			}
			return 0
		}
		for j := range x {
			x[j] -= lr * r.g[i][j]
			squares[group(j)] += x[j] * x[j]
		}
		for j := range x {
			x[j] *= max(0, 1-lr*lambda/math.Sqrt(squares[group(j)]))
		}
	}
}

// shareOf is the tau with sum(max(v - tau, 0)) = total, by sorting (Duchi et al. 2008, figure 1).
func shareOf(v []float64, total float64) float64 {
	u := slices.Clone(v)
	sort.Sort(sort.Reverse(sort.Float64Slice(u)))
	sum, tau := 0.0, 0.0
	for j, x := range u {
		sum += x
		if t := (sum - total) / float64(j+1); x > t {
			tau = t
		}
	}
	return tau
}

func (r *run) projectedSGD() {
	radius := r.Hypers["radius"]
	r.each(func(i, j int) { r.x[i][j] -= r.Hypers["lr"] * r.g[i][j] })
	for _, x := range r.x {
		sizes, scale, tau := make([]float64, len(x)), 1.0, 0.0
		for j := range x {
			sizes[j] = math.Abs(x[j])
		}
		switch r.Options["set"] {
		case "l2ball":
			scale = min(1, radius/norm(x))
		case "l1ball":
			if norm1([][]float64{x}) > radius {
				tau = shareOf(sizes, radius)
			}
		case "simplex":
			tau = shareOf(x, radius)
		}
		for j, v := range x {
			switch r.Options["set"] {
			case "l2ball":
				x[j] = v * scale
			case "l1ball":
				x[j] = math.Copysign(max(sizes[j]-tau, 0), v)
			case "simplex":
				x[j] = max(v-tau, 0)
			case "linfball":
				x[j] = min(max(v, -radius), radius)
			case "nonneg":
				x[j] = max(v, 0)
			case "box":
				x[j] = min(max(v, r.Hypers["lo"]), r.Hypers["hi"])
			}
		}
	}
}

func (r *run) frankWolfe() {
	radius := r.Hypers["radius"]
	for i, x := range r.x {
		best := 0
		n := norm(r.g[i])
		for j, g := range r.g[i] {
			if least := r.g[i][best]; r.Options["set"] == "simplex" && g < least || r.Options["set"] == "l1ball" && math.Abs(g) > math.Abs(least) {
				best = j
			}
		}
		for j, g := range r.g[i] {
			s := 0.0
			switch r.Options["set"] {
			case "simplex":
				if j == best {
					s = radius
				}
			case "l1ball":
				if j == best {
					s = -math.Copysign(radius, g)
				}
			case "linfball":
				s = -math.Copysign(radius, g)
			case "l2ball":
				s = -radius * g / n
			}
			x[j] += 2 / (r.t + 1) * (s - x[j])
		}
	}
}

func (r *run) mirrorDescent() {
	lr := r.Hypers["lr"]
	r.each(func(i, j int) {
		if r.Options["map"] == "half_square" {
			r.x[i][j] -= lr * r.g[i][j]
		} else {
			r.x[i][j] *= math.Exp(-lr * r.g[i][j])
		}
	})
}

func (r *run) exponentiatedGradient() {
	r.mirrorDescent()
	for _, x := range r.x {
		sum := norm1([][]float64{x})
		for j := range x {
			x[j] /= sum
		}
	}
}

// learn moves the learning rate of each group, which is every other tensor, by its hypergradient; dx is the step's derivative
// in it.
func (r *run) learn(dx [][]float64) (rates []float64) {
	var products [2]float64
	for i := range r.x {
		products[i%2] += dot(r.g[i:i+1], dx[i:i+1])
	}
	for k, p := range products {
		name := "lr" + strconv.Itoa(k)
		r.scalars[name] = r.single(name, r.Hypers["lr"]) - r.Hypers["rate"]*p
		rates = append(rates, r.scalars[name])
	}
	return rates
}

func (r *run) hypergradientSGD() {
	dx, m := r.state(0, "dx"), r.state(0, "momentum_buffer")
	rates := r.learn(dx)
	mu := r.Hypers["momentum"]
	r.each(func(i, j int) {
		d := r.g[i][j]
		if r.t > 1 && mu != 0 {
			d = mu*m[i][j] + (1-r.Hypers["dampening"])*d
		}
		m[i][j], dx[i][j] = d, -d
		r.x[i][j] -= rates[i%2] * d
	})
}

func (r *run) adamHD() {
	r.decay()
	m, v := r.state(0, "exp_avg"), r.state(0, "exp_avg_sq")
	b1, b2 := r.Hypers["beta1"], r.Hypers["beta2"]
	dx := r.state(0, "dx")
	rates := r.learn(dx)
	r.each(func(i, j int) {
		m[i][j] = b1*m[i][j] + (1-b1)*r.g[i][j]
		v[i][j] = b2*v[i][j] + (1-b2)*r.g[i][j]*r.g[i][j]
		dx[i][j] = -math.Sqrt(r.debias("beta2", r.t)) / r.debias("beta1", r.t) * m[i][j] / (math.Sqrt(v[i][j]) + r.Hypers["eps"])
		r.x[i][j] += rates[i%2] * dx[i][j]
	})
}
