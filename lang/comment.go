package lang

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// docs gives /// lines to the declarations below them and keeps all other comments.
type docs struct {
	all    []scannedComment
	byLine map[int]int // of /// lines that stand alone
	used   map[int]bool
}

func newDocs(all []scannedComment) *docs {
	d := &docs{all: all, byLine: map[int]int{}, used: map[int]bool{}}
	for i, c := range all {
		if c.own && strings.HasPrefix(c.Text, "///") && !strings.HasPrefix(c.Text, "////") {
			d.byLine[c.Start.Line] = i
		}
	}
	return d
}

// above takes the /// lines that end on the line before t, which must be the first of its line.
func (d *docs) above(t *lexer.Token) string {
	var lines []string
	for line := t.Pos.Line - 1; ; line-- {
		i, ok := d.byLine[line]
		if !ok || d.used[i] {
			break
		}
		d.used[i] = true
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(d.all[i].Text, "///"), " "))
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return strings.Join(lines, "\n")
}

// rest is every comment that nothing took.
func (d *docs) rest() []Comment {
	var rest []Comment
	for i, c := range d.all {
		if !d.used[i] {
			rest = append(rest, c.Comment)
		}
	}
	return rest
}
