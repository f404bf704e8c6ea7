package work

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Reply is what a worker program answers to an item.
type Reply struct {
	Outcome Outcome
	Error   string // of the item, or ""
}

// Serve is a worker program: it reads items from in, one in JSON a line, does each, and writes a [Reply], one a line.
func Serve(ctx context.Context, e Executor, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	write := json.NewEncoder(out)
	for lines.Scan() {
		var item Item
		var reply Reply
		err := json.Unmarshal(lines.Bytes(), &item)
		if err == nil {
			reply.Outcome, err = e.Do(ctx, item)
		}
		if err != nil {
			reply = Reply{Error: err.Error()}
		}
		if err := write.Encode(reply); err != nil {
			return err
		}
	}
	return lines.Err()
}

// maxLine bounds a line of the protocol.
const maxLine = 1 << 20

// Pipes does items in worker programs, which speak the protocol of [Serve] on their standard input and output.
type Pipes struct {
	idle chan *worker // one of each program; nil after Close
	all  []*worker
}

// NewPipes starts so many worker programs.
func NewPipes(command []string, workers int) (*Pipes, error) {
	p := &Pipes{idle: make(chan *worker, workers)}
	for range workers {
		w, err := startWorker(command)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("worker %q: %w", command, err)
		}
		p.all = append(p.all, w)
		p.idle <- w
	}
	return p, nil
}

// Do has a worker do an item.
func (p *Pipes) Do(ctx context.Context, item Item) (Outcome, error) {
	select {
	case w := <-p.idle:
		defer func() { p.idle <- w }()
		stop := context.AfterFunc(ctx, w.kill)
		defer stop()
		out, err := w.do(item)
		if err != nil {
			w.kill() // it may wait for somebody to read
		}
		return out, err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// Close ends the programs.
func (p *Pipes) Close() {
	for _, w := range p.all {
		w.close()
	}
}

// worker is a running program.
type worker struct {
	command []string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	closing sync.Once
}

func startWorker(command []string) (*worker, error) {
	w := &worker{command: command, cmd: exec.Command(command[0], command[1:]...)}
	w.cmd.Stderr = os.Stderr
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewScanner(out)
	w.out.Buffer(nil, maxLine)
	return w, w.cmd.Start()
}

func (w *worker) do(item Item) (Outcome, error) {
	line, err := json.Marshal(item)
	if err != nil {
		return Outcome{}, err
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		return Outcome{}, fmt.Errorf("worker %q has ended: %w", w.command, err)
	}
	if !w.out.Scan() {
		return Outcome{}, fmt.Errorf("worker %q has ended without a reply: %w", w.command, errors.Join(w.out.Err(), io.ErrUnexpectedEOF))
	}
	var reply Reply
	if err := json.Unmarshal(w.out.Bytes(), &reply); err != nil {
		return Outcome{}, fmt.Errorf("worker %q replies %.100q: %w", w.command, w.out.Text(), err)
	}
	if reply.Error != "" {
		return Outcome{}, fmt.Errorf("worker %q: %s", w.command, reply.Error)
	}
	if o := reply.Outcome; o.Steps == 0 && !o.Diverged || o.Train < 0 || o.Valid < 0 || o.Test < 0 || o.Size < 0 {
		return Outcome{}, fmt.Errorf("worker %q replies %.100q: an outcome has steps, or it diverged, and losses that are not negative", w.command, w.out.Text())
	}
	return reply.Outcome, nil
}

// patience is how long a program has to end after its input has.
const patience = 2 * time.Second

func (w *worker) kill() { w.cmd.Process.Kill() }

func (w *worker) close() {
	w.closing.Do(func() {
		late := time.AfterFunc(patience, w.kill)
		defer late.Stop()
		w.in.Close()
		for w.out.Scan() { // or it could not write its last words
		}
		w.cmd.Wait()
	})
}
