package python

// print writes the statements.
func (b *block) print(w *writer) { b.printList(w, b.stmts) }

func (b *block) printList(w *writer, list []*stmt) {
	for _, s := range list {
		if s.cond != nil {
			b.printChoice(w, s)
		} else if text := b.assignment(s); text != "" {
			w.line("%s", text)
		}
	}
}

// assignment is the line of a statement; "" when the name already holds the value.
func (b *block) assignment(s *stmt) string {
	text := b.rightSide(s)
	if text == b.names[s.v] {
		return ""
	}
	if b.f.whole(s.v) && b.f.scope(s.v) == groupScope {
		return b.names[s.v] + ".update(" + text + ")"
	}
	return b.names[s.v] + " = " + text
}

func (b *block) rightSide(s *stmt) string {
	text := ""
	switch {
	case s.from == nil:
		text, _ = b.definition(s.v)
	case b.f.sort[s.v] == scalar && b.f.sort[s.from] == number && !s.v.Mask && b.f.host == Torch:
		text = b.f.use("double") + "(" + b.argument(s.from) + ")"
	default:
		text, _ = b.spread(s.from, s.v.Extent, s.v.Mask)
	}
	return text
}

// printChoice writes an `if`, or a choice between two short texts on one line.
func (b *block) printChoice(w *writer, s *stmt) {
	cond := b.within(s.cond, orLevel)
	if len(s.yes) == 1 && len(s.no) == 1 && s.yes[0].cond == nil && s.no[0].cond == nil && s.yes[0].v == s.no[0].v {
		yes, no := b.rightSide(s.yes[0]), b.rightSide(s.no[0])
		n := b.names[s.yes[0].v]
		if yes != n && no != n && len(yes)+len(cond)+len(no) < widest {
			w.line("%s = %s if %s else %s", n, yes, cond, no)
			return
		}
	}
	var yes, no writer
	yes.indent, no.indent = w.indent+1, w.indent+1
	b.printList(&yes, s.yes)
	b.printList(&no, s.no)
	switch y, n := yes.b.String(), no.b.String(); {
	case y != "" && n != "":
		w.line("if %s:", cond)
		w.b.WriteString(y)
		w.line("else:")
		w.b.WriteString(n)
	case y != "":
		w.line("if %s:", cond)
		w.b.WriteString(y)
	case n != "":
		w.line("if not %s:", b.within(s.cond, compareLevel))
		w.b.WriteString(n)
	}
}
