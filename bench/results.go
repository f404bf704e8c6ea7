package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/optc-lang/optc/bench/subject"
	"github.com/optc-lang/optc/internal/cost"
	"github.com/optc-lang/optc/internal/host"
)

// The kinds of results.
const (
	kindRoof  = "roof"  // a rule beside its floors, in the cache also beside C
	kindPeer  = "peer"  // a rule beside another library's optimizer
	kindBuild = "build" // from source to a kernel
	kindCurve = "curve" // trainings of a task

	kindSplit   = string(cost.Split)
	kindTensors = string(cost.Tensors)
	kindHelpers = string(cost.Helpers)
)

// result is one measured row.
type result struct {
	Kind    string `json:"kind"`
	Rule    string `json:"rule"`
	Peer    string `json:"peer,omitempty"`
	Of      string `json:"of,omitempty"`    // the model or task
	Asked   int    `json:"asked,omitempty"` // elements
	Shape   []int  `json:"shape,omitempty"` // what was measured
	Threads int    `json:"threads,omitempty"`
	Session int    `json:"session"` // of the file: the conditions

	Engine string                `json:"engine,omitempty"`
	Reps   int                   `json:"reps,omitempty"`
	NS     map[string][3]float64 `json:"ns,omitempty"`      // an element and step, by thing: quartiles and median
	Bytes  float64               `json:"bytes,omitempty"`   // the least, an element
	Bound  string                `json:"bound,omitempty"`   // the rule's kind in least.tsv
	Floor  string                `json:"floor,omitempty"`   // the highest
	Share  [3]float64            `json:"share,omitzero"`    // of the roof: that floor's time over the rule's
	GB     float64               `json:"gb_s,omitempty"`    // the least bytes over the rule's time
	RoofGB float64               `json:"roof_gb,omitempty"` // and over the memory floor's

	OverC map[string][3]float64 `json:"over_c,omitempty"` // the time of C over the rule's, by setting
	Ratio [3]float64            `json:"ratio,omitzero"`   // the peer's time over the rule's

	Seconds [3]float64 `json:"seconds,omitzero"` // of a build

	Values map[string][3]float64 `json:"values,omitempty"` // of what package cost measures, by its names
	Curve  *curve                `json:"curve,omitempty"`

	Missing map[string]string `json:"missing,omitempty"` // what could not be had, with the reason
	Notes   []string          `json:"notes,omitempty"`
}

// same reports whether two results are of the same row.
func (r *result) same(o *result) bool {
	return r.Kind == o.Kind && r.Rule == o.Rule && r.Peer == o.Peer && r.Of == o.Of && r.Asked == o.Asked && r.Threads == o.Threads
}

// conditions are what a run's figures hold for.
type conditions struct {
	CPU      string             `json:"cpu"`
	Cores    int                `json:"cores"`
	Caches   string             `json:"caches,omitempty"`
	System   string             `json:"system"`
	Go       string             `json:"go"`
	GCC      string             `json:"gcc,omitempty"`
	Memory   map[string]float64 `json:"memory_gb_s,omitempty"` // by threads: a loop that reads and writes
	Load     string             `json:"load,omitempty"`        // of the machine at the start: 1, 5 and 15 minutes
	Versions map[string]string  `json:"versions,omitempty"`    // of peers
	Missing  map[string]string  `json:"missing,omitempty"`     // peers that could not be had
}

// store is a file of results, written anew after each row so that a run may stop at any time.
type store struct {
	path     string
	Sessions []conditions `json:"sessions"`
	Rows     []result     `json:"rows"`
}

