// Package agree proves that the interpreter and every engine give the same bits. A test generates code for rules, builds
// a program of it around [Main] and reads its [Report].
//
// In come rules, each as text and as generated code; out go the differences found. The program compiles the text itself
// and runs the interpreter beside the generated code, on the same random models.
package agree

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"testing/fstest"
	"unsafe"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/guard"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/stdlib"
)

// Rule is a rule in both forms.
type Rule struct {
	Name     string // of the case
	Text     string // of the rule file; "" is the library
	Rule     string // its name there
	Settings compiler.Settings
	F32, F64 *optrt.Rule
	Brief    bool // a short run is enough
}

// Job says what a program does.
type Job string

// The jobs.
const (
	Compare  Job = "compare"  // engines with the interpreter
	Save     Job = "save"     // 100 steps, with the checkpoint after 50 of them in a folder
	Resume   Job = "resume"   // 50 steps from the checkpoints in the folder: the same as the 100
	Thousand Job = "thousand" // a digest of 1000 steps, the same on all engines
)

// Sizes of a run.
const (
	Short  = iota
	Medium // of the library in float32; the rest as in Short
	Full
)

// Report is what a program prints.
type Report struct {
	Engines  []string          // that ran
	Missing  []string          // that this build or CPU lacks
	Values   int               // compared
	Calls    int               // of kernels other than Go's, compared with Go's
	Numbers  int               // of these, neither NaN nor infinite
	Failures []string          // what differs
	Digests  map[string]string // of the results, by rule, element type and what else there is
}

// options are the command line.
type options struct {
	job     Job
	size    int
	dir     string
	loose   bool // no array of a kernel lies at a page that cannot be touched
	engines []optrt.Engine
}

// Main is the program.
func Main(rules []Rule) {
	var o options
	var only string
	flag.StringVar((*string)(&o.job), "job", string(Compare), "what to do")
	flag.IntVar(&o.size, "size", Medium, "how much of it")
	flag.StringVar(&o.dir, "dir", "", "folder of the checkpoints")
	flag.BoolVar(&o.loose, "loose", false, "place no array at a page that cannot be touched: QEMU reads what VMASKMOV masks out")
	flag.StringVar(&only, "only", "", "cases to run, a regular expression")
	flag.Parse()
	pattern, err := regexp.Compile(only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	rules = slices.DeleteFunc(rules, func(r Rule) bool { return !pattern.MatchString(r.Name) })
	if err := json.NewEncoder(os.Stdout).Encode(o.run(rules)); err != nil {
		os.Exit(1)
	}
}

// run does the job for every rule, on all processors.
func (o options) run(rules []Rule) *Report {
	rep := &Report{Digests: map[string]string{}}
	for e := optrt.Go; e < optrt.NumEngines; e++ {
		if optrt.Has(e) {
			o.engines = append(o.engines, e)
			rep.Engines = append(rep.Engines, e.String())
		} else {
			rep.Missing = append(rep.Missing, e.String())
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // of rep
	free := make(chan bool, runtime.GOMAXPROCS(0))
	for i := range rules {
		for _, job := range []func() *Report{func() *Report { return runRule[float32](o, &rules[i]) }, func() *Report { return runRule[float64](o, &rules[i]) }} {
			free <- true
			wg.Go(func() {
				done := job()
				mu.Lock()
				rep.add(done)
				mu.Unlock()
				<-free
			})
		}
	}
	wg.Wait()
	slices.Sort(rep.Failures)
	return rep
}

func (r *Report) add(s *Report) {
	r.Values += s.Values
	r.Numbers += s.Numbers
	r.Calls += s.Calls
	r.Failures = append(r.Failures, s.Failures...)
	for k, v := range s.Digests {
		r.Digests[k] = v
	}
}

// subject is a rule for one element type, under test.
type subject[T optrt.Float] struct {
	options
	name     string
	library  bool
	rule     *optrt.Rule
	compiled *compiler.Rule
	report   *Report
	regions  []*guard.Region // of the arrays of a kernel
}

func runRule[T optrt.Float](o options, r *Rule) *Report {
	s := &subject[T]{options: o, name: r.Name + " f64", library: r.Text == "", rule: r.F64, report: &Report{Digests: map[string]string{}}}
	if r.Brief {
		s.size = Short
	}
	if _, single := any(T(0)).(float32); single {
		s.name, s.rule = r.Name+" f32", r.F32
	}
	if s.size == Medium && !(s.library && s.float32()) {
		s.size = Short
	}
	if s.rule == nil {
		return s.report // parameters in 16 bits are of float32 alone
	}
	if err := s.do(r); err != nil {
		s.report.Failures = append(s.report.Failures, s.name+": "+err.Error())
	}
	return s.report
}

func (s *subject[T]) float32() bool { return unsafe.Sizeof(T(0)) == 4 }

func (s *subject[T]) do(r *Rule) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if s.compiled, err = compileRule(r); err != nil {
		return err
	}
	switch s.job {
	case Compare:
		if s.rule.Params != "" {
			return errors.Join(s.compareHalf(), s.compareKernels())
		}
		return errors.Join(s.compareSteps(), s.compareKernels())
	case Save:
		return s.save()
	case Resume:
		return s.resume()
	case Thousand:
		return s.thousand()
	}
	return fmt.Errorf("no job %q", s.job)
}

func compileRule(r *Rule) (*compiler.Rule, error) {
	var u *check.Unit
	if r.Text == "" {
		u, _ = compiler.Library(stdlib.FS)
	} else {
		u, _ = compiler.Load(fstest.MapFS{"rule.opt": {Data: []byte(r.Text)}}, "rule.opt", stdlib.FS)
	}
	c, diags, err := compiler.Compile(u, r.Rule, r.Settings)
	if c == nil && err == nil {
		err = fmt.Errorf("%v", diags)
	}
	return c, err
}
