package task

import (
	"strings"
	"testing"

	"github.com/optc-lang/optc/tasks"
)

type named struct {
	Task
	name string
}

func (n named) Name() string { return n.name }

// TestUnknown holds that of an unknown name those tasks are offered that a search may use, and no others.
func TestUnknown(t *testing.T) {
	find, err := Among([]Task{named{name: "valley"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"digts":  `unknown task "digts" (a search may use: valley, phishing, `,
		"Digits": `; did you mean "digits"?`,
		"valey":  `; did you mean "valley"?`,
	} {
		_, err := find(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", name, err)
			continue
		}
		listed, _, _ := strings.Cut(strings.SplitAfter(err.Error(), "use: ")[1], ")")
		offered := map[string]bool{}
		for _, s := range strings.Split(listed, ", ") {
			offered[s] = true
		}
		for _, known := range tasks.All() {
			if offered[known.Name] == (known.Set == tasks.HeldOut) {
				t.Errorf("%s: %s is offered: %v", name, known.Name, offered[known.Name])
			}
		}
	}
	if _, err := find("iriss"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("near a task that is held out alone: %v", err)
	}
	if found, err := find("valley"); err != nil || found.Name() != "valley" {
		t.Error(found, err)
	}
}
