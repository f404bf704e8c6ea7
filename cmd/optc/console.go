package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/optc-lang/optc/lang"
)

// console is what a verb reads and writes besides files.
type console struct {
	in  io.Reader
	out *bufio.Writer // what was asked for, nothing else; flushed at the end
	err io.Writer     // diagnostics and progress
	tty bool          // err is a terminal
}

func newConsole() *console {
	return &console{in: os.Stdin, out: bufio.NewWriter(os.Stdout), err: os.Stderr, tty: isTerminal(os.Stderr)}
}

// isTerminal also takes other character devices for terminals, which does no harm.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colour reports whether messages may be coloured; see no-color.org.
func (c *console) colour() bool {
	return c.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// report prints diagnostics as text.
func (c *console) report(ds lang.Diagnostics, sources map[string][]byte) error {
	return c.reportAs("text", ds, sources)
}

// reportAs prints diagnostics in a format; it returns errReported if one of them is an error.
func (c *console) reportAs(format string, ds lang.Diagnostics, sources map[string][]byte) error {
	if err := lang.Write(c.err, ds, format, sources, c.tty, c.colour()); err != nil {
		return err
	}
	if ds.HasErrors() {
		return errReported
	}
	return nil
}

// clearLine clears the line that a terminal shows.
func (c *console) clearLine() {
	if c.tty {
		fmt.Fprint(c.err, "\r\x1b[K")
	}
}

// read returns the bytes of a named file, or of the standard input for "-"; at most limit of them and one more, so that
// a reader which never ends does no harm.
func (c *console) read(name string, limit int64) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(c.in, limit+1))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("%s: %v", name, cause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, usagef("%s is a directory", name)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// shownName is what messages call a file.
func shownName(name string) string {
	if name == "-" {
		return "<stdin>"
	}
	return name
}

// merge adds the sources of another unit.
func merge(to, from map[string][]byte) map[string][]byte {
	if to == nil {
		to = map[string][]byte{}
	}
	maps.Copy(to, from)
	return to
}

// firstSentence is the first sentence of a documentation text, on one line.
func firstSentence(doc string) string {
	sentence, _, _ := strings.Cut(oneLine(doc), ". ")
	return strings.TrimSuffix(sentence, ".")
}
