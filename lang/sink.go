package lang

import (
	"fmt"
	"slices"
)

// MaxDiagnostics is how many diagnostics one Parse shows before it says how many more there are.
const MaxDiagnostics = 20

// sink gathers the diagnostics of one file.
type sink struct {
	file string
	all  Diagnostics
	more int // counted, not kept
}

func (s *sink) add(at Span, message, hint string) {
	if len(s.all) >= 50*MaxDiagnostics {
		s.more++
		return
	}
	s.all = append(s.all, Diagnostic{File: s.file, Span: at, Message: message, Hint: hint})
}

// done is what was gathered, in order of place, one a place, cut to so many.
func (s *sink) done(most int) Diagnostics {
	s.all.Sort()
	ds := slices.CompactFunc(s.all, func(a, b Diagnostic) bool {
		return a.Span.Start == b.Span.Start
	})
	if left := len(ds) - most + s.more; len(ds) > most {
		last := ds[most]
		last.Message, last.Hint = fmt.Sprintf("and %d more errors", left), ""
		ds = append(ds[:most:most], last)
	}
	return ds
}

func (s *sink) total() int { return len(s.all) + s.more }
