package lang

import (
	"strings"
	"testing"
)

// The corpus is the examples over and over, to the largest file that Parse takes.
func corpus(b *testing.B) []byte {
	src := string(readExamples(b))
	return []byte(strings.Repeat(src+"\n", MaxFileSize/(len(src)+1)))
}

func BenchmarkParse(b *testing.B) {
	src := corpus(b)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Parse("corpus.opt", src); len(ds) > 0 {
			b.Fatal(ds)
		}
	}
}

func BenchmarkFormat(b *testing.B) {
	f, _ := Parse("corpus.opt", corpus(b))
	b.ReportAllocs()
	for b.Loop() {
		Format(f)
	}
}
