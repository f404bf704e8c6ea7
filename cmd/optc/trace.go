package main
type traceCmd struct{ ruleArg }
func (c traceCmd) Run(con *console) error { return nil }
