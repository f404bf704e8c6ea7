package ir

// Derivation is what was derived for a call of the rule, for people: its values stand in the graph in other forms.
type Derivation struct {
	Var   int      // the Index of the variable that it was derived in
	Call  string   // as the rule writes it
	In    *Value   // what the formulas are in, called Name in them
	Name  string   // of In
	Odd   bool     // the cases are those of In >= 0; of -In it is the negative
	Cases []Case   // the candidates, or the one formula
	Notes []string // of what holds and what was chosen
}

// Case is one formula and where it holds; a nil When stands for everywhere else.
type Case struct{ When, Value *Value }

// Rewrite puts f of each value in its place.
func (d *Derivation) Rewrite(f func(*Value) *Value) {
	d.In = f(d.In)
	for i, c := range d.Cases {
		d.Cases[i] = Case{f(c.When), f(c.Value)}
	}
}
