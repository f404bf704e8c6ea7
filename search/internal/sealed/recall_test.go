package sealed

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
)

var errGone = errors.New("not kept")

// recall finds an outcome that is kept.
func (m memory) recall(i work.Item) (work.Outcome, error) {
	out, ok := m[i.Key()]
	if !ok {
		return out, errGone
	}
	return out, nil
}

// TestRecall holds that a result follows from its training runs alone.
func TestRecall(t *testing.T) {
	c := config(t, "tanh(g)")
	w := &world{loss: func(rule, task string) float64 { return float64(len(rule)+len(task)) / 100 }}
	kept := memory{}
	want, err := Run(context.Background(), &pool.Pool{Run: w.run, Workers: 2, Cache: kept}, c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Recall(context.Background(), want, kept.recall)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("recalled it is another, %v", err)
	}
	fewer := want
	fewer.Rows = want.Rows[1:]
	if _, err := Recall(context.Background(), fewer, kept.recall); !errors.Is(err, ErrOther) {
		t.Errorf("of fewer tasks: %v", err)
	}
	for key, out := range kept {
		if out.Test != 0 {
			delete(kept, key)
			break
		}
	}
	if _, err := Recall(context.Background(), want, kept.recall); !errors.Is(err, errGone) {
		t.Errorf("without one of its runs: %v", err)
	}
}
