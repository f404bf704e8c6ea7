// Command optc-search evolves update rules; optc search runs it.
//
// In come flags and files; out go archives, rule files, pictures and text. It computes nothing itself: package search and its
// internal packages do. One file holds what some verbs share.
//
// Exit codes: 0 fine; 1 a failure that the message names, or a stored result that is not repeated; 2 a command line that asks
// for what cannot be; 3 a defect of optc.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/optc-lang/optc/search"
)

type cli struct {
	Run      runCmd      `cmd:"" default:"withargs" help:"Search, or go on with an archive (the default verb)."`
	Hall     hallCmd     `cmd:"" help:"List the best rules of an archive."`
	Status   statusCmd   `cmd:"" help:"Say how far a search is, while it runs or after."`
	Lineage  lineageCmd  `cmd:"" help:"Show the ancestors of a rule."`
	Explain  explainCmd  `cmd:"" help:"Say all that is known of a rule."`
	Export   exportCmd   `cmd:"" help:"Write a rule as .opt, Go, LaTeX, optax or PyTorch."`
	Simplify simplifyCmd `cmd:"" help:"Take from a rule what it does not need, and say what the rest is worth."`
	Funnel   funnelCmd   `cmd:"" help:"Rank the best rules on tasks that cost 10 and 100 times as much."`
	Test     testCmd     `cmd:"" help:"Test a rule on the sealed tasks, once, and write that down."`
	Report   reportCmd   `cmd:"" help:"Write an HTML page about a search."`
	Ops      opsCmd      `cmd:"" help:"List the operators that rules are made of."`
	Verify   verifyCmd   `cmd:"" help:"Repeat stored results and compare their bits."`
	Worker   workerCmd   `cmd:"" help:"Do training runs that are asked for on the standard input."`
}

const description = `Evolves update rules on small real training tasks and prints them as rule files.

An archive FILE holds a search: it can be stopped at any moment, gone on with, and looked at while it runs. A rule's ID is the birth at which it appeared first; without one, the verbs take the rule that the hall marks with an arrow.

Exit codes: 0 fine, 1 a failure or a result that is not repeated, 2 usage, 3 internal error.`

// console is what verbs read and write besides files.
type console struct {
	in       io.Reader
	out, err io.Writer
	ctx      context.Context // ends with the first interrupt
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second interrupt ends the program at once
	}()
	os.Exit(execute(os.Args[1:], &console{os.Stdin, os.Stdout, os.Stderr, ctx}))
}

// usageError is a command line that asks for what cannot be.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// execute runs one command line and returns its exit code.
func execute(args []string, c *console) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(c.err, "optc search: internal error: %v\nThis is a defect of optc. Please report it with the command line and what stands here.\n%s", r, debug.Stack())
			code = 3
		}
	}()
	var commands cli
	exited := -1
	parser, err := kong.New(&commands, kong.Name("optc search"), kong.Description(description), kong.Bind(c), kong.Vars{"ops": strings.Join(search.OpNames(), " ")}, kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		panic(err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(c.err, "optc search: %v\n", err)
		return 2
	}
	err = parsed.Run()
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, new(search.SpecError)):
		code = 2
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(c.err, "\noptc search: broken off. What was trained is kept: the same command goes on.")
		return 1
	default:
		code = 1
	}
	fmt.Fprintf(c.err, "optc search: %v\n", err)
	return code
}
