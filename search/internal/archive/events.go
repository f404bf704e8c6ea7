package archive

import (
	"database/sql"
	"errors"
	"fmt"
)

// Event is a known rule that was met at a birth for the first time.
type Event struct {
	Birth      int
	Kind, Text string // the rule's name, and it with its constants
}

// Tell adds an event.
func (a *Archive) Tell(e Event) error {
	return a.exec("INSERT INTO events (birth, kind, text) VALUES (?, ?, ?)", e.Birth, e.Kind, e.Text)
}

// Events lists the events in order.
func (a *Archive) Events() ([]Event, error) {
	var out []Event
	rows, err := a.query("SELECT birth, kind, text FROM events ORDER BY id")
	for r := range rows {
		var e Event
		if *err = r.Scan(&e.Birth, &e.Kind, &e.Text); *err == nil && max(len(e.Kind), len(e.Text)) > longestRule {
			*err = fmt.Errorf("%s is damaged: the event of birth %d has %d characters", a.path, e.Birth, max(len(e.Kind), len(e.Text)))
		}
		out = append(out, e)
	}
	return out, *err
}

// Spent notes how many seconds of processors the search has taken so far.
func (a *Archive) Spent(cpu float64) error {
	return a.exec("INSERT OR REPLACE INTO progress VALUES (?, ?)", a.next, cpu)
}

// CPU is the seconds of processors that the search had taken after so many births, or a little more.
func (a *Archive) CPU(births int) (float64, error) {
	var cpu sql.NullFloat64
	err := a.row("SELECT cpu FROM progress WHERE births >= ? ORDER BY births LIMIT 1", []any{births}, &cpu)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return cpu.Float64, describe(a.path, err)
}
