package codegen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/agree"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

var (
	update = flag.Bool("update", false, "rewrite what is kept under testdata")
	full   = flag.Bool("full", false, "run everything: every length, more random rules, every build of the generated code")
	seed   = flag.Uint64("seed", 1, "first seed of the random rules")
	random = flag.Int("random", 0, "number of random rules (0 is as many as the mode asks for)")
)

// Environment of the programs that the tests build: the architecture to build for, and a command to run them under,
// such as `qemu-x86_64 -cpu max`.
const (
	archVariable = "OPTC_GOARCH"
	execVariable = "OPTC_EXEC"
)

// modulePath is below that of this module, so that the program may import internal/agree.
const modulePath = "github.com/optc-lang/optc/agreement"

var dtypes = []target.DType{target.F32, target.F64}

// batch is the largest number of rules in one generated package. Each package is compiled with two instances of the
// optimizer of its own, one an element type, which takes longer than most rules do.
const batch = 40

// generated is one package of generated code.
type generated struct {
	name  string
	cases []agree.Rule
	rules []*compiler.Rule
	files []target.Output
}

// module is the packages under test and the folder in which they are built, made once for all tests.
type module struct {
	packages []*generated
	dir      string
}

var theModule = sync.OnceValues(newModule)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if dir, err := theDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

var theDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "agreement") })

