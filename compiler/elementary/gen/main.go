// Command gen writes the Go functions of package elem from the programs of
// package elementary: in come the programs and the name of a file, out comes
// its text.
package main

import (
	"fmt"
	"os"

	"github.com/optc-lang/optc/compiler/elementary"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen file.go")
		os.Exit(2)
	}
	text, err := elementary.Source()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
