package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/internal/cost"
)

// overheadRules are what a step costs beside its kernels measured with: one pass over 3 arrays and over 4, and two passes with
// norms of tensors.
var overheadRules = []string{"sgd", "adamw", "lamb"}

// overhead measures many tensors beside one, steps of tensors that are all overhead, and two threads beside one.
func (b *bench) overhead(ctx context.Context, f *flags) error {
	program, err := b.overheadProgram(ctx)
	if err != nil {
		return err
	}
	large := []string{fmt.Sprintf("-reps=%d", b.plan.reps), fmt.Sprintf("-placements=%d", 2*b.plan.placements), fmt.Sprint("-each=", b.plan.repetition)}
	small := []string{fmt.Sprintf("-reps=%d", 32*b.plan.reps), fmt.Sprint("-each=", b.plan.repetition/500)} // shorter than a system's time slice
	for _, job := range []struct {
		job  cost.Job
		args []string
	}{
		{cost.Split, large},
		{cost.Tensors, append(small, "-only=/1000x16$")},
		{cost.Helpers, small},
	} {
		if b.out.hasKind(string(job.job)) && !f.again {
			continue
		}
		rows, err := costRows(ctx, program, append(job.args, "-job="+string(job.job)))
		if err != nil {
			return fmt.Errorf("%s: %w", job.job, err)
		}
		for _, row := range rows {
			r := costResult(string(job.job), row)
			if err := b.out.put(r); err != nil {
				return err
			}
			fmt.Println(r.line())
		}
	}
	return nil
}

// overheadProgram builds the program of package cost.
func (b *bench) overheadProgram(ctx context.Context) (string, error) {
	req := target.Request{Package: "main", Base: "rules", Source: "std", Version: "bench", DTypes: []target.DType{target.F32}}
	functions := map[string]string{}
	for _, name := range overheadRules {
		c, err := b.sources.compile(name, nil)
		if err != nil {
			return "", err
		}
		req.Rules = append(req.Rules, c.Rule)
		functions[name] = gosrc.TypeName(c.Name, target.F32) + "Rule"
	}
	return b.buildAround(ctx, req, cost.MainFile(functions))
}

// buildAround builds a main.go around generated rules.
func (b *bench) buildAround(ctx context.Context, req target.Request, main []byte) (string, error) {
	files, err := codegen.Emit(req)
	if err != nil {
		return "", err
	}
	g := &generated{files: map[string][]byte{"main.go": main}}
	for _, f := range files {
		g.files[f.Name] = f.Data
	}
	return b.builder.build(ctx, g)
}

func costRows(ctx context.Context, program string, args []string) ([]cost.Row, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var rows []cost.Row
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var r cost.Row
		if err := d.Decode(&r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// costResult is a row of package cost, whose name is rule/model, or rule/model/workers=N.
func costResult(kind string, row cost.Row) result {
	r := result{Kind: kind, Values: map[string][3]float64{}}
	name, workers, _ := strings.Cut(row.Name, "/workers=")
	r.Threads, _ = strconv.Atoi(workers)
	r.Rule, r.Of, _ = strings.Cut(name, "/")
	if size, err := sizesOf(r.Of); err == nil {
		r.Of, r.Asked = "", size[0]
	}
	for name, q := range row.Values {
		r.Values[name] = roundedAll(q)
	}
	return r
}
