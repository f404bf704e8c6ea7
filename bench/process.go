package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/optc-lang/optc/bench/subject"
)

// process is a program that answers requests.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a program that answers requests. What it writes to its standard error goes to ours.
func start(ctx context.Context, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = os.Stderr
	p.cmd.Env = append(os.Environ(), env...)
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

// ask sends a request and reads the answer.
func (p *process) ask(q subject.Request) (subject.Reply, error) {
	var r subject.Reply
	line, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return r, fmt.Errorf("the program has ended: %w", err)
	}
	answer, err := p.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("the program has ended: %w", err)
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, fmt.Errorf("%w in the answer %.200q", err, answer)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// time is the time of a step in nanoseconds.
func (p *process) time(what string, steps int) (float64, error) {
	r, err := p.ask(subject.Request{Op: "time", What: what, Steps: steps})
	return r.NS, err
}

// stop ends the program.
func (p *process) stop() {
	p.in.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}
