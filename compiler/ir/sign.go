package ir

// NonNegative tells which states are never negative, whatever the gradients: by induction over the steps, from their
// initial values and the signs of what each operation gives. NaN counts as not negative.
func (p *Program) NonNegative() []bool {
	states := make([]bool, len(p.States))
	for i, s := range p.States {
		states[i] = s.Init >= 0 && !s.As.Rest()
	}
	for changed := true; changed; {
		changed = false
		sign := p.signs(states)
		for i, s := range p.States {
			if states[i] && !sign[s.New] {
				states[i], changed = false, true
			}
		}
	}
	return states
}

// signs tells which values are never negative, given the states that are not.
func (p *Program) signs(states []bool) map[*Value]bool {
	sign, atMostOne := map[*Value]bool{}, map[*Value]bool{}
	for _, v := range Reachable(p.Roots()...) {
		at := func(i int) bool { return sign[v.Args[i]] }
		switch v.Kind {
		case Number:
			sign[v], atMostOne[v] = v.Num >= 0, v.Num <= 1
		case Hyper:
			sign[v], atMostOne[v] = p.Hypers[v.Index].Lo >= 0, p.Hypers[v.Index].Hi <= 1
		case Input:
			sign[v] = v.Name != "x" && v.Name != "g" && v.Name != "loss"
		case Size:
			sign[v] = true
		case Load:
			sign[v] = states[v.Index]
		case Spread, Reduce:
			sign[v], atMostOne[v] = at(0), v.Kind == Spread && atMostOne[v.Args[0]]
		case Apply:
			sign[v] = applySign(v, at, func(i int) bool { return atMostOne[v.Args[i]] })
			switch v.Op.Name {
			case "mul":
				atMostOne[v] = at(0) && at(1) && atMostOne[v.Args[0]] && atMostOne[v.Args[1]]
			case "pow":
				atMostOne[v] = at(0) && at(1) && atMostOne[v.Args[0]]
			case "min":
				atMostOne[v] = atMostOne[v.Args[0]] || atMostOne[v.Args[1]]
			}
		}
	}
	return sign
}

// applySign reports whether an operation on arguments of known signs is never negative.
func applySign(v *Value, at, atMostOne func(i int) bool) bool {
	switch v.Op.Name {
	case "abs", "sqrt", "exp", "cosh", "sigmoid", "softplus", "hypot", "real":
		return true
	case "mul":
		return v.Args[0] == v.Args[1] || at(0) && at(1)
	case "add", "pow", "min":
		return at(0) && at(1)
	case "max":
		return at(0) || at(1)
	case "where":
		return at(1) && at(2)
	case "sub":
		return v.Args[0].Kind == Number && v.Args[0].Num == 1 && atMostOne(1)
	case "tanh", "cbrt", "atan", "log1p", "expm1", "sinh", "erf", "floor", "ceil", "round":
		return at(0)
	}
	return false
}
