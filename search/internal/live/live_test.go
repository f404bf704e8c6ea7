package live

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "rewrite the screens in testdata")

// compare holds a text against the file of that name.
func compare(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s has changed; go test -update rewrites it. It is now\n%s", file, text)
	}
}

// early is a search of a few seconds.
func early() State {
	return State{
		Archive: "lion.search", Seed: 1, Starts: []string{"sgd"}, Workers: 2, Births: 812, Known: 301, Dull: 9_204, Evaluated: 7, Runs: 35,
		BirthRate: 270.4, CandidateRate: 3338, EvalRate: 2.3, Elapsed: 3 * time.Second, Budget: 10 * time.Minute,
		Rungs: []Rung{{[]string{"phishing"}, 7, 2, -1.2}, {[]string{"bowl", "cancer-raw"}, 2, 0, math.Inf(-1)}},
		Hall: []Rule{
			{ID: 5, Formula: "tanh(g)", Bound: -0.61, Mean: -0.03, Rung: 1, Size: 2, Flops: 8, Count: 1, Age: time.Second, Pick: true, Scores: []float64{0.12, 0.4, -0.6}},
			{ID: 0, Name: "gradient descent", Formula: "g", Bound: -1.75, Mean: -0.75, Size: 1, Count: 1, Age: 3 * time.Second, Scores: []float64{-0.75}},
		},
		Curve: []Point{{0, -1.75}, {5, -0.61}},
	}
}

// long is a search of days.
func long() State {
	s := State{
		Archive: "runs/2 islands/lion.search", Seed: 1234567, Starts: []string{"sgd", "adamw", "lion"}, Workers: 64,
		Births: 88_204_113, Known: 79_120_087, Dull: 1_204_113_998, Evaluated: 1_204_551, Runs: 6_330_124,
		BirthRate: 412.7, CandidateRate: 51_204, EvalRate: 14.2, Elapsed: 61*time.Hour + 12*time.Minute, Budget: 72 * time.Hour,
		Message: "",
	}
	tasks := [][]string{{"phishing"}, {"bowl", "cancer-raw"}, {"rotated-bowl", "mpg"}, {"digits", "opticks"}, {"digits-coder", "digits-deep", "opticks-attention"}}
	for i, names := range tasks {
		s.Rungs = append(s.Rungs, Rung{names, s.Evaluated >> (2 * i), s.Evaluated >> (2*i + 2), float64(i)*0.15 - 0.2})
	}
	forms := [][2]string{
		{"signed momentum", "sign(ema(g; 0.1))"}, {"", "clip(lerp(ema(mul(g, rms(g)); 0.043), tanh(g); 0.21), neg(abs(ema(g; 0.008))); 1.25)"},
		{"Lion", "sign(lerp(ema(g; 0.01), g; 0.1))"}, {"", "rmsnorm(ema(div(g, most(abs(g); 0.99)); 0.08))"}, {"gradient descent", "g"},
	}
	for i := range 24 {
		f, bound := forms[i%len(forms)], 0.82-0.05*float64(i)
		r := Rule{ID: 88_000_000 - 3_511_117*i, Name: f[0], Formula: f[1], Bound: bound, Mean: bound + 0.1, Rung: 5 - i/5, Size: 14 - i/2, StateBytes: 4 * (i % 3),
			Flops: 3 * i, Count: 40 - i, Age: time.Duration(i) * 7 * time.Hour / 3, Pick: i == 2}
		for j := range 10 - i/3 {
			r.Scores = append(r.Scores, max(-2, min(1.5, bound+math.Sin(float64(i*j)))))
		}
		s.Hall = append(s.Hall, r)
	}
	for i := range 40 {
		s.Curve = append(s.Curve, Point{i * i * 50_000, 0.82 - 2.5/float64(i+1)})
		s.Events = append(s.Events, Event{i * 2_000_000, fmt.Sprintf("restart of island %d", i%4)})
	}
	s.Front = []Rule{s.Hall[0], s.Hall[3], s.Hall[9], s.Hall[14], s.Hall[23]}
	return s
}