func open(t *testing.T) *module {
	t.Helper()
	m, err := theModule()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newModule() (*module, error) {
	m := &module{}
	cases, err := libraryCases()
	if err != nil {
		return nil, err
	}
	regressions, err := regressionCases()
	if err != nil {
		return nil, err
	}
	m.add("library", cases)
	if !testing.Short() {
		examples, err := fileCases("../lang/testdata/examples.opt")
		if err != nil {
			return nil, err
		}
		m.add("file", examples)
	}
	m.add("regress", regressions)
	m.add("random", randomCases("seed", randrule.Text))
	m.add("kept", randomCases("kept", randrule.Kept))
	if err := m.generate(); err != nil {
		return nil, err
	}
	if m.dir, err = theDir(); err != nil {
		return nil, err
	}
	return m, m.write()
}

// catalogueModule is the published rules of testdata/catalog.
func catalogueModule(dir string) (*module, error) {
	cases, err := fileCases("../testdata/catalog/*/*.opt")
	if err != nil {
		return nil, err
	}
	for i := range cases {
		cases[i].Brief = true
	}
	m := &module{dir: dir}
	m.add("published", cases)
	if err := m.generate(); err != nil {
		return nil, err
	}
	return m, m.write()
}

// add puts cases into as few packages as their names and the size of a batch allow.
func (m *module) add(name string, cases []agree.Rule) {
	var packages []*generated
	for _, c := range cases {
		i := slices.IndexFunc(packages, func(p *generated) bool { return p.takes(c) })
		if i < 0 {
			i = len(packages)
			packages = append(packages, &generated{name: fmt.Sprint(name, i)})
		}
		packages[i].cases = append(packages[i].cases, c)
	}
	m.packages = append(m.packages, packages...)
}

func (p *generated) takes(c agree.Rule) bool {
	return len(p.cases) < batch && !slices.ContainsFunc(p.cases, func(d agree.Rule) bool { return c.Rule == d.Rule })
}

func (m *module) generate() error {
	for _, p := range m.packages {
		if err := p.compile(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		var err error
		if p.files, err = p.emit(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (p *generated) compile() error {
	p.rules = nil
	for _, c := range p.cases {
		u, diags := unit(c.Text)
		if diags.HasErrors() {
			return fmt.Errorf("%s: %v", c.Name, diags)
		}
		r, diags, err := compiler.Compile(u, c.Rule, c.Settings)
		if r == nil {
			return fmt.Errorf("%s: %v %v", c.Name, diags, err)
		}
		p.rules = append(p.rules, r)
	}
	return nil
}

func (p *generated) emit() ([]target.Output, error) {
	return codegen.Emit(target.Request{Package: p.name, Base: p.name, Source: p.name + ".opt", Version: "test",
		Rules: p.rules, DTypes: dtypesOf(p.cases[0])})
}

// dtypesOf are the element types that a case is built for.
func dtypesOf(c agree.Rule) []target.DType {
	if c.Settings.Params != "" {
		return dtypes[:1]
	}
	return dtypes
}

// unit is the text of a rule file, or the library if that is empty.
func unit(text string) (*check.Unit, lang.Diagnostics) {
	if text == "" {
		return compiler.Library(stdlib.FS)
	}
	return compiler.Load(fstest.MapFS{"rule.opt": {Data: []byte(text)}}, "rule.opt", stdlib.FS)
}

// libraryCases are all rules of the library: as they are; in full mode also with each other value of each option, and
// with all hyperparameters fixed.
func libraryCases() ([]agree.Rule, error) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%v", diags)
	}
	var cases []agree.Rule
	for _, name := range u.Rules() {
		cases = append(cases, agree.Rule{Name: name, Rule: name})
		if !*full {
			continue
		}
		decl, _, _ := u.Rule(name)
		for _, set := range optionSettings(decl) {
			c := agree.Rule{Name: name, Rule: name, Settings: compiler.Settings{Options: set}, Brief: true}
			for _, option := range slices.Sorted(maps.Keys(set)) {
				c.Name += "_" + option + "_" + set[option]
			}
			cases = append(cases, c)
		}
		r, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if r == nil {
			return nil, fmt.Errorf("%s: %v %v", name, diags, err)
		}
		fix := map[string]float64{}
		for _, h := range r.Checked.Hypers {
			fix[h.Name] = h.Default
		}
		cases = append(cases, agree.Rule{Name: name + "_fixed", Rule: name, Settings: compiler.Settings{Fix: fix}, Brief: true})
	}
	return cases, nil
}

// optionSettings are the settings of a rule's options that are not the default: all combinations while they are few, then
// one option at a time.
func optionSettings(decl *lang.Rule) []map[string]string {
	all := []map[string]string{{}}
	for _, s := range decl.Body {
		o, ok := s.(*lang.Option)
		if !ok {
			continue
		}
		old := all
		if len(all) > fewSettings {
			old = all[:1]
		}
		for _, value := range otherValues(o) {
			for _, set := range old {
				set = maps.Clone(set)
				set[o.Name.Name] = value
				all = append(all, set)
			}
		}
	}
	return all[1:]
}

const fewSettings = 3

// otherValues are the values of an option but its default.
func otherValues(o *lang.Option) []string {
	var values []string
	if o.Choices != nil {
		for _, c := range o.Choices[1:] {
			values = append(values, c.Name)
		}
		return values
	}
	if n, ok := o.Default.(*lang.Name); ok && o.Kind == "" {
		return slices.DeleteFunc([]string{"true", "false"}, func(v string) bool { return v == n.Name })
	}
	return nil
}

// fileCases are the rules of rule files.
func fileCases(glob string) ([]agree.Rule, error) {
	paths, err := filepath.Glob(glob)
	var cases []agree.Rule
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		u, diags := compiler.Load(fstest.MapFS{"rule.opt": {Data: text}}, "rule.opt", stdlib.FS)
		if diags.HasErrors() {
			return nil, fmt.Errorf("%s: %v", path, diags)
		}
		for _, rule := range u.Rules() {
			r, diags, err := compiler.Compile(u, rule, compiler.Settings{})
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", path, err)
			case r == nil:
				return nil, fmt.Errorf("%s: %v", path, diags)
			}
			name := strings.TrimSuffix(filepath.Base(path), ".opt") + "_" + rule
			cases = append(cases, agree.Rule{Name: name, Text: string(text), Rule: rule})
		}
	}
	return cases, err
}

// declaration is the head of the rule of a regression.
var declaration = regexp.MustCompile(`(?m)^rule r\b`)

// regressionCases are rules that have failed once. Each file declares the rule r; here each has a name of its own, to
// stand in one package with the others.
func regressionCases() ([]agree.Rule, error) {
	paths, err := filepath.Glob("../testdata/regress/*.opt")
	var cases []agree.Rule
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := "regress_" + strings.TrimSuffix(filepath.Base(path), ".opt")
		if len(declaration.FindAll(text, -1)) != 1 {
			return nil, fmt.Errorf("%s: it does not declare one rule r", path)
		}
		cases = append(cases, agree.Rule{Name: name, Text: declaration.ReplaceAllString(string(text), "rule "+name), Rule: name})
	}
	return cases, err
}

// randomCases are rules of a kind, from the first seed on.
func randomCases(kind string, text func(name string, seed uint64) string) []agree.Rule {
	n := *random
	switch {
	case n > 0:
	case *full:
		n = 40
	case testing.Short():
		n = 10
	default:
		n = 20
	}
	var cases []agree.Rule
	for i := range uint64(n) {
		name := fmt.Sprintf("%s%d", kind, *seed+i)
		cases = append(cases, agree.Rule{Name: name, Text: text(name, *seed+i), Rule: name})
	}
	return cases
}

