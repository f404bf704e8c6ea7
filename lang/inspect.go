package lang

// Inspect calls visit for every declaration, statement and expression at and below node, parents first.
func Inspect(node any, visit func(any)) {
	switch n := node.(type) {
	case nil:
		return
	case *File:
		for _, d := range n.Decls {
			Inspect(d, visit)
		}
		return
	case []Stmt:
		for _, s := range n {
			Inspect(s, visit)
		}
		return
	}
	visit(node)
	for _, child := range children(node) {
		Inspect(child, visit)
	}
}

// children lists the parts of a node that are nodes; a missing part may stand as nil.
func children(node any) []any {
	switch n := node.(type) {
	case *Fn:
		var parts []any
		for _, p := range n.Params {
			parts = append(parts, expr(p.Default))
		}
		return append(parts, expr(n.Value), n.Body)
	case *Rule:
		return []any{expr(n.Value), n.Body}
	case *Hyper:
		return append([]any{n.Default}, ends(n.Range)...)
	case *Option:
		return append([]any{expr(n.Default)}, ends(n.Range)...)
	case *Bind:
		return []any{expr(n.Size), n.Value}
	case *Probe:
		return []any{expr(n.Vector), expr(n.At)}
	case *Assign:
		return []any{expr(n.Index), n.Value}
	case *When:
		return []any{n.Cond, n.Then, n.Else}
	case *Repeat:
		return []any{n.From, expr(n.To), n.Body}
	case *Until:
		return []any{n.Cond}
	case *Eval:
		return []any{n.Value}
	case *Return:
		return []any{n.Value}
	case *Unary:
		return []any{n.X}
	case *Binary:
		return []any{n.X, n.Y}
	case *Transpose:
		return []any{n.X}
	case *Index:
		return []any{n.X, n.I}
	case *Call:
		var parts []any
		for _, a := range n.Args {
			parts = append(parts, a)
		}
		for _, p := range n.Params {
			parts = append(parts, p.Value)
		}
		return parts
	}
	return nil
}

// expr makes an absent expression an untyped nil.
func expr(e Expr) any {
	if e == nil {
		return nil
	}
	return e
}

func ends(r *Range) []any {
	if r == nil {
		return nil
	}
	return []any{r.Lo, r.Hi}
}