// huge has the largest numbers that there are.
func huge() State {
	s := long()
	s.Seed, s.Workers = math.MaxUint64, math.MaxInt
	s.Births, s.Known, s.Dull, s.Evaluated, s.Runs = math.MaxInt/2, math.MaxInt/2-1, math.MaxInt/2, math.MaxInt, math.MaxInt
	s.BirthRate, s.CandidateRate, s.EvalRate = 1e17, math.MaxFloat64, math.Inf(1)
	s.Elapsed, s.Budget = math.MaxInt64, 1
	for i := range s.Hall {
		r := &s.Hall[i]
		r.ID, r.Size, r.StateBytes, r.Flops, r.Count, r.Age = math.MaxInt-i, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt64
		r.Bound, r.Mean, r.Scores = -math.MaxFloat64, math.MaxFloat64, []float64{math.MaxFloat64, -math.MaxFloat64, 1e-300, 123.4}
	}
	s.Curve = []Point{{0, -math.MaxFloat64}, {math.MaxInt, math.MaxFloat64}}
	s.Front = s.Hall[:2]
	return s
}

// foreign has texts of other scripts, longer than a line, and what no terminal should be sent.
func foreign() State {
	s := early()
	s.Archive = "поиск/検索\x1b[31m\n.search"
	s.Hall[0].Formula = strings.Repeat("гладко(β₁·g, 勾配, ∇ℓ); ", 12) + "é̂🙂\x1b]0;title\a"
	s.Hall[1].Name = "符号運動量\u202e gnihton"
	s.Rungs[1].Tasks[0] = "長い名前の課題その一"
	s.Events = []Event{{7, "первое\tсобытие \xff\xfe"}}
	return s
}

// gaps has numbers that are none.
func gaps() State {
	s := early()
	s.Budget, s.BudgetEvals = 0, 100
	s.EvalRate, s.BirthRate, s.CandidateRate = math.NaN(), math.Inf(1), -1
	s.Hall[0].Bound, s.Hall[0].Mean, s.Hall[0].Scores = math.NaN(), math.Inf(1), []float64{math.NaN(), math.Inf(1), math.Inf(-1), -2}
	s.Hall[1].Bound = math.Inf(-1)
	s.Curve = []Point{{0, math.NaN()}, {3, math.Inf(-1)}, {5, math.Inf(1)}}
	s.Front = s.Hall
	s.Rungs[0].Limit = math.NaN()
	return s
}

func states() map[string]State {
	return map[string]State{"empty": {Archive: "lion.search"}, "early": early(), "long": long(), "huge": huge(), "foreign": foreign(), "gaps": gaps()}
}

// shown is a model of a size that shows a state, with a clock that stands still.
func shown(s State, w, h int) *model {
	m := newModel(func() {}, func() time.Time { return time.Time{} })
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	m.Update(s)
	return m
}

func pressed(m *model, keys ...string) *model {
	for _, k := range keys {
		m.Update(keyOf(k))
	}
	return m
}

// keyOf is the message of a key.
func keyOf(name string) tea.KeyPressMsg {
	codes := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "tab": tea.KeyTab, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown}
	switch {
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case strings.HasPrefix(name, "ctrl+"):
		return tea.KeyPressMsg{Code: rune(name[5]), Mod: tea.ModCtrl}
	case codes[name] != 0:
		return tea.KeyPressMsg{Code: codes[name]}
	}
	return tea.KeyPressMsg{Code: rune(name[0]), Text: name}
}

func TestScreens(t *testing.T) {
	type size struct{ w, h int }
	all := []size{{60, 16}, {80, 24}, {120, 40}, {200, 60}}
	for name, sizes := range map[string][]size{"empty": {{80, 24}}, "early": {{60, 16}, {80, 24}}, "long": all, "huge": all[1:3], "foreign": all[1:3], "gaps": all[1:3]} {
		for _, z := range sizes {
			text := ansi.Strip(shown(states()[name], z.w, z.h).screen())
			compare(t, fmt.Sprintf("%s-%dx%d", name, z.w, z.h), text+"\n")
		}
	}
	for name, keys := range map[string][]string{
		"help": {"?"}, "rule": {"down", "down", "2", "z"}, "curve": {"3", "z"}, "rungs": {"4", "z"}, "front": {"5", "z"}, "events": {"6", "z"}, "end": {"end", "tab", "tab", "tab"},
	} {
		compare(t, "keys-"+name, ansi.Strip(pressed(shown(long(), 80, 24), keys...).screen())+"\n")
	}
	s := long()
	s.Done, s.Message = true, "the budget is used up"
	compare(t, "done-80x24", ansi.Strip(shown(s, 80, 24).screen())+"\n")
	compare(t, "stopping-60x16", ansi.Strip(pressed(shown(long(), 60, 16), "q").screen())+"\n")
}

