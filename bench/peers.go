package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/optc-lang/optc/bench/subject"
	"github.com/optc-lang/optc/internal/host"
)

// library is a program with optimizers of others.
type library struct {
	name    string
	program string
	args    []string
	missing string // why it cannot be had
}

// libraries are the programs to ask, for a number of threads.
func (b *bench) libraries(ctx context.Context, f *flags, threads int) []library {
	script := filepath.Join(b.builder.root, "bench", "python", "peers.py")
	t := fmt.Sprint(threads)
	out := []library{{name: "torch", program: f.python, args: []string{script, "torch", t}}, {name: "optax", program: f.python, args: []string{script, "optax", t}}}
	d := library{name: "deepspeed", program: f.python, args: []string{script, "deepspeed", t, f.deepspeed}}
	if f.deepspeed == "" {
		d.missing = "no sources were named: -deepspeed"
	}
	g := library{name: "go", program: filepath.Join(b.builder.work, "peers")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", g.program, ".")
	cmd.Dir = filepath.Join(b.builder.root, "bench", "peers")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		g.missing = fmt.Sprintf("bench/peers does not build: %v: %.300s", err, text)
	}
	return append(out, d, g)
}

// peers measures other libraries' optimizers, each in turn with the rule.
func (b *bench) peers(ctx context.Context, f *flags, sizes, threads []int) error {
	session := &b.out.Sessions[len(b.out.Sessions)-1]
	session.Versions, session.Missing = map[string]string{}, map[string]string{}
	for _, t := range threads {
		for _, lib := range b.libraries(ctx, f, t) {
			if lib.missing == "" {
				err := b.library(ctx, f, lib, sizes, t, session)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err == nil {
					continue
				}
				lib.missing = err.Error()
			}
			session.Missing[lib.name] = b.builder.portable(lib.missing)
			fmt.Fprintf(os.Stderr, "bench: %s cannot be had: %s\n", lib.name, lib.missing)
		}
	}
	return b.out.write()
}

// library measures all cases of a program. An error is about the program; a case that fails is noted.
func (b *bench) library(ctx context.Context, f *flags, lib library, sizes []int, threads int, session *conditions) error {
	p, err := start(ctx, nil, lib.program, lib.args...)
	if err != nil {
		return err
	}
	defer p.stop()
	listed, err := p.ask(subject.Request{Op: "list"})
	if err != nil {
		return err
	}
	for k, v := range listed.Versions {
		session.Versions[k] = v
	}
	for k, v := range listed.Missing {
		session.Missing[k] = b.builder.portable(v)
	}
	for _, c := range listed.Cases {
		_, rule, _ := strings.Cut(c, ":")
		l, ok := b.row(rule)
		if !ok {
			continue
		}
		for _, n := range sizes {
			key := result{Kind: kindPeer, Rule: rule, Peer: strings.TrimSuffix(c, ":"+rule), Asked: n, Threads: threads}
			if b.out.has(&key) && !f.again || n <= inCache && threads > 1 {
				continue
			}
			r, err := b.pair(ctx, p, c, l, key)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				session.Missing[fmt.Sprintf("%s, %s, %d threads", c, sizeText(n), threads)] = b.builder.portable(err.Error())
				fmt.Fprintf(os.Stderr, "bench: %s: %v\n", c, err)
				p.ask(subject.Request{Op: "close"})
				continue
			}
			if err := b.out.put(*r); err != nil {
				return err
			}
			fmt.Println(r.line())
		}
	}
	return nil
}

// row is the row of a rule with settings, as a case names it; settings that least.tsv has no row for move what others do.
func (b *bench) row(name string) (least, bool) {
	rule, set, _ := strings.Cut(name, " ")
	for _, l := range b.rows {
		if l.name() == name {
			return l, true
		}
	}
	for _, l := range b.rows {
		if l.Rule == rule && set != "" {
			l.Set = map[string]string{}
			for pair := range strings.FieldsSeq(set) {
				k, v, _ := strings.Cut(pair, "=")
				l.Set[k] = v
			}
			return l, true
		}
	}
	return least{}, false
}

// compiles reports whether opening a case takes long: it is then opened once.
func compiles(c string) bool {
	return strings.HasPrefix(c, "torch-compile") || strings.HasPrefix(c, "optax")
}

// peersMemory is how much more memory than the rule another library may need.
const peersMemory = 3

// pair measures a case in turn with the rule, each on arrays of its own with the same numbers.
func (b *bench) pair(ctx context.Context, p *process, name string, l least, r result) (*result, error) {
	c, err := b.sources.compile(l.Rule, l.Set)
	if err != nil {
		return nil, err
	}
	n := r.Asked
	if free := freeMemory(); free > 0 {
		for n > 1<<16 && (1+peersMemory)*b.need(l, c, n) > free*9/10 {
			n /= 4
		}
	}
	for {
		r.Shape = b.shape(l, c, n)
		retry, err := b.pairOn(ctx, p, name, l, c, &r)
		if err != nil || !retry {
			return &r, err
		}
		n = elements(r.Shape) / 4
	}
}

