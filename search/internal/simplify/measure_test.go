package simplify

import (
	"os"
	"syscall"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

func TestMeasure(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		return
	}
	base, _ := fitness.Baselines()
	find := Finder(task.Builtin)
	for _, name := range Larger(10) {
		b := base[name]
		for _, full := range []string{name, Name(name, 10), Name(name, 100)} {
			for _, f := range []float64{1, 0.3162, 0.1} {
				if full == name && f < 1 {
					continue
				}
				start := cpu()
				out, err := work.Run(work.Item{Rule: b.Rule, Task: full, Seed: 1, LR: b.LR * f, Decay: b.Decay, Numerics: work.Numerics}, find)
				t.Logf("%-24s lr %.4g train %.4g valid %.4g loss %.3f size %.2f %v cpu %.3f %v", full, b.LR*f, out.Train, out.Valid, fitness.Loss(out), out.Size, out.Diverged, cpu()-start, err)
			}
		}
	}
}

func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec) + float64(r.Utime.Usec)/1e6
}