func TestSummaries(t *testing.T) {
	for name, s := range states() {
		compare(t, "summary-"+name, Summary(s, 200))
	}
}

// sound holds a screen to its size, and to text and colours alone.
func sound(t *testing.T, m *model, what string) {
	t.Helper()
	text := m.screen()
	lines := strings.Split(text, "\n")
	if len(lines) > max(1, m.height) {
		t.Fatalf("%s: %d lines on %d", what, len(lines), m.height)
	}
	if m.width > 0 && m.height > 0 && len(lines) != m.height {
		t.Fatalf("%s: %d lines of %d", what, len(lines), m.height)
	}
	for i, l := range lines {
		bare := ansi.Strip(l)
		if n := ansi.StringWidth(bare); n != m.width && m.height > 0 {
			t.Fatalf("%s: line %d is %d wide: %q", what, i, n, bare)
		}
		if bare != clean(bare) {
			t.Fatalf("%s: line %d: %q", what, i, bare)
		}
	}
}

// No state and no size breaks the screen.
func TestAnyScreen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"up", "down", "tab", "shift+tab", "enter", "?", "1", "2", "3", "4", "5", "6", "home", "end", "pgup", "pgdown", "z", "p", "esc"}
	for range 1500 {
		w, h := r.IntN(90), r.IntN(40)
		if r.IntN(4) == 0 {
			w, h = r.IntN(230), r.IntN(70)
		}
		s, name := wild(r)
		m := shown(s, w, h)
		m.Update(tea.ColorProfileMsg{Profile: colorprofile.Profile(r.IntN(6))})
		var keys []string
		for range r.IntN(8) {
			keys = append(keys, names[r.IntN(len(names))])
		}
		pressed(m, keys...)
		what := fmt.Sprintf("%s at %dx%d after %q", name, w, h, keys)
		sound(t, m, what)
		s, _ = wild(r)
		m.Update(s)
		sound(t, m, what+", then another")
	}
}

// wild is a state of the tests, with more random things in it.
func wild(r *rand.Rand) (State, string) {
	name := []string{"empty", "early", "long", "huge", "foreign", "gaps"}[r.IntN(6)]
	s := states()[name]
	number := func() float64 {
		return []float64{0, 1, -1, 1e-320, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), r.NormFloat64()}[r.IntN(9)]
	}
	for i := range s.Hall {
		if r.IntN(3) == 0 {
			s.Hall[i].Bound, s.Hall[i].Rung, s.Hall[i].Size = number(), r.IntN(9)-2, r.IntN(40)-5
			s.Hall[i].Scores = []float64{number(), number(), number()}[:r.IntN(4)]
		}
	}
	for i := range s.Curve {
		if r.IntN(3) == 0 {
			s.Curve[i] = Point{r.IntN(1e9) - 1000, number()}
		}
	}
	s.Births -= r.IntN(2000)
	if r.IntN(3) == 0 {
		s.Front = slices.Clone(s.Hall[:r.IntN(len(s.Hall)+1)])
	}
	if r.IntN(5) == 0 {
		s.Rungs = append(s.Rungs, make([]Rung, 12)...)
	}
	if r.IntN(3) == 0 {
		s.Archive = ""
		s.Budget, s.BudgetEvals = time.Duration(r.IntN(3)-1), r.IntN(3)-1
	}
	return s, name
}

