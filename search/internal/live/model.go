package live

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// pane is a part of the screen.
type pane int

const (
	hallPane pane = iota
	rulePane
	curvePane
	rungsPane
	frontPane
	eventsPane
	panes
)

// keys are all that the view answers to.
var keys = struct{ stop, up, down, pageUp, pageDown, first, last, pick, next, previous, pane, zoom, help, suspend key.Binding }{
	stop:     key.NewBinding(key.WithKeys("q", "ctrl+c"), key.WithHelp("q, ctrl+c", "stop the search; nothing of it is lost. Again: leave at once")),
	up:       key.NewBinding(key.WithKeys("up", "k"), key.WithHelp("↑ ↓, k j", "select a rule of the hall of fame")),
	down:     key.NewBinding(key.WithKeys("down", "j")),
	pageUp:   key.NewBinding(key.WithKeys("pgup", "ctrl+u"), key.WithHelp("page up, down", "ten rules on")),
	pageDown: key.NewBinding(key.WithKeys("pgdown", "ctrl+d")),
	first:    key.NewBinding(key.WithKeys("home", "g"), key.WithHelp("home, end", "the first rule, the last")),
	last:     key.NewBinding(key.WithKeys("end", "G")),
	pick:     key.NewBinding(key.WithKeys("p"), key.WithHelp("p", "the pick, and stay with it")),
	next:     key.NewBinding(key.WithKeys("tab", "right", "l"), key.WithHelp("tab, shift+tab", "the next pane, the one before")),
	previous: key.NewBinding(key.WithKeys("shift+tab", "left", "h")),
	pane:     key.NewBinding(key.WithKeys("1", "2", "3", "4", "5", "6"), key.WithHelp("1 to 6", "that pane")),
	zoom:     key.NewBinding(key.WithKeys("enter", "z", "esc"), key.WithHelp("enter, z", "this pane alone, and back")),
	help:     key.NewBinding(key.WithKeys("?"), key.WithHelp("?", "this page, and back")),
	suspend:  key.NewBinding(key.WithKeys("ctrl+z"), key.WithHelp("ctrl+z", "suspend the search; fg goes on")),
}

// model is what the screen shows and how.
type model struct {
	state    State
	began    bool      // a snapshot has come
	received time.Time // the last one
	clock    time.Time // that is shown
	now      func() time.Time
	stop     func()
	stopping bool
	left     bool // without waiting for the end

	width, height int
	dark          bool // the terminal is, as far as it tells
	profile       colorprofile.Profile
	palette       *palette
	focus         pane
	side          pane // the last one besides the hall that had the focus
	zoomed        bool
	helping       bool
	scroll        int // lines of the help above the screen

	chosen   bool // a rule was selected by hand; else it is the pick
	selected int  // its ID
	place    int  // its place in the hall, where the selection stays when the rule leaves
}

func newModel(stop func(), now func() time.Time) *model {
	m := &model{stop: stop, now: now, dark: true, profile: colorprofile.ANSI256, side: rulePane}
	m.paint()
	return m
}

// second is told once a second, so that the clock goes on between snapshots.
type second struct{}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return second{} })
}

func (m *model) Init() tea.Cmd { return tea.Batch(tea.RequestBackgroundColor, tick()) }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case State:
		m.take(msg)
	case ended:
		return m, tea.Quit
	case second:
		if now := m.now(); now.Sub(m.received) > interval*3/2 { // else the next snapshot brings it
			m.clock = now
		}
		return m, tick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.paint()
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
		m.paint()
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	return v
}

func (m *model) paint() { m.palette = newPalette(m.dark, m.profile) }

// take makes a snapshot the one to show.
func (m *model) take(s State) {
	m.state, m.began, m.received = s, true, m.now()
	m.clock = m.received
	m.settle()
}

// settle finds the selected rule in the hall: where it is now, or what took its place.
func (m *model) settle() {
	hall := m.state.Hall
	if len(hall) == 0 {
		m.place = 0
		return
	}
	at := slices.IndexFunc(hall, func(r Rule) bool { return m.chosen && r.ID == m.selected || !m.chosen && r.Pick })
	switch {
	case at >= 0:
		m.place = at
	case m.chosen:
		m.place = min(m.place, len(hall)-1)
	default:
		m.place = 0
	}
	m.selected = hall[m.place].ID
}

// rule is the selected one.
func (m *model) rule() (Rule, bool) {
	if m.place >= len(m.state.Hall) {
		return Rule{}, false
	}
	return m.state.Hall[m.place], true
}

// elapsed is the time of the search, which goes on between snapshots.
func (m *model) elapsed() time.Duration {
	if !m.began || m.state.Done {
		return m.state.Elapsed
	}
	return m.state.Elapsed + max(0, m.clock.Sub(m.received))
}

// press answers a key.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.stop):
		return m.end()
	case key.Matches(k, keys.suspend):
		return tea.Suspend
	case key.Matches(k, keys.help), m.helping && key.Matches(k, keys.zoom):
		m.helping, m.scroll = !m.helping, 0
	case m.helping:
		m.scroll += m.stride(k, 1000) // the screen says where the end is
	case key.Matches(k, keys.zoom):
		m.zoomed = !m.zoomed && k.Code != tea.KeyEscape
	case key.Matches(k, keys.next):
		m.turn((m.focus + 1) % panes)
	case key.Matches(k, keys.previous):
		m.turn((m.focus + panes - 1) % panes)
	case key.Matches(k, keys.pane):
		m.turn(pane(k.String()[0] - '1'))
	case key.Matches(k, keys.pick):
		m.chosen = false
		m.settle()
	default:
		m.move(m.stride(k, len(m.state.Hall)))
	}
	return nil
}

// end asks the search to stop, or leaves if it was asked before or there is nothing to wait for.
func (m *model) end() tea.Cmd {
	if m.stopping || m.state.Done {
		m.left = !m.state.Done
		return tea.Quit
	}
	m.stopping = true
	return func() tea.Msg {
		m.stop()
		return nil
	}
}

// turn gives a pane the focus.
func (m *model) turn(to pane) {
	if m.focus = to; to != hallPane {
		m.side = to
	}
}

// stride is how far a key goes in a list of n.
func (m *model) stride(k tea.KeyPressMsg, n int) int {
	switch {
	case key.Matches(k, keys.up):
		return -1
	case key.Matches(k, keys.down):
		return 1
	case key.Matches(k, keys.pageUp):
		return -10
	case key.Matches(k, keys.pageDown):
		return 10
	case key.Matches(k, keys.first):
		return -n
	case key.Matches(k, keys.last):
		return n
	}
	return 0
}

// move selects a rule further down, or up.
func (m *model) move(by int) {
	if by == 0 || len(m.state.Hall) == 0 {
		return
	}
	m.place = max(0, min(m.place+by, len(m.state.Hall)-1))
	m.chosen, m.selected = true, m.state.Hall[m.place].ID
}
