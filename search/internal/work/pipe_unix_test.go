//go:build unix

package work

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// script starts workers that are a shell script.
func script(t *testing.T, text string) *Pipes {
	t.Helper()
	p, err := NewPipes([]string{"sh", "-c", text}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

const negative = `echo '{"Outcome":{"Train":-0.5,"Valid":0.25,"Size":1,"Steps":3}}'; ` +
	`read a; echo '{"Outcome":{"Train":-0.5,"Valid":0.25,"Size":1,"Steps":3}}'; read a; echo '{"Outcome":{"Train":-0.5,"Valid":0.25,"Size":1,"Steps":3}}'`

const good = `echo '{"Outcome":{"Train":0.5,"Valid":0.25,"Size":1,"Steps":3}}'`

// TestRefusalsDoNotEndAWorker: the next item after an error is done.
func TestRefusalsDoNotEndAWorker(t *testing.T) {
	p := script(t, `read a; echo '{"Error":"no operator neg"}'; read a; `+good)
	if _, err := p.Do(t.Context(), Item{}); err == nil || !strings.HasSuffix(err.Error(), `"no operator neg"`) {
		t.Errorf("error %v", err)
	}
	if out, err := p.Do(t.Context(), Item{}); err != nil || out.Valid != 0.25 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestTheFirstFaultIsToldAgain: not that there is nobody behind the pipe any more.
func TestTheFirstFaultIsToldAgain(t *testing.T) {
	for text, want := range map[string]string{
		`read a; exit 3`:            "has ended without a reply: exit status 3",
		`exit 4`:                    "has ended without a reply: exit status 4",
		`read a; echo hi; cat`:      `replies "hi\n"`,
		`read a; ` + negative:       "3 steps, losses of -0.5",
		`head -c 2000000 /dev/zero`: "replies a line of more than 1048576 bytes",
	} {
		p := script(t, text)
		for range 3 {
			if _, err := p.Do(t.Context(), Item{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", text, err, want)
			}
		}
	}
}

// TestRepliesAreOneLine: two lines to an item would be taken for the replies to two.
func TestRepliesAreOneLine(t *testing.T) {
	p := script(t, `read a; printf '%s\n%s\n' "$(`+good+`)" "$(`+good+`)"; read a; `+good)
	if _, err := p.Do(t.Context(), Item{}); err != nil {
		t.Error(err)
	}
	if _, err := p.Do(t.Context(), Item{}); err == nil || !strings.Contains(err.Error(), "more than one line to an item") {
		t.Errorf("error %v", err)
	}
}

// TestBreakingOffIsNoFault: whoever stops the search is told so, and not that a worker has ended.
func TestBreakingOffIsNoFault(t *testing.T) {
	p := script(t, "read a; sleep 60")
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := p.Do(ctx, Item{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