// write puts the module into its folder.
func (m *module) write() error {
	files := map[string]string{"main.go": m.main()}
	for _, p := range m.packages {
		for _, f := range p.files {
			files[p.name+"/"+f.Name] = string(f.Data)
		}
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	mod := regexp.MustCompile(`(?m)^(module|tool) .*\n`).ReplaceAllString(files["go.mod"], "")
	files["go.mod"] = fmt.Sprintf("module %s\n%s\nrequire github.com/optc-lang/optc v0.0.0\n\nreplace github.com/optc-lang/optc => %q\n", modulePath, mod, root)
	for name, text := range files {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// main is the program's list of rules.
func (m *module) main() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"math\"\n\n\t\"github.com/optc-lang/optc/compiler\"\n\t\"github.com/optc-lang/optc/internal/agree\"\n\n")
	for _, p := range m.packages {
		fmt.Fprintf(&b, "\t%q\n", modulePath+"/"+p.name)
	}
	b.WriteString(")\n\nvar _ = math.Inf\n\nfunc main() {\n\tagree.Main([]agree.Rule{\n")
	for _, p := range m.packages {
		for i, c := range p.cases {
			fmt.Fprintf(&b, "\t\t{Name: %q, Text: %q, Rule: %q, Settings: compiler.Settings{Adjoint: %v, Params: %q, Options: %#v, Fix: map[string]float64{", c.Name, c.Text, c.Rule, c.Settings.Adjoint, c.Settings.Params, c.Settings.Options)
			for _, name := range slices.Sorted(maps.Keys(c.Settings.Fix)) {
				fmt.Fprintf(&b, "%q: math.Float64frombits(%#x), ", name, math.Float64bits(c.Settings.Fix[name]))
			}
			fmt.Fprintf(&b, "}}, Brief: %v", c.Brief)
			for _, dt := range dtypesOf(c) {
				fmt.Fprintf(&b, ", %s: %s.%sRule()", strings.ToUpper(dt.String()), p.name, gosrc.TypeName(p.rules[i].Name, dt))
			}
			b.WriteString("},\n")
		}
	}
	b.WriteString("\t})\n}\n")
	return b.String()
}

// goCommand runs the go command in the module.
func (m *module) goCommand(t *testing.T, env []string, args ...string) {
	t.Helper()
	start := time.Now()
	if err := m.tryGo(env, args...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v go %v: %.1fs", env, args[0], time.Since(start).Seconds())
}

func (m *module) tryGo(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v go %v: %w\n%s", env, args, err, out)
	}
	return nil
}

// program is the built program, once for each way to build it.
type program struct {
	once sync.Once
	path string
}

var programs struct {
	sync.Mutex
	byBuild map[string]*program
}

// build builds the program with settings of the go command and tags.
func (m *module) build(t *testing.T, tags string, env ...string) string {
	t.Helper()
	if arch := os.Getenv(archVariable); arch != "" {
		env = append([]string{"GOARCH=" + arch}, env...)
	}
	key := m.dir + tags + strings.Join(env, " ")
	programs.Lock()
	if programs.byBuild == nil {
		programs.byBuild = map[string]*program{}
	}
	if programs.byBuild[key] == nil {
		programs.byBuild[key] = &program{path: filepath.Join(m.dir, fmt.Sprintf("program%d", len(programs.byBuild)))}
	}
	p := programs.byBuild[key]
	programs.Unlock()
	p.once.Do(func() { m.goCommand(t, env, "build", "-trimpath", "-tags="+tags, "-o", p.path, ".") })
	return p.path
}

// size is how much a program does in this mode.
func size() int {
	switch {
	case *full:
		return agree.Full
	case testing.Short():
		return agree.Short
	}
	return agree.Medium
}

// run runs a built program on a job and hands on what it reports.
func run(t *testing.T, program string, job agree.Job, size int, args ...string) *agree.Report {
	t.Helper()
	start := time.Now()
	rep, err := tryRun(program, job, size, args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Failures {
		t.Error(f)
	}
	for _, e := range rep.Missing {
		t.Logf("NOT RUN: engine %s, which this build or CPU lacks", e)
	}
	t.Logf("%s on %v: %d values, %.3f of them finite numbers, %d calls of kernels, %.1fs", job, rep.Engines, rep.Values, float64(rep.Numbers)/float64(rep.Values), rep.Calls, time.Since(start).Seconds())
	return rep
}

func tryRun(program string, job agree.Job, size int, args ...string) (*agree.Report, error) {
	words := append(strings.Fields(os.Getenv(execVariable)), program, "-job="+string(job), fmt.Sprintf("-size=%d", size))
	if strings.Contains(words[0], "qemu-x86_64") {
		words = append(words, "-loose") // it reads what VMASKMOV masks out
	}
	cmd := exec.Command(words[0], append(words[1:], args...)...)
	var text bytes.Buffer
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", words, err, text.Bytes()[:min(text.Len(), 8000)])
	}
	rep := &agree.Report{}
	if err := json.Unmarshal(out, rep); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", words, err, out)
	}
	return rep, nil
}
