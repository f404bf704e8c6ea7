package live

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// clocked is a log with a clock, and what it has written.
func clocked() (l *log, out *bytes.Buffer, now *time.Time) {
	out, now = &bytes.Buffer{}, &time.Time{}
	*now = time.Unix(1e9, 0)
	return &log{w: out, now: func() time.Time { return *now }, told: map[int]bool{}}, out, now
}

// The log of a short search: what happens is told, in time, and nothing twice.
func TestLog(t *testing.T) {
	l, out, now := clocked()
	s := State{Archive: "lion.search", Seed: 7, Starts: []string{"sgd"}, Workers: 1, Budget: time.Minute}
	step := func(d time.Duration) {
		*now = now.Add(d)
		s.Elapsed += d
		s.Births += int(d / time.Millisecond)
		s.Known = s.Births * 8 / 9
		s.Evaluated = s.Births / 100
		s.EvalRate = 10
		l.take(s)
	}
	step(0)
	for range 25 { // nothing happens: a line every ten seconds
		step(time.Second)
	}
	s.Hall = []Rule{{ID: 12, Formula: "sign(g)", Bound: -0.5}}
	step(100 * time.Millisecond)
	for range 9 { // events come faster than lines: they are told together
		s.Events = append(s.Events, Event{s.Births, "restart of island 1"})
		step(100 * time.Millisecond)
	}
	s.Events = s.Events[5:] // the sender keeps the last few
	s.Events = append(s.Events, Event{s.Births, "is\x1b[2J signed momentum"})
	step(time.Second)
	s.Hall = []Rule{{ID: 900, Name: "signed momentum", Formula: "sign(ema(g; 0.1))", Bound: 0.4}, s.Hall[0]}
	step(time.Second)
	s.Hall[0], s.Hall[1] = s.Hall[1], s.Hall[0] // told before
	step(time.Second)
	s.Done, s.Message = true, "the budget is used up"
	step(10 * time.Millisecond)
	step(time.Minute) // nothing more is told
	compare(t, "log", out.String())
}

// However often snapshots come and whatever they say, there is at most a line a second besides the first three and the last.
func TestLogRate(t *testing.T) {
	l, out, now := clocked()
	s := State{}
	for i := range 5000 {
		s.Births = i
		s.Events = []Event{{i, "something"}}
		s.Hall = []Rule{{ID: i}}
		l.take(s)
		*now = now.Add(7 * time.Millisecond)
	}
	if n := strings.Count(out.String(), "\n"); n < 30 || n > 3+35 {
		t.Errorf("%d lines in 35 s", n)
	}
	for i, text := range strings.Split(out.String(), "\n") {
		if i > 2 && strings.Count(text, "something") > mostEvents {
			t.Errorf("line %d is too long: %s", i, text)
		}
	}
}
