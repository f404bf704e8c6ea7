package main

import "math"

// Float is an element type.
type Float interface{ float32 | float64 }

const block = 1024

// interpret runs a kernel in plain Go and returns its partial results, block by block.
func interpret[T Float](k *Kernel, streams [][]T, scalars []T, n int) []float64 {
	real := make([]T, len(k.Instrs))
	mask := make([]bool, len(k.Instrs))
	get := func(a Operand) T {
		if a.Scalar {
			return scalars[a.Index]
		}
		return real[a.Index]
	}
	reduced := make([][]T, len(k.Reductions))
	for e := range n {
		for i := range k.Instrs {
			in := &k.Instrs[i]
			switch in.Op {
			case "load":
				real[i] = streams[in.Stream][e]
			case "and":
				mask[i] = mask[in.Args[0].Index] && mask[in.Args[1].Index]
			case "or":
				mask[i] = mask[in.Args[0].Index] || mask[in.Args[1].Index]
			case "not":
				mask[i] = !mask[in.Args[0].Index]
			case "real":
				real[i] = 0
				if mask[in.Args[0].Index] {
					real[i] = 1
				}
			case "where":
				real[i] = get(in.Args[2])
				if mask[in.Args[0].Index] {
					real[i] = get(in.Args[1])
				}
			case "isfinite":
				x := float64(get(in.Args[0]))
				mask[i] = !math.IsNaN(x) && !math.IsInf(x, 0)
			default:
				a, b := get(in.Args[0]), T(0)
				if len(in.Args) == 2 {
					b = get(in.Args[1])
				}
				if in.Mask {
					mask[i] = compare(in.Op, a, b)
				} else {
					real[i] = calculate(in.Op, a, b)
				}
			}
		}
		for _, s := range k.Stores {
			streams[s.Stream][e] = get(s.Value)
		}
		for r := range reduced {
			reduced[r] = append(reduced[r], get(k.Reductions[r].Value))
		}
	}
	var partial []float64
	for at := 0; at < n; at += block {
		for r, red := range k.Reductions {
			partial = append(partial, foldBlock(red.Kind, reduced[r][at:min(n, at+block)]))
		}
	}
	return partial
}

func compare[T Float](op string, a, b T) bool {
	switch op {
	case "eq":
		return a == b
	case "ne":
		return a != b
	case "lt":
		return a < b
	case "le":
		return a <= b
	case "gt":
		return a > b
	case "ge":
		return a >= b
	}
	panic("no operator " + op)
}

func calculate[T Float](op string, a, b T) T {
	switch op {
	case "add":
		return T(a + b)
	case "sub":
		return T(a - b)
	case "mul":
		return T(a * b)
	case "div":
		return T(a / b)
	case "neg":
		return -a
	case "abs":
		return T(math.Abs(float64(a)))
	case "sqrt":
		return T(math.Sqrt(float64(a))) // exact for float32 too: float64 has more than twice its digits
	case "min":
		return min(a, b)
	case "max":
		return max(a, b)
	case "sign":
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		case a == 0:
			return 0
		}
		return a
	case "copysign":
		if b != b {
			return b
		}
		return T(math.Copysign(float64(a), float64(b)))
	case "floor":
		return T(math.Floor(float64(a)))
	case "ceil":
		return T(math.Ceil(float64(a)))
	case "round":
		return T(math.RoundToEven(float64(a)))
	}
	return elementary(op, a, b)
}

// foldBlock reduces at most a block by the tree: 128 bytes of lanes, each in index order, then halves.
func foldBlock[T Float](kind int, u []T) float64 {
	combine := func(a, b T) T { return T(a + b) }
	start := T(0)
	switch kind {
	case 1:
		combine, start = func(a, b T) T { return min(a, b) }, T(math.Inf(1))
	case 2:
		combine, start = func(a, b T) T { return max(a, b) }, T(math.Inf(-1))
	}
	lanes := make([]T, 128/size[T]())
	for i := range lanes {
		lanes[i] = start
	}
	for i, x := range u {
		lanes[i%len(lanes)] = combine(lanes[i%len(lanes)], x)
	}
	for h := len(lanes) / 2; h >= 1; h /= 2 {
		for i := range h {
			lanes[i] = combine(lanes[i], lanes[i+h])
		}
	}
	return float64(lanes[0])
}