func openStore(path string) (*store, error) {
	s := &store{path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, r := range s.Rows {
		if r.Session < 0 || r.Session >= len(s.Sessions) {
			return nil, fmt.Errorf("%s: row %d is of session %d, and there are %d", path, i, r.Session, len(s.Sessions))
		}
	}
	return s, nil
}

// has reports whether a row is there.
func (s *store) has(r *result) bool {
	return slices.ContainsFunc(s.Rows, func(o result) bool { return o.same(r) })
}

// hasKind reports whether a row of a kind is there.
func (s *store) hasKind(kind string) bool {
	return slices.ContainsFunc(s.Rows, func(r result) bool { return r.Kind == kind })
}

// put adds a row of the last session, in place of an older one, and writes the file.
func (s *store) put(r result) error {
	r.Session = len(s.Sessions) - 1
	s.Rows = slices.DeleteFunc(s.Rows, func(o result) bool { return o.same(&r) })
	s.Rows = append(s.Rows, r)
	return s.write()
}

// begin starts a session, in place of earlier ones that no row is of.
func (s *store) begin(c conditions) {
	used := make([]int, len(s.Sessions))
	var kept []conditions
	for i, old := range s.Sessions {
		if slices.ContainsFunc(s.Rows, func(r result) bool { return r.Session == i }) {
			used[i] = len(kept)
			kept = append(kept, old)
		}
	}
	for i := range s.Rows {
		s.Rows[i].Session = used[s.Rows[i].Session]
	}
	s.Sessions = append(kept, c)
}

func (s *store) write() error {
	slices.SortStableFunc(s.Rows, func(a, b result) int {
		return strings.Compare(a.key(), b.key())
	})
	text := []byte("{\"sessions\": [")
	text, err := appendLines(text, s.Sessions)
	if err != nil {
		return err
	}
	text = append(text, "],\n\"rows\": ["...)
	if text, err = appendLines(text, s.Rows); err != nil {
		return err
	}
	text = append(text, "]}\n"...)
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(s.path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(s.path+".new", s.path)
}

// appendLines appends the members of a list, each on a line.
func appendLines[T any](text []byte, list []T) ([]byte, error) {
	for i, v := range list {
		if i > 0 {
			text = append(text, ',')
		}
		line, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		text = append(append(text, '\n'), line...)
	}
	return text, nil
}

func (r *result) key() string {
	return fmt.Sprintf("%s %012d %d %s %s%s", r.Kind, r.Asked, r.Threads, r.Rule, r.Peer, r.Of)
}

// readConditions asks the machine what it is.
func (b *bench) readConditions(ctx context.Context, threads []int) conditions {
	c := conditions{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), GCC: b.builder.gcc}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		names := map[string]string{}
		for line := range strings.Lines(string(data)) {
			if k, v, ok := strings.Cut(line, ":"); ok {
				names[strings.TrimSpace(k)] = strings.TrimSpace(v)
			}
		}
		c.CPU = strings.Join(strings.Fields(names["model name"]+" family "+names["cpu family"]+" model "+names["model"]), " ")
		for _, isa := range []string{"avx512f", "avx2"} {
			if slices.Contains(strings.Fields(names["flags"]), isa) {
				c.CPU += " " + isa
				break
			}
		}
	}
	if out, err := exec.CommandContext(ctx, "lscpu", "-B", "--caches=NAME,ONE-SIZE").Output(); err == nil {
		var parts []string
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) == 2 && f[0] != "NAME" {
				parts = append(parts, f[0]+" "+f[1])
			}
		}
		c.Caches = strings.Join(parts, ", ")
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(data)); len(f) > 2 {
			c.Load = strings.Join(f[:3], " ")
		}
	}
	c.Memory = b.memoryState(ctx, threads)
	return c
}

// memoryState is the bandwidth of the floor of a rule without state, by the number of threads: which of its states the
// memory of a shared machine is in.
func (b *bench) memoryState(ctx context.Context, threads []int) map[string]float64 {
	l := least{Rule: "prox_sgd", Passes: []leastPass{{Every: 1, Streams: []leastStream{{"x", "", true, true}, {"g", "", true, false}}}}}
	c, err := b.sources.compile(l.Rule, nil)
	if err != nil {
		return nil
	}
	const n = 32 << 20
	g, err := generate(l, c, []int{n}, false)
	if err != nil {
		return nil
	}
	program, err := b.builder.build(ctx, g)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: the state of the memory:", err)
		return nil
	}
	p, err := start(ctx, nil, program)
	if err != nil {
		return nil
	}
	defer p.stop()
	out := map[string]float64{}
	for _, t := range threads {
		if _, err := p.ask(subject.Request{Op: "open", Shape: []int{n}, Threads: t}); err != nil {
			return out
		}
		t1 := &turn{process: p, what: subject.MemoryPrefix + "0", period: 1, steps: 3}
		if interleave([]*turn{t1}, 7) == nil {
			out[fmt.Sprint(t)] = rounded(12 * n / host.Quartiles(t1.series)[1])
		}
		p.ask(subject.Request{Op: "close"})
	}
	return out
}
