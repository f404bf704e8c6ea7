// Package driver builds programs that run a compiled rule, and talks to them.
//
// In come generated files and a request of package host; out come the program's replies. A program is built by the `go`
// on PATH in a temporary module, without a network and whatever the user's Go settings are, and kept in the user's
// cache folder under the digest of all that it is made of.
package driver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/optc-lang/optc/internal/host"
)

// File is a generated file of the rule's package.
type File struct {
	Name string
	Data []byte
}

// Program says what to build.
type Program struct {
	Source fs.FS  // the packages that the module consists of, by their folders
	Files  []File // of the rule's package, which is named Package
	DType  string // float32 or float64
	Rule   string // the function of the rule's package that returns the rule
	Roof   string // the same of the roof, or ""
}

// Package is the name of the rule's package.
const Package = "rule"

// ErrNoToolchain says that there is no `go` on PATH.
var ErrNoToolchain = errors.New("no Go toolchain: there is no `go` on PATH")

// modulePath is this module's, so that its internal packages may be imported.
const modulePath = "github.com/optc-lang/optc"

// unusedFor is how long a program is kept after its last use.
const unusedFor = 30 * 24 * time.Hour

// Build returns the path of the program, which it builds if it is not in the cache.
func Build(ctx context.Context, p Program) (string, error) {
	tool, version, err := toolchain(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for compiled rules: %w", err)
	}
	cache = filepath.Join(cache, "optc")
	files, err := p.tree()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, digest(files, version)+exe())
	now := time.Now()
	if os.Chtimes(path, now, now) == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	trim(cache, now.Add(-unusedFor))
	return path, build(ctx, tool, cache, path, files)
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// toolchain finds `go` and its version.
func toolchain(ctx context.Context) (tool, version string, err error) {
	tool, err = exec.LookPath("go")
	if err != nil {
		return "", "", ErrNoToolchain
	}
	cmd := exec.CommandContext(ctx, tool, "version")
	cmd.Env = environment(cmd)
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("%s version: %w", tool, err)
	}
	return tool, string(out), nil
}

// settings are those that would change what is built or where it comes from. None is empty: the go command would look
// an empty one up in the user's configuration file.
var settings = []string{
	"GO111MODULE=on", "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
	"GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH, "GOAMD64=v1", "GO386=sse2", "GOARM=7", "GOARM64=v8.0", "GODEBUG=",
}

func environment(cmd *exec.Cmd) []string { return append(cmd.Environ(), settings...) }

// tree is every file of the module, by its path.
func (p *Program) tree() ([]File, error) {
	files := []File{
		{"go.mod", []byte("module " + modulePath + "\n\ngo 1.26\n")},
		{"main.go", []byte(p.main())},
	}
	for _, f := range p.Files {
		files = append(files, File{Package + "/" + f.Name, f.Data})
	}
	err := fs.WalkDir(p.Source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() != "testdata" {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := fs.ReadFile(p.Source, path)
		files = append(files, File{path, data})
		return err
	})
	return files, err
}

func (p *Program) main() string {
	roof := "nil"
	if p.Roof != "" {
		roof = Package + "." + p.Roof + "()"
	}
	return fmt.Sprintf(`package main

import (
	"%[1]s/internal/host"
	"%[1]s/%[2]s"
)

func main() { host.Main[%[3]s](%[2]s.%[4]s(), %[5]s) }
`, modulePath, Package, p.DType, p.Rule, roof)
}

// digest identifies a program by its files and by what builds it.
func digest(files []File, version string) string {
	sum := sha256.New()
	for _, f := range append(slices.Clone(files), File{"version", []byte(version)}, File{"settings", []byte(strings.Join(settings, " "))}) {
		fmt.Fprintf(sum, "%s %d\n", f.Name, len(f.Data))
		sum.Write(f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// build builds the program beside its place and renames it: another optc finds all of it or nothing.
func build(ctx context.Context, tool, cache, path string, files []File) error {
	dir, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	program := filepath.Join(dir, "program"+exe())
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".")
	cmd.Dir = dir
	cmd.Env = environment(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(out))
	}
	err = os.Rename(program, path)
	if _, there := os.Stat(path); there == nil {
		return nil // another optc was faster, and runs it
	}
	return err
}

// trim deletes programs and abandoned builds that nothing has used since.
func trim(cache string, since time.Time) {
	entries, _ := os.ReadDir(cache)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(since) {
			os.RemoveAll(filepath.Join(cache, e.Name()))
		}
	}
}

// Session is a running program.
type Session struct {
	cmd    *exec.Cmd
	ctx    context.Context
	out    *bufio.Reader
	stderr tail
}

// Start runs a program on a request, which arrays may follow.
func Start(ctx context.Context, program string, req host.Request, arrays io.Reader) (*Session, error) {
	line, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	s := &Session{cmd: exec.CommandContext(ctx, program), ctx: ctx}
	s.cmd.Stdin = io.MultiReader(bytes.NewReader(append(line, '\n')), arrays)
	s.cmd.Stderr = &s.stderr
	pipe, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReaderSize(pipe, 1<<16)
	return s, s.cmd.Start()
}

// Reply reads the next line of the answer. An error of the program is an error.
func (s *Session) Reply() (host.Reply, error) {
	var r host.Reply
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, s.broken(err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// Read reads arrays that follow a reply.
func (s *Session) Read(p []byte) (int, error) {
	n, err := s.out.Read(p)
	if err != nil {
		err = s.broken(err)
	}
	return n, err
}

// broken says why an answer ended early.
func (s *Session) broken(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if failed := s.cmd.Wait(); failed != nil {
		err = failed
	}
	return fmt.Errorf("the compiled rule ended early: %w\n%s", err, s.stderr.text)
}

// Close ends the program.
func (s *Session) Close() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// tail keeps the end of what is written to it, where a crash says why.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 8 << 10
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}
