// Command optc compiles rules, texts that say how an optimizer updates parameters, into Go packages.
//
// In come files and flags; out go generated files, numbers and pictures. It is the one part of the project that touches
// disk, terminal and flags: one file a verb, what they share in console.go and rules.go. It computes nothing itself: the
// compiler packages do, and for numbers the interpreter or a program that package driver builds.
//
// Exit codes: 0 fine; 1 diagnostics, drift or another failure that the message names; 2 a command line that asks for
// what cannot be; 3 a defect of optc.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/optc-lang/optc/internal/version"
	"github.com/optc-lang/optc/tasks"
)

// Exit codes.
const (
	codeFailure  = 1
	codeUsage    = 2
	codeInternal = 3
)

type cli struct {
	Build   buildCmd   `cmd:"" help:"Compile rules into Go files."`
	Check   checkCmd   `cmd:"" help:"Report what is wrong in rule files."`
	Fmt     fmtCmd     `cmd:"" help:"Print rule files in canonical form."`
	Ops     opsCmd     `cmd:"" help:"List the operators of the rule language."`
	Doc     docCmd     `cmd:"" help:"Print a rule's page, as a paper would."`
	Explain explainCmd `cmd:"" help:"Say what a rule computes, where, and at what cost."`
	Trace   traceCmd   `cmd:"" help:"Run a rule on given numbers and print every step."`
	Run     runCmd     `cmd:"" help:"Train a small real model with a rule."`
	Bench   benchCmd   `cmd:"" help:"Measure a rule against the memory bandwidth of this machine."`
	Search  searchCmd  `cmd:"" help:"Evolve new rules on small real training tasks."`
	List    listCmd    `cmd:"" help:"List the rules of the library or of a file."`
	Version versionCmd `cmd:"" help:"Print the versions of optc and Go."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the versions of optc and Go."`
}

const description = `Compiles optimizers.

A RULE is std/NAME of the library, or FILE.opt[:NAME]. Each verb has its own --help with an example.

Exit codes: 0 fine, 1 diagnostics or drift, 2 usage, 3 internal error.`

func main() {
	os.Exit(execute(os.Args[1:], newConsole()))
}

// execute runs one command line and returns its exit code.
func execute(args []string, c *console) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = c.internal(fmt.Sprint(r), debug.Stack())
		}
	}()
	err := dispatch(args, c)
	if flushed := c.out.Flush(); err == nil && flushed != nil {
		err = flushed
	}
	return c.finish(err)
}

func dispatch(args []string, c *console) error {
	var commands cli
	vars := kong.Vars{"tasks": strings.Join(tasks.Names(), ", "), "passes": strings.Join(dumpNames(true), ", "), "version": versions()}
	parser, err := kong.New(&commands, kong.Name("optc"), kong.Description(description), kong.Bind(c), vars,
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		return internalError{err}
	}
	if len(args) == 0 {
		return printUsage(c, parser)
	}
	if args[0] == "search" { // whose flags are another program's, --help too
		return search(c, args[1:])
	}
	ctx, err := parser.Parse(joinNegative(args))
	if err != nil {
		return usagef("%v", err)
	}
	return ctx.Run()
}

// printUsage answers a command line without a verb.
func printUsage(c *console, parser *kong.Kong) error {
	parser.Stdout = c.err
	ctx, err := kong.Trace(parser, nil)
	if err == nil {
		err = ctx.PrintUsage(false)
	}
	if err != nil {
		return internalError{err}
	}
	return errNoVerb
}

// finish prints an error and returns its exit code.
func (c *console) finish(err error) int {
	var usage usageError
	var internal internalError
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, errReported):
		return codeFailure
	case errors.Is(err, errNoVerb):
		return codeUsage
	case errors.As(err, &internal):
		return c.internal(internal.Error(), nil)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(c.err, "optc: interrupted")
		return codeFailure
	case errors.As(err, &usage):
		fmt.Fprintf(c.err, "optc: %v\n", err)
		return codeUsage
	}
	fmt.Fprintf(c.err, "optc: %v\n", err)
	return codeFailure
}

func (c *console) internal(what string, stack []byte) int {
	fmt.Fprintf(c.err, "optc: internal error: %s\nThis is a defect of optc (%s). Please report it with the command line, the rule file and what stands here.\n%s",
		what, version.Module(), stack)
	return codeInternal
}

// errReported stands for diagnostics that have been printed.
var errReported = errors.New("diagnostics were reported")

// errNoVerb stands for a command line without a verb, which has been answered.
var errNoVerb = errors.New("no verb")

// usageError is a command line that asks for what cannot be.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// internalError is a defect of optc.
type internalError struct{ error }
