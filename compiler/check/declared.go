package check

import "github.com/optc-lang/optc/lang"

// Declared finds the fn or rule that a name means in a file of the unit ("" is the root), and the file that declares it, as
// diagnostics name both.
func (u *Unit) Declared(file, name string) (declared lang.Decl, in string, ok bool) {
	scope := u.files[file]
	switch {
	case file == "":
		scope = u.root
	case scope == nil:
		scope = u.std
	}
	if scope == nil {
		return nil, "", false
	}
	d, ok := u.lookup(scope, name)
	switch {
	case !ok:
		return nil, "", false
	case d.fn != nil:
		return d.fn, d.file, true
	}
	return d.rule, d.file, true
}
