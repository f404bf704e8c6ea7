package search

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

// TestNesting holds that no file of a size that is read keeps a search from beginning, or from saying what is wrong.
func TestNesting(t *testing.T) {
	const room = maxText - 100
	many := func(text string) string { return strings.Repeat(text, room/len(text)) }
	const three, four = `"""`, `""""`
	for text, want := range map[string]string{
		"rungs=" + many("["):                              ":1: brackets within brackets, more than 16 deep",
		"seed=1\na=" + many("{b="):                        ":2: brackets within brackets",
		many("a.") + "a=1":                                ":1: a key of more than 16 parts between dots",
		"[" + many("a . ") + "a]":                         ":1: a key of more than 16 parts",
		many(`"[".'b'.`) + "a=1":                          ":1: a key of more than 16 parts",
		"# \"\nb=\"\\\"#[\"\na=" + many("["):              ":3: brackets",
		"# '\r\n" + many("["):                             ":2: brackets",
		"a='\\' # [[\nb=" + many("["):                     ":2: brackets",
		"a=" + three + "\n\\" + four + "\nb=" + many("["): ":3: brackets",
		"a=[" + three + "b" + four + ", " + many("["):     ":1: brackets",
		"a=['''\nb''''', " + many("["):                    ":2: brackets",
		"seed=1 #" + many("#") + many("#"):                "more than 1048576 bytes",
		"seed=\"" + many("[") + "\"":                      "seed: a whole number is wanted",
		"seed='''" + many("[\n.") + "'''":                 "seed: a whole number is wanted",
		"seed=0 #" + many("["):                            "seed 0: at least 1",
	} {
		begun := time.Now()
		_, err := ReadSpec(written(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: the error is %.200v\nwant %s", text, err, want)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%.30q: %v", text, took)
		}
	}
}

// TestManyKeys holds that a file that is all faults is refused soon, and with no more of them than anybody reads.
func TestManyKeys(t *testing.T) {
	var keys, tasks strings.Builder
	for i := 0; keys.Len() < maxText-20; i++ {
		fmt.Fprintf(&keys, "k%d=1\n", i)
	}
	for i := 0; tasks.Len() < maxText-40; i++ {
		fmt.Fprintf(&tasks, "[[task]]\nname=\"t%d\"\n", i)
	}
	for text, want := range map[string]string{
		keys.String():  "faults more",
		tasks.String(): "entries: 1 to 1000 are possible",
		`start=["std/adam"` + strings.Repeat(`,"std/adam"`, maxList) + "]": "start: 1001 entries: 1 to 1000 are possible",
	} {
		begun := time.Now()
		_, err := ReadSpec(written(t, text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > mostFaults {
			t.Errorf("%.30q: the error is %.300v\nwant %s", text, err, want)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%.30q: %v", text, took)
		}
	}
}

// FuzzNesting holds that what checkNesting lets pass is not deep, as the library takes it: a list within lists has a bracket each.
func FuzzNesting(f *testing.F) {
	for _, text := range []string{"a=[[1],{b=[2]}]", `a="""b""""`, "a='''b'''''\n[a.b]", `a="\"[" # [`, "[a.\"b]\".c]\nd.e.f=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || checkNesting([]byte(text)) != nil {
			return
		}
		for _, deep := range []string{strings.Repeat("[", maxNesting+1), strings.Repeat("{a=", maxNesting+1)} {
			closing := strings.Repeat("]", maxNesting+1)
			if deep[0] == '{' {
				closing = strings.Repeat("}", maxNesting+1)
			}
			for i := range len(text) + 1 {
				hidden := text[:i] + deep + "1" + closing + text[i:]
				var raw map[string]any
				if _, err := toml.Decode(hidden, &raw); err == nil && checkNesting([]byte(hidden)) == nil && depth(raw) > maxNesting {
					t.Fatalf("%q is %d deep", hidden, depth(raw))
				}
			}
		}
	})
}

// depth is how deep lists and tables are within each other.
func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	case []any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	default:
		return 0
	}
	return deepest + 1
}
