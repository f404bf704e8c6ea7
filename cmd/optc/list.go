package main

type listCmd struct {
	File string `arg:"" optional:"" help:"A rule file instead of the library."`
}

// Help is the verb's example.
func (listCmd) Help() string {
	return `Lists rules with the first sentence of their documentation.

Example:
  optc list
  optc list adam.opt`
}

// Run lists rules.
func (cmd *listCmd) Run(c *console) error {
	u, prefix := openLibrary(), "std/"
	if cmd.File != "" {
		var err error
		if u, err = openFile(cmd.File); err != nil {
			return err
		}
		prefix = cmd.File + ":"
	}
	if err := c.report(u.diags, u.Sources); err != nil {
		return err
	}
	t := table{}
	for _, name := range u.Rules() {
		decl, _, _ := u.Rule(name)
		t.add(prefix+name, firstSentence(decl.Doc))
	}
	t.print(c.out, "")
	return nil
}
