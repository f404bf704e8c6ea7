package check

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestFns(t *testing.T) {
	text := `fn fine(u, keep; f, beta = 2) {
  let v = f(u) + lerp(u, u, beta)
  state s = v
  s <- where(keep, s, pi*t)
  return s
}
fn lerp(a, b, w) = a + w*(b - a)
fn wrong(u; beta) = gamma*u + lepr(u, u, beta)
`
	u, diags := Load(fstest.MapFS{"a.opt": {Data: []byte(text)}}, "a.opt", fstest.MapFS{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	got := Fns(u)
	if len(got) != 2 || !strings.Contains(got.Error(), "nothing is named gamma here") || !strings.Contains(got.Error(), "there is no function lepr; did you mean `lerp`?") {
		t.Errorf("have %v", got)
	}
}
