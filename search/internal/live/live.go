// Package live shows a search while it runs: on a terminal as a screen that redraws itself, elsewhere as a log.
//
// In come snapshots of the search, each a [State]; out go a screen or the lines of a log, and at the end a summary. The
// package computes nothing of the search and opens no file, and it never holds the search up: of snapshots that come
// faster than a person reads, the newest is shown.
package live

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
)

// State is a snapshot of a search. Who sends one changes nothing of it later, nor what its slices hold.
type State struct {
	Archive string
	Seed    uint64
	Starts  []string // names of the rules that it began with
	Workers int

	Births    int // members of the population so far
	Known     int // of them those whose form was known
	Dull      int // candidates thrown away because they cannot train
	Evaluated int // forms
	Runs      int // training runs

	// Per second, of the last seconds.
	BirthRate     float64
	CandidateRate float64 // births and what was thrown away
	EvalRate      float64

	Elapsed     time.Duration
	Budget      time.Duration // 0 for none
	BudgetEvals int           // forms to evaluate, 0 for any number

	Rungs  []Rung
	Hall   []Rule  // the hall of fame, the best first
	Front  []Rule  // those that no other beats in fitness, size, state and work alike
	Curve  []Point // the best bound, where it changed, in the order of births
	Events []Event // the last things worth telling, the latest last

	Control bool   // not a search for a rule, but what one is held against
	Done    bool   // nothing more will change
	Message string // what a person must know now, say why the search ends
}

// Rung is tasks of one cost, and how many forms came to them.
type Rung struct {
	Tasks   []string
	Reached int     // forms that were run on them
	Passed  int     // of them those that went on
	Limit   float64 // the fitness that a form must reach to go on; not finite while there is none
}

// Rule is a form with its fitness.
type Rule struct {
	ID         int    // its first birth
	Name       string // of the known rule that it is, or ""
	Formula    string
	Bound      float64 // lower bound of its fitness, where AdamW is 0
	Mean       float64 // of its scores
	Rung       int     // rungs gone through
	Size       int     // nodes
	StateBytes int     // per parameter
	Flops      int     // per parameter
	Count      int     // evaluations
	Age        time.Duration
	Pick       bool      // the one to take
	Scores     []float64 // by task, in the order of the rungs, as far as it got
}

// Point is the best bound from a birth on.
type Point struct {
	Birth int
	Best  float64
}

// Event is something worth telling.
type Event struct {
	Birth int
	Text  string
}

// ErrLeft is returned when the view was left before the search had stopped.
var ErrLeft = errors.New("left before the search had stopped")

// Terminal reports whether a screen can be drawn: both ends are terminals, and this kind can move its cursor.
func Terminal(in io.Reader, out io.Writer) bool {
	kind := os.Getenv("TERM")
	if kind == "dumb" || kind == "" && runtime.GOOS != "windows" {
		return false
	}
	return isTerminal(in) && isTerminal(out)
}

// Columns is how wide a terminal is, and very wide for what is none.
func Columns(out *os.File) int {
	if w, _, err := term.GetSize(out.Fd()); err == nil && w > 0 {
		return w
	}
	return 1 << 16
}

func isTerminal(end any) bool {
	f, ok := end.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(f.Fd())
}

// interval is the least time between two snapshots that are drawn. To draw a large screen takes some milliseconds, and the
// processor is the search's.
const interval = time.Second

// frames is how often a second the screen is looked at, so that a key answers at once; what has not changed is not drawn.
const frames = 10

// View shows snapshots on a terminal until the channel is closed or the context ends.
//
// When the user asks for an end, stop is called, once; the caller then closes the channel in its own time. If the user
// asks again, or if ctx ends, View returns at once, with [ErrLeft] or the context's error; once a snapshot says Done it
// just returns. Either way the channel is read until it is closed: who sends never waits for long. Signals are the
// caller's: ctrl+c is a key here, which sends none.
func View(ctx context.Context, in io.Reader, out io.Writer, updates <-chan State, stop func()) error {
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithFPS(frames), tea.WithoutSignalHandler(),
	}
	if os.Getenv("NO_COLOR") != "" { // whatever its value: no-color.org
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	m := newModel(stop, time.Now)
	p := tea.NewProgram(m, options...)
	go feed(updates, p.Send)
	_, err := p.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case m.left:
		return ErrLeft
	}
	return nil
}

// ended says that there are no more snapshots.
type ended struct{}

// feed passes the newest snapshot on, at most one an interval, and reads them all until the channel is closed.
func feed(updates <-chan State, send func(tea.Msg)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var newest State
	waiting, idle := false, true // idle: the last interval passed without one
	for {
		select {
		case s, open := <-updates:
			if !open {
				if waiting {
					send(newest)
				}
				send(ended{})
				return
			}
			newest, waiting = s, true
			if !idle {
				continue
			}
		case <-ticker.C:
			if idle = !waiting; idle {
				continue
			}
		}
		send(newest)
		waiting, idle = false, false
	}
}
