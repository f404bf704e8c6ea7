package main

type buildCmd struct{ ruleArg }

func (c buildCmd) Run(con *console) error { return nil }
