package subject

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// fake counts what it is asked.
type fake struct{ steps, prepared, closed int }

func (f *fake) List() Reply { return Reply{Cases: []string{"a"}} }
func (f *fake) Close()      { f.closed++ }
func (f *fake) Prepare()    { f.prepared++ }

func (f *fake) Do(steps int) error {
	if f.steps += steps; f.steps > 100 {
		return errors.New("tired")
	}
	return nil
}

func (f *fake) Open(q Request) (map[string]Timed, Reply, error) {
	if q.Case != "a" {
		return nil, Reply{}, errors.New("no such case")
	}
	return map[string]Timed{"it": f}, Reply{Engine: "e"}, nil
}

// Every request has one answer, and what fails is answered with the error.
func TestServe(t *testing.T) {
	f := &fake{}
	in := []string{
		`{"op":"list"}`, `{"op":"time","what":"it","steps":1}`, `{"op":"open","case":"b"}`, `{"op":"open","case":"a"}`, `{"op":"open","case":"a"}`,
		`{"op":"time","what":"it","steps":3}`, `{"op":"time","what":"it"}`, `{"op":"time","what":"it","steps":98}`, `nonsense`, `{"op":"close"}`, `{"op":"jump"}`,
	}
	var out strings.Builder
	if err := serve(f, strings.NewReader(strings.Join(in, "\n")+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	want := []string{"", "cannot be timed", "no such case", "", "close first", "", "cannot be timed", "tired", "invalid", "", "cannot be asked"}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatal(out.String())
	}
	for i, line := range lines {
		var r Reply
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if (want[i] == "") != (r.Error == "") || !strings.Contains(r.Error, want[i]) {
			t.Errorf("%s is answered %q, want %q", in[i], r.Error, want[i])
		}
	}
	if f.steps != 101 || f.prepared != 2 || f.closed != 2 {
		t.Errorf("%+v", f)
	}
}

// A team does every item once, whatever its size.
func TestTeam(t *testing.T) {
	for _, size := range []int{1, 2, 5} {
		team := newTeam(size)
		for _, n := range []int{0, 1, 10, 1000, 1001} {
			done := make([]atomic.Int32, n)
			team.share(n, 7, func(from, to int) {
				for i := from; i < to; i++ {
					done[i].Add(1)
				}
			})
			for i := range done {
				if done[i].Load() != 1 {
					t.Errorf("%d threads do item %d of %d %d times", size, i, n, done[i].Load())
				}
			}
		}
		team.stop()
	}
}

// The numbers are those of numbers in bench/python/peers.py.
func TestFill(t *testing.T) {
	u := make([]float32, 5)
	Fill(u, 2)
	want := []float32{1, -1.6180339, -1.2360679, -1.8541019, 1.4721359}
	if !slices.Equal(u, want) {
		t.Errorf("%v, want %v", u, want)
	}
}
