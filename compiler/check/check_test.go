package check

import (
	"fmt"
	"os"
	"testing"
	"testing/fstest"
)

func TestTmp(t *testing.T) {
	src, _ := os.ReadFile("../../lang/testdata/examples.opt")
	u, d := Load(fstest.MapFS{"a.opt": {Data: src}}, "a.opt", fstest.MapFS{})
	fmt.Println(d)
	for _, r := range u.Rules() {
		p, d := Rule(u, r, Settings{})
		if len(d) > 0 {
			fmt.Println(r, d)
		}
		if p != nil {
			fmt.Println(p, p.Verify())
		}
	}
}
