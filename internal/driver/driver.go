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
	optrt "github.com/optc-lang/optc/runtime"
)

// File is a generated file of the rule's package.
type File struct {
	Name string
	Data []byte
}

// Program says what to build.
type Program struct {
	Source fs.FS  // the packages that the module consists of, by their folders
	Files  []File // generated, of package main
	DType  string // float32 or float64
	Rule   string // the generated function that returns the rule
	Roof   string // the same of the roof, or ""

	Building func() // called if it is not in the cache; may be nil
}

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
	shared, err := module(p.Source)
	if err != nil {
		return "", err
	}
	root := filepath.Join(cache, "module-"+digest(shared))
	own := append(p.Files, p.main(), File{"version", []byte(version)}, File{"settings", []byte(strings.Join(settings, " "))})
	path := filepath.Join(root, "rule-"+digest(own)+exe())
	if used(path) {
		return path, nil
	}
	if p.Building != nil {
		p.Building()
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	trim(cache)
	if !whole(root, shared) {
		os.RemoveAll(root)
		if err := install(cache, root, shared); err != nil {
			return "", err
		}
	}
	trim(root)
	return path, build(ctx, tool, root, path, append(p.Files, p.main()))
}

// used marks an entry of the cache as used; false if there is none.
func used(path string) bool {
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

// whole reports whether a folder of the cache holds all files, and marks it as used.
func whole(root string, files []File) bool {
	for _, f := range files {
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(f.Name)))
		if err != nil || info.Size() != int64(len(f.Data)) {
			return false
		}
	}
	return used(root)
}

// install writes a folder beside its place and renames it: another optc finds all of it or nothing.
func install(cache, path string, files []File) error {
	dir, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir, files); err != nil {
		return err
	}
	err = os.Rename(dir, path)
	if used(path) {
		return nil // perhaps another optc was faster
	}
	return err
}

func write(dir string, files []File) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
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

// module is every file that all programs have in common.
func module(source fs.FS) ([]File, error) {
	files := []File{{"go.mod", []byte("module " + modulePath + "\n\ngo 1.26\n")}}
	err := fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() != "testdata" {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := fs.ReadFile(source, path)
		files = append(files, File{path, data})
		return err
	})
	return files, err
}

// main is the file that puts rule and host together.
func (p *Program) main() File {
	roof := "nil"
	if p.Roof != "" {
		roof = p.Roof + "()"
	}
	return File{"main.go", fmt.Appendf(nil, `package main

import "%s/internal/host"

func main() { host.Main[%s](%s(), %s) }
`, modulePath, p.DType, p.Rule, roof)}
}

func digest(files []File) string {
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%s %d\n", f.Name, len(f.Data))
		sum.Write(f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// build builds a program in a folder of its own within the module, and renames it to its place.
func build(ctx context.Context, tool, root, path string, files []File) error {
	dir, err := os.MkdirTemp(root, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir, files); err != nil {
		return err
	}
	program := filepath.Join(dir, "program"+exe())
	cmd := exec.CommandContext(ctx, tool, "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
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
	if used(path) {
		return nil // perhaps another optc was faster, and runs it
	}
	return err
}

// trim deletes the entries of a folder of the cache that nothing has used for long.
func trim(dir string) {
	since := time.Now().Add(-unusedFor)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(since) && !slices.Contains(moduleFolders, e.Name()) {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// moduleFolders are what a module in the cache consists of, besides programs.
var moduleFolders = []string{"go.mod", "runtime", "internal", "tasks"}

// Session is a running program.
type Session struct {
	cmd    *exec.Cmd
	ctx    context.Context
	in     io.WriteCloser // nil if arrays were given at the start
	out    *bufio.Reader
	stderr tail
}

// Start runs a program on a request, which arrays may follow. If arrays is nil they are written to the session.
func Start(ctx context.Context, program string, req host.Request, arrays io.Reader) (*Session, error) {
	line, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	s := &Session{cmd: exec.CommandContext(ctx, program), ctx: ctx}
	line = append(line, '\n')
	if arrays != nil {
		s.cmd.Stdin = io.MultiReader(bytes.NewReader(line), arrays)
	} else if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	s.cmd.Stderr = &s.stderr
	if req.Engine != "" { // what is asked for here and now wins over the environment
		s.cmd.Env = append(os.Environ(), optrt.EngineVariable+"=")
	}
	pipe, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReaderSize(pipe, 1<<16)
	if err := s.cmd.Start(); err != nil {
		os.Remove(program)
		return nil, fmt.Errorf("the compiled rule was damaged and is removed from the cache, try again: %w", err)
	}
	if s.in != nil {
		if _, err := s.in.Write(line); err != nil {
			return nil, s.Broken(err)
		}
	}
	return s, nil
}

// Write sends what the program waits for.
func (s *Session) Write(p []byte) (int, error) { return s.in.Write(p) }

// Reply reads the next line of the answer. An error of the program is an error.
func (s *Session) Reply() (host.Reply, error) {
	var r host.Reply
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, s.Broken(err)
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
		err = s.Broken(err)
	}
	return n, err
}

// Broken says why an answer ended early.
func (s *Session) Broken(err error) error {
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
