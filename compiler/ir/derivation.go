package ir

// Derivation is what was derived for a call of the rule, for people: text in the rule language.
type Derivation struct {
	Var   int    // the Index of the variable that it was derived in
	Call  string // as the rule writes it
	Head  string // what the cases are
	Cases []Case
}

// Case is one formula and where it holds; an empty Where stands for anywhere.
type Case struct{ Formula, Where string }