func (b *bench) pairOn(ctx context.Context, p *process, name string, l least, c *compiled, r *result) (retry bool, err error) {
	g, err := generate(l, c, r.Shape, false)
	if err != nil {
		return false, err
	}
	program, err := b.builder.build(ctx, g)
	if err != nil {
		return false, err
	}
	ours, err := start(ctx, nil, program)
	if err != nil {
		return false, err
	}
	defer ours.stop()
	rule, peer := &turn{process: ours, what: "rule", period: l.period()}, &turn{process: p, what: "peer", period: l.period()}
	reps, each := b.plan.turns(elements(r.Shape))
	for placement := range b.plan.placements {
		opened, err := ours.ask(subject.Request{Op: "open", Shape: r.Shape, Threads: r.Threads})
		if err != nil {
			return false, err
		}
		r.Engine = opened.Engine
		if placement == 0 || !compiles(name) {
			if _, err := p.ask(subject.Request{Op: "open", Case: name, Shape: r.Shape, Threads: r.Threads}); err != nil {
				return false, err
			}
		}
		if placement == 0 {
			total := 0.0
			for _, t := range []*turn{rule, peer} {
				ns, err := t.process.time(t.what, t.period)
				if err != nil {
					return false, err
				}
				total += ns * float64(t.period*(b.plan.reps+2*b.plan.placements))
			}
			if time.Duration(total) > 2*b.plan.budget && elements(r.Shape) > fewestShrunk {
				_, err := p.ask(subject.Request{Op: "close"})
				return true, err
			}
		}
		for _, t := range []*turn{rule, peer} {
			if err := t.calibrate(each); err != nil {
				return false, err
			}
		}
		if err := interleave([]*turn{rule, peer}, reps); err != nil {
			return false, err
		}
		if _, err := ours.ask(subject.Request{Op: "close"}); err != nil {
			return false, err
		}
		if placement == b.plan.placements-1 || !compiles(name) {
			if _, err := p.ask(subject.Request{Op: "close"}); err != nil {
				return false, err
			}
		}
	}
	n := float64(elements(r.Shape))
	r.NS = map[string][3]float64{}
	for _, t := range []*turn{rule, peer} {
		q := host.Quartiles(t.series)
		for i := range q {
			q[i] = rounded(q[i] / n)
		}
		r.NS[t.what] = q
	}
	r.Reps = len(rule.series)
	r.Ratio = roundedAll(ratios(peer.series, rule.series))
	return false, nil
}

// builds measures the time from the text of rules to files, and to a compiled package, beside torch.compile's.
func (b *bench) builds(ctx context.Context, f *flags) error {
	optc := filepath.Join(b.builder.work, "optc")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", optc, "./cmd/optc")
	cmd.Dir = b.builder.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/optc: %w: %s", err, text)
	}
	dir, err := os.MkdirTemp(b.builder.work, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all := []string{"build", "-o", dir, "--package", "rules"}
	for _, rule := range b.sources.library.Rules() {
		all = append(all, "std/"+rule)
	}
	one := func(rule string) func(int) error {
		return func(int) error {
			return runQuietly(ctx, dir, optc, "build", "-o", dir, "--package", "rules", "std/"+rule)
		}
	}
	compile := func(i int) error {
		if err := one("adam")(i); err != nil {
			return err
		}
		// A comment of its own makes the go command compile the package anew.
		if err := os.WriteFile(filepath.Join(dir, "again.go"), fmt.Appendf(nil, "package rules // %d %d\n", i, os.Getpid()), 0o644); err != nil {
			return err
		}
		return runQuietly(ctx, dir, "go", "build", ".")
	}
	module := fmt.Sprintf("module example.com/rules\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", modulePath, modulePath, b.builder.root)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(module), 0o644); err != nil {
		return err
	}
	for _, m := range []struct {
		rule, what string
		reps       int
		do         func(int) error
	}{
		{"adam", "optc build", b.plan.reps, one("adam")},
		{"soap", "optc build", b.plan.reps, one("soap")},
		{"adam", "optc build, go build", b.plan.reps, compile},
		{fmt.Sprintf("all %d of the library", len(b.sources.library.Rules())), "optc build", b.plan.reps, func(int) error { return runQuietly(ctx, dir, optc, all...) }},
	} {
		var times []float64
		if err := m.do(-1); err != nil { // warms up the caches of files
			return err
		}
		for i := range m.reps {
			start := time.Now()
			if err := m.do(i); err != nil {
				return err
			}
			times = append(times, time.Since(start).Seconds())
		}
		if err := b.built(m.rule, m.what, times); err != nil {
			return err
		}
	}
	return b.torchCompile(ctx, f)
}

// torchCompile measures torch.compile three times, each in a process of its own.
func (b *bench) torchCompile(ctx context.Context, f *flags) error {
	session := &b.out.Sessions[len(b.out.Sessions)-1]
	var times []float64
	for range 3 {
		text, err := exec.CommandContext(ctx, f.python, filepath.Join(b.builder.root, "bench", "python", "peers.py"), "compile-time").Output()
		var reply struct {
			Seconds  float64
			Versions map[string]string
		}
		if err == nil {
			err = json.Unmarshal(text, &reply)
		}
		if err != nil {
			session.Missing = map[string]string{"torch.compile": b.builder.portable(failure(err))}
			fmt.Fprintln(os.Stderr, "bench: torch.compile cannot be had:", failure(err))
			return b.out.write()
		}
		session.Versions = reply.Versions
		times = append(times, reply.Seconds)
	}
	return b.built("adam", "torch.compile", times)
}

// failure is an error with the end of what the program said.
func failure(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("%v: %s", err, exit.Stderr[max(0, len(exit.Stderr)-300):])
	}
	return err.Error()
}

func (b *bench) built(rule, what string, times []float64) error {
	r := result{Kind: kindBuild, Rule: rule, Peer: what, Reps: len(times), Seconds: roundedAll(host.Quartiles(times))}
	fmt.Println(r.line())
	return b.out.put(r)
}

func runQuietly(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), []string{"GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off"})
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, text)
	}
	return nil
}
