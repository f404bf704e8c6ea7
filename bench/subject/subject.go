// Package subject is the other end of the benchmark: a program of it holds one compiled rule, the loops that bound its time and
// the same formula in C, and times them on the same arrays when asked.
//
// In come requests, a line of JSON each, on the standard input; out goes a line of JSON for each. What fails is answered with the
// error. The programs of other libraries answer the same requests, so that the benchmark can let all take turns. The package
// decides nothing about how often or in which order something is timed.
package subject

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Request asks for one thing.
type Request struct {
	Op      string `json:"op"`                // list, open, time or close
	Case    string `json:"case,omitempty"`    // of open: what the program has several of
	Shape   []int  `json:"shape,omitempty"`   // of open: of the tensor
	Threads int    `json:"threads,omitempty"` // of open
	What    string `json:"what,omitempty"`    // of time: one of the things of the reply to open
	Steps   int    `json:"steps,omitempty"`   // of time
}

// Reply answers a Request.
type Reply struct {
	Error    string            `json:"error,omitempty"`
	Cases    []string          `json:"cases,omitempty"`    // of list
	Versions map[string]string `json:"versions,omitempty"` // of list
	Missing  map[string]string `json:"missing,omitempty"`  // of list and open: what cannot be had, with the reason
	Things   []string          `json:"things,omitempty"`   // of open: what can be timed
	Engine   string            `json:"engine,omitempty"`   // of open: of the rule's kernels
	Notes    []string          `json:"notes,omitempty"`    // of open: what was checked
	NS       float64           `json:"ns,omitempty"`       // of time: nanoseconds a step
}

// Timed is one thing that can be done again and again.
type Timed interface {
	Do(steps int) error
}

// Prepared is a Timed that is made ready before each timing: a gradient that its steps use up is filled anew.
type Prepared interface {
	Timed
	Prepare()
}

// Server answers requests.
type Server interface {
	List() Reply
	Open(r Request) (map[string]Timed, Reply, error)
	Close()
}

// Serve answers the requests on the standard input until it ends.
func Serve(s Server) {
	if err := serve(s, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(s Server, from io.Reader, to io.Writer) error {
	in, out := bufio.NewReader(from), json.NewEncoder(to)
	var things map[string]Timed
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var q Request
		var r Reply
		if err := json.Unmarshal(line, &q); err != nil {
			r.Error = err.Error()
		} else if r, err = answer(s, q, &things); err != nil {
			r = Reply{Error: err.Error(), Missing: r.Missing}
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

func answer(s Server, q Request, things *map[string]Timed) (r Reply, err error) {
	switch q.Op {
	case "list":
		return s.List(), nil
	case "open":
		if *things != nil {
			return r, errors.New("close first")
		}
		if *things, r, err = s.Open(q); err != nil {
			*things = nil
			s.Close()
		}
		for name := range *things {
			r.Things = append(r.Things, name)
		}
		return r, err
	case "time":
		t, ok := (*things)[q.What]
		if !ok || q.Steps < 1 {
			return r, fmt.Errorf("%d steps of %q cannot be timed", q.Steps, q.What)
		}
		if p, ok := t.(Prepared); ok {
			p.Prepare()
		}
		start := time.Now()
		err := t.Do(q.Steps)
		return Reply{NS: float64(time.Since(start).Nanoseconds()) / float64(q.Steps)}, err
	case "close":
		*things = nil
		s.Close()
		return r, nil
	}
	return r, fmt.Errorf("%q cannot be asked", q.Op)
}

// Fill writes ordinary numbers of both signs about a size, of which every language makes the same: what is slow about zeros,
// subnormal numbers or untouched pages is not what a rule meets.
func Fill(to []float32, size float32) {
	for i := range to {
		h := uint32(i) * 2654435761
		v := size * (0.5 + float32(h>>9)/(1<<24))
		if h>>8&1 == 1 {
			v = -v
		}
		to[i] = v
	}
}
