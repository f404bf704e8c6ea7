package work

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
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
		if ctx.Err() != nil {
			return Outcome{}, ctx.Err() // that it was killed is nobody's fault
		}
		return out, err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// Close ends the programs.
func (p *Pipes) Close() {
	var all sync.WaitGroup
	for _, w := range p.all {
		all.Go(w.close)
	}
	all.Wait()
}

// worker is a running program.
type worker struct {
	command []string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	failed  error // what ended the talk with it
	exit    error // how it has ended
	closing sync.Once
}

func startWorker(command []string) (*worker, error) {
	w := &worker{command: command, cmd: exec.Command(command[0], command[1:]...)}
	w.cmd.Stderr = os.Stderr
	apart(w.cmd)
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReaderSize(out, maxLine)
	return w, w.cmd.Start()
}

func (w *worker) do(item Item) (Outcome, error) {
	line, err := json.Marshal(item)
	if err != nil {
		return Outcome{}, err
	}
	reply, err := w.ask(line)
	if err != nil {
		return Outcome{}, err
	}
	if reply.Error != "" {
		return Outcome{}, fmt.Errorf("worker %q: %.500q", w.command, reply.Error)
	}
	if err := reply.Outcome.check(); err != nil {
		return Outcome{}, fmt.Errorf("worker %q: %w", w.command, err)
	}
	return reply.Outcome, nil
}

// ask writes a line and reads the reply. A program that does not keep to the protocol is ended and asked no more: what it did
// first is its error from then on.
func (w *worker) ask(line []byte) (reply Reply, err error) {
	if w.failed == nil {
		if w.failed = w.talk(line, &reply); w.failed != nil {
			w.failed = fmt.Errorf("worker %q %w", w.command, w.failed)
			w.close()
		}
	}
	return reply, w.failed
}

func (w *worker) talk(line []byte, reply *Reply) error {
	if w.out.Buffered() > 0 {
		return fmt.Errorf("has said more than one line to an item: %s", w.rest())
	}
	_, unread := w.in.Write(append(line, '\n')) // what a program that ends has said before is worth more than that
	answer, err := w.out.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("replies a line of more than %d bytes", maxLine)
	} else if err != nil {
		w.close()
		return fmt.Errorf("has ended without a reply: %w", cmp.Or(w.exit, unread, io.ErrUnexpectedEOF))
	}
	if err := json.Unmarshal(answer, reply); err != nil {
		return fmt.Errorf("replies %.100q: %w", answer, err)
	}
	return nil
}

// rest is what has been read and not been asked for, its beginning.
func (w *worker) rest() string {
	text, _ := w.out.Peek(min(100, w.out.Buffered()))
	return strconv.Quote(string(text))
}

// patience is how long a program has to end after its input has.
const patience = 2 * time.Second

func (w *worker) kill() { kill(w.cmd) }

func (w *worker) close() {
	w.closing.Do(func() {
		late := time.AfterFunc(patience, w.kill)
		defer late.Stop()
		w.in.Close()
		io.Copy(io.Discard, w.out) // or it could not write its last words
		w.exit = w.cmd.Wait()
	})
}
