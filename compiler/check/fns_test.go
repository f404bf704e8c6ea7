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
fn idle(u) {
  state s = u
  state k = u
  let w = 2*u
  s <- 0.9*s + 0.1*u
  return u + k
}
fn wrong(u; beta) = gamma*u + lepr(u, u, beta)
`
	u, diags := Load(fstest.MapFS{"a.opt": {Data: []byte(text)}}, "a.opt", fstest.MapFS{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	got := Fns(u)
	if len(got) != 4 || !strings.Contains(got.Error(), "a.opt:11:7: warning: let w is never read") || !strings.Contains(got.Error(), "a.opt:9:9: warning: state s is never read") || !strings.Contains(got.Error(), "nothing is named gamma here") || !strings.Contains(got.Error(), "there is no function lepr; did you mean `lerp`?") {
		t.Errorf("have %v", got)
	}
}