func TestSelection(t *testing.T) {
	m := shown(long(), 80, 24)
	id := func(place int) int { return m.state.Hall[place].ID }
	want := func(what string, n int) {
		t.Helper()
		if m.selected != n {
			t.Errorf("%s: %d is selected, not %d", what, m.selected, n)
		}
	}
	want("at first, the pick", id(2))
	s := long()
	s.Hall[2].Pick, s.Hall[7].Pick = false, true
	m.Update(s)
	want("another pick", id(7))
	pressed(m, "up")
	want("up", id(6))
	chosen := id(6)
	s = long()
	slices.Reverse(s.Hall)
	m.Update(s)
	want("the rule has moved", chosen)
	s = long()
	s.Hall = slices.Delete(s.Hall, 6, 7)
	m.Update(s)
	want("the rule has left from place 17", id(17))
	s.Hall = s.Hall[:3]
	m.Update(s)
	want("the hall has shrunk", id(2))
	m.Update(State{})
	if _, ok := m.rule(); ok {
		t.Error("a rule of an empty hall")
	}
	pressed(m, "up", "down", "end", "p")
	m.Update(long())
	want("the pick again", id(2))
	for _, step := range []struct {
		key   string
		place int
	}{{"end", 23}, {"down", 23}, {"pgup", 13}, {"home", 0}, {"up", 0}, {"pgdown", 10}, {"j", 11}, {"k", 10}, {"p", 2}} {
		pressed(m, step.key)
		want(step.key, id(step.place))
	}
}

func TestPanes(t *testing.T) {
	m := shown(long(), 80, 24)
	for range panes {
		sound(t, m, "a pane")
		if !strings.Contains(ansi.Strip(m.screen()), superscripts[m.focus]) {
			t.Errorf("pane %d has the focus and is not shown", m.focus)
		}
		pressed(m, "tab")
	}
	if m.focus != hallPane {
		t.Errorf("all panes on, the focus is on %d", m.focus)
	}
	if pressed(m, "shift+tab"); m.focus != eventsPane {
		t.Errorf("one back, the focus is on %d", m.focus)
	}
	if m.Update(tea.KeyPressMsg{Code: tea.KeyKp3, Text: "3"}); m.focus != curvePane {
		t.Errorf("3 of the number pad gives the focus to %d", m.focus)
	}
	if pressed(m, "enter"); !m.zoomed {
		t.Error("enter does not zoom")
	}
	if pressed(m, "esc"); m.zoomed {
		t.Error("escape does not go back")
	}
	pressed(m, "?")
	place := m.place
	pressed(m, "end")
	m.screen()
	last := m.scroll
	if pressed(m, "up"); last == 0 || m.scroll != last-1 || m.place != place {
		t.Errorf("the help stands at %d and %d, the hall at %d", last, m.scroll, m.place)
	}
	if pressed(m, "esc"); m.helping {
		t.Error("escape does not leave the help")
	}
}

func TestStopping(t *testing.T) {
	stops := 0
	m := newModel(func() { stops++ }, time.Now)
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(early())
	_, cmd := m.Update(keyOf("ctrl+c"))
	if cmd == nil || cmd() != nil || stops != 1 || m.left {
		t.Fatalf("after the first ctrl+c: %d stops, left %v", stops, m.left)
	}
	if text := ansi.Strip(m.screen()); !strings.Contains(text, "all that was found is kept") || !strings.Contains(text, "leave at once") {
		t.Errorf("the screen does not say that it stops:\n%s", text)
	}
	if _, cmd = m.Update(keyOf("q")); cmd == nil || cmd() != tea.Quit() || stops != 1 || !m.left {
		t.Errorf("after the second: %d stops, left %v", stops, m.left)
	}
	done := early()
	done.Done = true
	m = newModel(func() { stops++ }, time.Now)
	m.Update(done)
	if _, cmd = m.Update(keyOf("q")); cmd == nil || cmd() != tea.Quit() || stops != 1 || m.left {
		t.Errorf("q at the end: %d stops, left %v", stops, m.left)
	}
	if _, cmd = m.Update(ended{}); cmd == nil || cmd() != tea.Quit() {
		t.Error("the end of the snapshots does not end the view")
	}
}

// The clock goes on between snapshots, until the search is done.
func TestClock(t *testing.T) {
	now := time.Time{}
	m := newModel(func() {}, func() time.Time { return now })
	if m.Update(second{}); m.elapsed() != 0 {
		t.Errorf("%v before the first snapshot", m.elapsed())
	}
	s := early()
	m.Update(s)
	now = now.Add(2 * time.Second)
	m.Update(second{})
	if m.elapsed() != 5*time.Second {
		t.Errorf("%v, 2 s after a snapshot of 3 s", m.elapsed())
	}
	s.Done = true
	m.Update(s)
	now = now.Add(time.Minute)
	m.Update(second{})
	if m.elapsed() != 3*time.Second {
		t.Errorf("%v after the end", m.elapsed())
	}
}

