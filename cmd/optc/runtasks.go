package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/tasks"
)

// taskList is a line for every task.
func taskList() string {
	var b strings.Builder
	for _, set := range []struct {
		of    tasks.Set
		title string
	}{{tasks.Search, "Tasks:"}, {tasks.HeldOut, "Tasks for a last test, which a search over rules must not see:"}} {
		t := table{header: []string{"task", "parameters", "batch", "steps", "AdamW", ""}, right: map[int]bool{1: true, 2: true, 3: true, 4: true}}
		for _, task := range tasks.Of(set.of) {
			t.add(task.Name, fmt.Sprint(task.Elements()), fmt.Sprint(task.BatchSize), fmt.Sprint(task.Steps), fmt.Sprintf("%.3g", task.Baseline.Valid), task.Doc)
		}
		fmt.Fprintln(&b, set.title)
		t.print(&b, "  ")
		fmt.Fprintln(&b)
	}
	return b.String() + "AdamW is its validation loss at the best of the learning rates 1 and 3 of every decade, the mean of two seeds."
}

// scores is what a run came to, with an accuracy if the task has classes.
func scores(task tasks.Task, result *host.Result) *table {
	t := &table{header: []string{"", "loss"}, right: map[int]bool{1: true, 2: true}}
	if task.Classifies() {
		t.header = append(t.header, "accuracy")
	}
	for _, split := range []tasks.Split{tasks.TrainSet, tasks.ValidSet, tasks.TestSet} {
		name := split.String()
		row := []string{name, fmt.Sprintf("%.4f", float64(result.Loss[name]))}
		if task.Classifies() {
			row = append(row, fmt.Sprintf("%.4f", result.Accuracy[name]))
		}
		t.add(row...)
	}
	return t
}

// dataSaid is how a title names a file of data.
func dataSaid(file string) string {
	if file == "" {
		return ""
	}
	return " of " + filepath.Base(file)
}
