package lang

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkFormat formats a file and demands the same tree, a fixed point, and every comment.
func checkFormat(t testing.TB, f *File) []byte {
	t.Helper()
	once := Format(f)
	g, ds := Parse("formatted.opt", once)
	if len(ds) > 0 {
		t.Fatalf("formatted text does not parse: %v\n%s", ds, once)
	}
	if a, b := dump(f), dump(g); a != b {
		t.Fatalf("formatting changed the tree:\n%s\n%s\n%s", a, b, once)
	}
	if len(f.Comments) != len(g.Comments) {
		t.Fatalf("%d comments became %d:\n%s", len(f.Comments), len(g.Comments), once)
	}
	if twice := Format(g); !bytes.Equal(once, twice) {
		t.Fatalf("formatting is not idempotent:\n%s\n----\n%s", once, twice)
	}
	return once
}

func TestFormatExamples(t *testing.T) {
	out := checkFormat(t, parseClean(t, string(readExamples(t))))
	for line := range strings.Lines(string(out)) {
		if code, _, _ := strings.Cut(line, "//"); utf8.RuneCountInString(strings.TrimRight(code, "\n")) > lineWidth {
			t.Errorf("longer than %d columns: %s", lineWidth, line)
		}
	}
}

func TestFormat(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"hypers": {
			"rule a { hyper lr=1e-3 in(0,inf);  hyper n = 3 in 1 .. 5\n\n\n\n x<-x-lr*g }",
			"rule a {\n  hyper lr = 1e-3 in (0, inf)\n  hyper n = 3 in 1..5\n\n  x <- x - lr*g\n}\n",
		},
		"parentheses": {
			"fn f(a)=((a+(b))*(c))-(d-e)+(-a)^2^(-b)+-(a*b)+(a+b)'+(not a)",
			"fn f(a) = (a + b)*c - (d - e) + (-a)^2^-b + -(a*b) + (a + b)' + (not a)\n",
		},
		"short when": {
			"rule a {\nwhen a{x<-1}\nwhen b {\nx <- 2 }\n}",
			"rule a {\n  when a { x <- 1 }\n  when b {\n    x <- 2\n  }\n}\n",
		},
		"else": {
			"rule a {\nwhen a{x<-1}\nelse when b{x <- 2} else { when c { x <- 3 } }\n}",
			"rule a {\n  when a {\n    x <- 1\n  } else when b {\n    x <- 2\n  } else {\n    when c { x <- 3 }\n  }\n}\n",
		},
		"blank lines": {
			"fn f()=1\nfn g()=2\n\n\nfn h()=3\nrule a{}\nrule b{\n\n}",
			"fn f() = 1\nfn g() = 2\n\nfn h() = 3\n\nrule a {\n}\n\nrule b {\n}\n",
		},
		"comments": {
			"//a\nrule a { // b\n // c\n\n //d\n x<-1 // e\n when a {x<-(1+ //f\n 2)} // g\n //h\n} // i\n///j\n\n//k",
			"//a\nrule a { // b\n  // c\n\n  //d\n  x <- 1 // e\n  when a {\n    //f\n    x <- 1 + 2\n  } // g\n  //h\n} // i\n\n//j\n\n//k\n",
		},
		"docs": {
			"///a\n///  b\nrule a {\n///c\n\n///d\nlet x=1\n}",
			"/// a\n///  b\nrule a {\n  //c\n\n  /// d\n  let x = 1\n}\n",
		},
		"all statements": {
			"rule a{option b=one of(c,d);option e=rule sgd;option f=3 in 1..4;state s[3]per[row,col]as q8 sr=0;given h per row=load;probe p=hvp v at x;repeat i in 0..3{a[i]<-1;until a<b};eval x}",
			"rule a {\n  option b = one of (c, d)\n  option e = rule sgd\n  option f = 3 in 1..4\n  state s[3] per [row, col] as q8 sr = 0\n  given h per row = load\n  probe p = hvp v at x\n  repeat i in 0..3 {\n    a[i] <- 1\n    until a < b\n  }\n  eval x\n}\n",
		},
		"calls": {
			"fn f(a;b=1,c)=g'(a,b per row;c,d=e)+h(;i)+normal(per row)+k()",
			"fn f(a; b = 1, c) = g'(a, b per row; c, d = e) + h(; i) + normal(per row) + k()\n",
		},
	} {
		f := parseClean(t, c.in)
		if got := string(checkFormat(t, f)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// TestFold: long lines are broken after operators and commas, outermost first.
func TestFold(t *testing.T) {
	long := strings.Repeat("a", 40)
	src := "rule r {\n  x <- " + long + "*" + long + " + f(" + long + ", " + long + ")\n}\n"
	want := "rule r {\n  x <- " + long + "*" + long + " +\n    f(" + long + ", " + long + ")\n}\n"
	if got := string(checkFormat(t, parseClean(t, src))); got != want {
		t.Errorf("got\n%s", got)
	}
	checkFormat(t, parseClean(t, "fn f(x) = "+strings.Repeat(long+"*", 500)+"x"))
	checkFormat(t, parseClean(t, "fn f(x) = "+strings.Repeat("g(x, ", 200)+"x"+strings.Repeat(")", 200)))
}

// randomExpr draws a tree as a program would build it, without places.
func randomExpr(r *rand.Rand, depth int) Expr {
	if depth == 0 || r.IntN(8) == 0 {
		switch r.IntN(3) {
		case 0:
			return &Number{Literal: []string{"0", "1.5", "2e-3"}[r.IntN(3)]}
		case 1:
			return &Text{Value: []string{"*.bias", `a"b\`, ""}[r.IntN(3)]}
		}
		return &Name{Name: []string{"x", "g", "β1"}[r.IntN(3)]}
	}
	sub := func() Expr { return randomExpr(r, depth-1) }
	switch r.IntN(9) {
	case 0:
		return &Unary{Op: "-", X: sub()}
	case 1:
		return &Unary{Op: "not", X: sub()}
	case 2:
		return &Transpose{X: sub()}
	case 3:
		return &Index{X: sub(), I: sub()}
	case 4:
		c := &Call{Fn: Ident{Name: "f"}, Prime: r.IntN(2) == 0}
		for range r.IntN(3) {
			c.Args = append(c.Args, sub())
		}
		if r.IntN(3) == 0 {
			c.Per = &Extent{Names: [][]string{{"row"}, {"row", "col"}}[r.IntN(2)]}
		}
		for range r.IntN(3) {
			c.Params = append(c.Params, Arg{Ident{Name: []string{"", "k"}[r.IntN(2)]}, sub()})
		}
		return c
	}
	ops := []string{"or", "and", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "%", "@", "^"}
	return &Binary{Op: ops[r.IntN(len(ops))], X: sub(), Y: sub()}
}

// TestFormatExprRandom: the text of any tree parses to that tree, and no pair of parentheses can be spared.
func TestFormatExprRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		e := randomExpr(r, 1+r.IntN(6))
		text := FormatExpr(e)
		f := parseClean(t, "fn f(x) = "+text)
		if got, want := dumpExpr(f.Decls[0].(*Fn).Value), dumpExpr(e); got != want {
			t.Fatalf("%s: got %s, want %s", text, got, want)
		}
		checkFormat(t, &File{Decls: []Decl{&Rule{Name: Ident{Name: "r"}, Body: []Stmt{&Assign{Name: Ident{Name: "x"}, Value: e}, &Until{Cond: e}}}}})
	}
}

// TestFormatNumbers: values that no literal stands for.
func TestFormatNumbers(t *testing.T) {
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{&Number{Value: 0.1}, "0.1"},
		{&Number{Value: 1e-300}, "1e-300"},
		{&Number{Value: math.Inf(1)}, "inf"},
		{&Binary{Op: "^", X: &Number{Value: -2}, Y: &Number{Value: math.Inf(-1)}}, "(-2)^-inf"},
		{&Number{Value: math.NaN()}, "(inf - inf)"},
	} {
		if got := FormatExpr(c.e); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		parseClean(t, "fn f(x) = "+FormatExpr(c.e))
	}
}
