package archive

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Sound refuses a file whose pages are damaged, which takes a reading of it all.
func (a *Archive) Sound() error {
	var found string
	err := a.row("PRAGMA quick_check(1)", nil, &found)
	if err == nil && found != "ok" {
		err = fmt.Errorf("%s is damaged: %.300s", a.path, found)
	}
	return describe(a.path, err)
}

// strays are rows of births that there are not, and times that nobody can have taken.
var strays = []struct{ what, query string }{
	{"evaluations of births that there are not", "SELECT count(*) FROM evaluations WHERE birth NOT IN (SELECT id FROM births)"},
	{"events of births that there are not", "SELECT count(*) FROM events WHERE birth NOT IN (SELECT id FROM births)"},
	{"findings of births that there are not", "SELECT count(*) FROM findings WHERE birth NOT IN (SELECT id FROM births)"},
	{"times of processors that cannot be, or after more births than there are",
		"SELECT count(*) FROM progress WHERE births NOT BETWEEN 0 AND (SELECT count(*) FROM births) OR NOT coalesce(typeof(cpu) = 'real' AND cpu BETWEEN 0 AND 1e9, 0)"},
}

// Strays refuses rows that belong to nothing.
func (a *Archive) Strays() error {
	for _, s := range strays {
		var n int
		if err := a.row(s.query, nil, &n); err != nil {
			return describe(a.path, err)
		}
		if n > 0 {
			return fmt.Errorf("%s is damaged: it has %d %s", a.path, n, s.what)
		}
	}
	return nil
}

// schemaOf are the statements that make tables, by name, without comments and in one line each.
func schemaOf(text string) map[string]string {
	out := map[string]string{}
	var bare strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "--")
		bare.WriteString(line + "\n")
	}
	for statement := range strings.SplitSeq(bare.String(), ";") {
		if words := strings.Fields(statement); len(words) > 2 {
			out[words[2]] = strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(words, " "))
		}
	}
	return out
}

// checkSchema refuses tables that are not those that this program makes, and anything besides them: a view could stand for a table
// and have no end, a trigger could change what is written.
func (a *Archive) checkSchema() error {
	want := schemaOf(schema)
	rows, failed := a.query("SELECT type, name, coalesce(sql, '') FROM sqlite_schema")
	for r := range rows {
		var kind, name, statement string
		if *failed = r.Scan(&kind, &name, &statement); *failed != nil {
			break
		}
		if kind != "table" || want[name] == "" || schemaOf(statement)[name] != want[name] {
			*failed = fmt.Errorf("%s is damaged, or no archive of a search: it has the %s %.100q, which is not as this program makes it", a.path, kind, name)
		}
		delete(want, name)
	}
	if *failed == nil && len(want) > 0 {
		*failed = fmt.Errorf("%s is no archive of a search: tables are missing", a.path)
	}
	return *failed
}

// BirthsOf finds the number of births of which one of some digests is: see [Archive.Digest].
func (a *Archive) BirthsOf(digests map[string]bool) (map[string]int, error) {
	found := map[string]int{}
	err := a.digest(a.next, func(births int, sum func() []byte) {
		if of := hex.EncodeToString(sum()); digests[of] {
			found[of] = births
		}
	})
	return found, err
}
