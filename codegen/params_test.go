package codegen_test

import (
	"flag"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
)

var only = flag.String("rules", "", "rules of TestParams and TestThousandSteps, a regular expression")

// paramForms are the ways to keep parameters in 16 bits.
var paramForms = []string{"bf16+master", "bf16+kahan", "bf16+sr", "bf16+nearest", "f16+master", "f16+kahan", "f16+sr", "f16+nearest"}

// paramRules are rules that read and write x and the gradient in every way that there is.
var paramRules = []struct{ name, text string }{
	{"plain", `rule plain {
  hyper lr = 0.1 in (0, inf)
  x <- x - lr*g
}`},
	{"adamw", `rule adamw_by_hand {
  hyper lr = 1e-3 in (0, inf)
  state m = 0
  state v = 0
  m <- 0.9*m + 0.1*g
  v <- 0.999*v + 0.001*g^2
  x <- x - lr*(m/(1 - 0.9^t)/(sqrt(v/(1 - 0.999^t)) + 1e-8) + 0.01*x)
}`},
	{"cleared", `rule cleared {
  hyper lr = 0.1 in (0, inf)
  state m as bf16 sr = x
  clear g
  m <- 0.9*m + g/max(1, norm(g per model))
  x <- where(x < 0, x - lr*m, x*0.5)
  eval lerp(x, m, 0.25)
}`},
	{"lines", `rule lines {
  hyper lr = 0.1 in (0, inf)
  state r as q8 = 0
  r <- 0.9*r + 0.1*g^2
  x <- (x - lr*g*rsqrt(mean(r per row) + 1e-6)*median(abs(x) per col))/max(1, norm(x per row))
}`},
	{"probing", `rule probing {
  hyper lr = 0.1 in (0, inf)
  probe worst = grad at x + 0.05*g/(norm(g per model) + 1e-12)
  probe here = loss at x
  probe there = loss at x - lr*worst
  x <- where(there < here, x - lr*worst, x - 0.5*lr*g)
}`},
	{"whole", `rule whole {
  hyper lr = 0.1 in (0, inf)
  when rank(x) >= 2 {
    let keep = topk(abs(g); k = numel(x)/3)
    x <- x - lr*where(keep, g, 0)*max(1, kth(x; k = 2)) - lr*(g@(x'@x))
  } else when named("*.bias") {
    x <- x
  } else {
    x <- -x
  }
}`},
	{"swap", `rule swap {
  hyper lr = 0.1 in (0, inf)
  state last = 0*x
  let before = x
  x <- last + lr*g*normal()
  last <- before
}`},
}

// TestParams holds every engine to the interpreter, bit by bit, where parameters and gradients have 16 bits: for rules that
// read and write them in every way, in every form (in short mode in two each), with -full also for those of the library, each
// in a form of its own, and with -every in all forms.
func TestParams(t *testing.T) {
	pattern := regexp.MustCompile(*only)
	m := &module{dir: t.TempDir()}
	var cases []agree.Rule
	for i, r := range paramRules {
		for k, form := range paramForms {
			if testing.Short() && k != i && k != (i+4)%len(paramForms) {
				continue
			}
			name := strings.Fields(r.text)[1]
			cases = append(cases, agree.Rule{Name: r.name + " " + form, Text: r.text, Rule: name, Settings: compiler.Settings{Params: form}, Brief: true})
		}
	}
	u, _ := unit("")
	for i, name := range u.Rules() {
		for k, form := range paramForms {
			if *every || *full && i%len(paramForms) == k {
				cases = append(cases, agree.Rule{Name: name + " " + form, Rule: name, Settings: compiler.Settings{Params: form}, Brief: true})
			}
		}
	}
	m.add("half", slices.DeleteFunc(cases, func(c agree.Rule) bool { return !pattern.MatchString(c.Name) }))
	if err := m.generate(); err != nil {
		t.Fatal(err)
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, agree.Short))
}