func TestPalette(t *testing.T) {
	m := shown(long(), 80, 24)
	for p := colorprofile.Unknown; p <= colorprofile.TrueColor; p++ {
		m.Update(tea.ColorProfileMsg{Profile: p})
		dark := m.screen()
		if reversed := strings.Contains(dark, "\x1b[7m"); reversed != (p < colorprofile.ANSI256) {
			t.Errorf("%v: the selected row in reverse: %v", p, reversed)
		}
		m.Update(tea.BackgroundColorMsg{Color: ansi.BrightWhite})
		if light := m.screen(); ansi.Strip(light) != ansi.Strip(dark) || light == dark && p > colorprofile.ANSI {
			t.Errorf("%v: a light terminal shows other text or the same colours", p)
		}
		m.Update(tea.BackgroundColorMsg{Color: ansi.Black})
		if m.screen() != dark {
			t.Errorf("%v: the colours depend on what they were", p)
		}
	}
}

// Snapshots are passed on at most once an interval, the newest always, and the sender never waits.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		updates := make(chan State)
		var births []int
		var at []time.Time
		over := false
		go feed(updates, func(msg tea.Msg) {
			if s, ok := msg.(State); ok {
				births, at = append(births, s.Births), append(at, time.Now())
			} else {
				over = true
			}
		})
		begin := time.Now()
		for i := range 1000 {
			updates <- State{Births: i}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("the sender took %v", took)
		}
		if n := len(births); n < 9 || n > 12 || births[0] != 0 {
			t.Errorf("%d of 1000 snapshots in 10 s were passed on, from %d", n, births[0])
		}
		for i := range at[1:] {
			if gap := at[i+1].Sub(at[i]); i > 0 && gap < interval {
				t.Errorf("snapshots %d and %d are %v apart", i, i+1, gap)
			}
		}
		time.Sleep(time.Second)
		updates <- State{Births: 5000}
		synctest.Wait()
		if births[len(births)-1] != 5000 || time.Since(at[len(at)-1]) != 0 {
			t.Error("a snapshot after a pause waits")
		}
		updates <- State{Births: 5001}
		close(updates)
		synctest.Wait()
		if births[len(births)-1] != 5001 || !over {
			t.Error("the last snapshot is lost, or the end")
		}
	})
}

// View returns when the channel is closed, when the context ends, and when it is told to leave.
func TestView(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	for name, c := range map[string]struct {
		keys   string
		cancel bool // the context, at the first stop or the first snapshot
		close  bool // the channel
		stops  int
		want   error
	}{
		"closed":    {close: true},
		"cancelled": {cancel: true, want: context.Canceled},
		"stopped":   {keys: "q", close: true, stops: 1},
		"left":      {keys: "qq", stops: 1, want: ErrLeft},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, typed := io.Pipe()
			defer typed.Close()
			updates := make(chan State)
			stopped := make(chan bool, 9)
			stop := func() {
				stopped <- true
				if c.close {
					close(updates)
				}
			}
			go func() {
				updates <- early()
				io.WriteString(typed, c.keys)
				switch {
				case c.cancel:
					cancel()
				case c.keys == "":
					close(updates)
				}
			}()
			var out bytes.Buffer
			if err := View(ctx, in, &out, updates, stop); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("View returns %v, not %v", err, c.want)
			}
			for range c.stops {
				<-stopped
			}
			if len(stopped) > 0 {
				t.Error("stop was called again")
			}
			if !c.close {
				updates <- early() // who sends does not wait
				close(updates)
			}
			if on, off := strings.Count(out.String(), ansi.SetModeAltScreenSaveCursor), strings.Count(out.String(), ansi.ResetModeAltScreenSaveCursor); on != off {
				t.Errorf("the screen was entered %d times and left %d times", on, off)
			}
		})
	}
}

func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if Terminal(null, null) || Terminal(strings.NewReader(""), &bytes.Buffer{}) {
		t.Error("what is none is taken for a terminal")
	}
}
