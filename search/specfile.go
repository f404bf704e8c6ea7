package search

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/genome"
)

// ReadSpec reads a spec file, in TOML with the names that [Spec]'s and [TaskSpec]'s fields have in their tags: max_nodes for
// MaxNodes, [[task]] for each of Tasks.
//
// In a file 0 is not the default but 0: max_state = 0 lets rules keep no values, and a 0 that makes no sense is refused. What is
// left out is the default, and so a zero of the Spec. The file may hold no key that a Spec has not. All keys and values that do not
// fit are told at once, a line each, with the line of the file where it is known; the error is then a [SpecError]. Names of files are
// taken from the folder of the spec file, which has at most 1 MiB.
func ReadSpec(path string) (Spec, error) {
	text, err := readText(path)
	if err != nil {
		return Spec{}, err
	}
	if err := checkNesting(text); err != nil {
		return Spec{}, SpecError{fmt.Errorf("%s:%w", path, err)}
	}
	f := specFile{path: path, lines: linesOf(string(text))}
	s, err := f.read(string(text))
	if err != nil {
		return Spec{}, SpecError{err}
	}
	s.beside(filepath.Dir(path))
	return s, nil
}

// beside takes names of files from a folder.
func (s *Spec) beside(folder string) {
	for i := range s.Tasks {
		if d := &s.Tasks[i].Data; *d != "" && !filepath.IsAbs(*d) {
			*d = filepath.Join(folder, *d)
		}
	}
	for i, start := range s.Start {
		if file, _, ok := ruleFile(start); ok && !filepath.IsAbs(file) {
			s.Start[i] = filepath.Join(folder, start)
		}
	}
}

// specFile is a spec file that is read.
type specFile struct {
	path   string
	lines  map[place]int
	faults []specFault
}

// place is a key of a file, or of one of its tasks, counted from 1.
type place struct {
	task int
	key  string
}

// specFault is what is wrong in a line, or in none that is known: then it is 0.
type specFault struct {
	line int
	text string
}

// read looks at all keys and values before the library takes them, since it would end at the first that does not fit.
func (f *specFile) read(text string) (s Spec, err error) {
	var raw map[string]any
	if _, err := toml.Decode(text, &raw); err != nil {
		return s, fmt.Errorf("%s: %w", f.path, err)
	}
	f.table(raw, reflect.TypeFor[Spec](), 0)
	for i, t := range tablesOf(raw["task"]) {
		if i == maxList { // which is a fault of the whole
			break
		}
		f.table(t, reflect.TypeFor[TaskSpec](), i+1)
	}
	if err := f.err(); err != nil {
		return s, err
	}
	meta, err := toml.Decode(text, &s)
	if err != nil {
		return s, fmt.Errorf("%s: %w", f.path, err)
	}
	s.sayNone(&meta)
	if len(s.Rungs) == 0 {
		s.Rungs = rungsOf(nil, s.Tasks)
	}
	f.tasks(&s)
	return s, f.err()
}

// sayNone makes of each 0 that the file says what a Spec says by a negative number.
func (s *Spec) sayNone(meta *toml.MetaData) {
	for _, n := range numbers {
		if v, ok := fieldOf(reflect.ValueOf(s).Elem(), n.key); ok && n.least == 0 && v.IsZero() && meta.IsDefined(n.key) {
			v.Set(reflect.ValueOf(-1).Convert(v.Type()))
		}
	}
}

// table looks at the keys of a table: the file's own, or those of a task, counted from 1.
func (f *specFile) table(raw map[string]any, of reflect.Type, task int) {
	for key, v := range raw {
		line := f.lines[place{task, key}]
		field, known := fieldOf(reflect.Zero(of), key)
		switch n, isNumber := numberOf(key); {
		case !known:
			f.fault(line, "%s", unknownKey(key, of))
		case !fits(v, field.Type()):
			f.fault(line, "%s: %s, not %s", key, wanted(field.Type()), shown(v))
		case isNumber && !n.possible(reflect.ValueOf(v)):
			f.fault(line, "%s %s: %s; leave it out for the default", key, shown(v), n)
		case slices.Contains([]string{"start", "ops", "rungs"}, key) && reflect.ValueOf(v).Len() == 0:
			f.fault(line, "%s: the list is empty; leave it out for the default", key)
		case isList(v) && reflect.ValueOf(v).Len() > maxList:
			f.fault(line, "%s: %d entries: 1 to %d are possible", key, reflect.ValueOf(v).Len(), maxList)
		}
	}
}

// tasks looks at what the tasks of a file are.
func (f *specFile) tasks(s *Spec) {
	for i, t := range s.Tasks {
		err := t.check(len(s.Worker) > 0)
		if err == nil {
			err = t.standsIn(s.Rungs)
		}
		if err != nil {
			f.fault(f.lines[place{i + 1, "name"}], "%v", err)
		}
	}
}

// maxList bounds the lists of a spec: each start is compiled, each task opened.
const maxList = 1000

func isList(v any) bool { return reflect.ValueOf(v).Kind() == reflect.Slice }

// tablesOf are the tables of a list, if it is one.
func tablesOf(v any) []map[string]any {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any: // written in one line
		var out []map[string]any
		for _, e := range v {
			if t, ok := e.(map[string]any); ok {
				out = append(out, t)
			}
		}
		return out
	}
	return nil
}

func (f *specFile) fault(line int, format string, args ...any) {
	f.faults = append(f.faults, specFault{line, fmt.Sprintf(format, args...)})
}

// mostFaults is how many are told of a file.
const mostFaults = 50

// err is all faults, by line.
func (f *specFile) err() error {
	slices.SortFunc(f.faults, func(a, b specFault) int { return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.text, b.text)) })
	var all []error
	for i, x := range f.faults {
		if i == mostFaults {
			all = append(all, fmt.Errorf("%s: and %d faults more", f.path, len(f.faults)-i))
			break
		}
		at := f.path
		if x.line > 0 {
			at += ":" + strconv.Itoa(x.line)
		}
		all = append(all, fmt.Errorf("%s: %s", at, x.text))
	}
	return errors.Join(all...)
}

// header is a line like [[task]]. One like ["bowl"], within a list, is none.
var header = regexp.MustCompile(`^\s*(\[\[?)\s*([\w.-]+)\s*\]\]?\s*(#.*)?$`)

// linesOf is where keys stand in a file first, but for those that are written in another way than usual. The library tells it only
// of what it cannot decode.
func linesOf(text string) map[place]int {
	at := map[place]int{}
	table, tasks := 0, 0
	for i, line := range strings.Split(text, "\n") {
		note := func(task int, key string) {
			first, _, _ := strings.Cut(key, ".")
			for _, p := range []place{{task, key}, {task, first}} {
				if at[p] == 0 {
					at[p] = i + 1
				}
			}
		}
		if h := header.FindStringSubmatch(line); h != nil {
			if table = -1; h[1] == "[[" && h[2] == "task" {
				tasks++
				table = tasks
			}
			note(0, h[2])
		} else if said, _, assigned := strings.Cut(line, "="); assigned && table >= 0 {
			note(table, strings.Trim(strings.TrimSpace(said), `"'`))
		}
	}
	return at
}

// fieldOf is the field of a struct that a key of a file means.
func fieldOf(of reflect.Value, key string) (reflect.Value, bool) {
	for i := range of.NumField() {
		if key != "-" && of.Type().Field(i).Tag.Get("toml") == key {
			return of.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keysOf are the keys of a table.
func keysOf(of reflect.Type) []string {
	var keys []string
	for i := range of.NumField() {
		if key := of.Field(i).Tag.Get("toml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// unknownKey says so, and which key is near. A key of the file below the first [[task]] is the task's: TOML has no way back.
func unknownKey(key string, of reflect.Type) string {
	where := "a spec"
	if of == reflect.TypeFor[TaskSpec]() {
		where = "a [[task]]"
		if _, ok := fieldOf(reflect.ValueOf(Spec{}), key); ok {
			return fmt.Sprintf("nothing is called %q in %s: it is a key of the whole spec, which stands above the first [[task]]", key, where)
		}
	}
	return fmt.Sprintf("nothing is called %q in %s%s", key, where, nearOr(key, keysOf(of)))
}

// fits reports whether the library can put a value into a field.
func fits(v any, t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Uint64:
		_, ok := v.(int64)
		return ok
	case reflect.Float64:
		_, whole := v.(int64)
		_, ok := v.(float64)
		return ok || whole
	case reflect.String:
		_, ok := v.(string)
		return ok
	case reflect.Struct:
		_, ok := v.(map[string]any)
		return ok
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return false
	}
	for i := range list.Len() {
		if !fits(list.Index(i).Interface(), t.Elem()) {
			return false
		}
	}
	return true
}

// wanted says what a field holds.
func wanted(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.String:
		return "a text in quotes is wanted"
	case t.Kind() == reflect.Float64:
		return "a number is wanted"
	case t == reflect.TypeFor[[]string]():
		return `a list of texts is wanted, as ["a", "b"]`
	case t == reflect.TypeFor[[][]string]():
		return `a list of lists of names is wanted, as [["a"], ["b", "c"]]`
	case t == reflect.TypeFor[[]int]():
		return "a list of whole numbers is wanted, as [32, 16]"
	case t == reflect.TypeFor[[]TaskSpec]():
		return "tables are wanted, each headed [[task]]"
	}
	return "a whole number is wanted"
}

// shown is a value as a file has it, shortened.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%.40q", v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatFloat(v, 'f', 1, 64)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case int64, bool:
		return fmt.Sprint(v)
	case map[string]any:
		return "one table"
	case []any:
		var all []string
		for _, e := range v[:min(4, len(v))] {
			all = append(all, shown(e))
		}
		if len(v) > 4 {
			all = append(all, "...")
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return "that"
}

// number is what a number may be. Where 0 is possible, a negative one says it in a Spec.
type number struct {
	key         string
	least, most int64
	below       bool // most is not possible itself
}

var numbers = []number{
	{key: "seed", least: 1, most: math.MaxInt64},
	{key: "max_nodes", least: 1, most: genome.MaxNodes},
	{key: "max_state", most: genome.MaxNodes},
	{key: "islands", least: 1, most: maxIslands},
	{key: "population", least: 1, most: maxParents},
	{key: "tournament", least: 1, most: maxTournament},
	{key: "percentile", most: 1, below: true},
	{key: "migration", most: 1},
	{key: "parsimony", most: 1},
	{key: "polish", most: 1},
	{key: "confirm", most: 1},
	{key: "omit", most: 1},
	{key: "plateau", least: 1, most: maxPlateau},
	{key: "repeats", least: 1, most: maxRepeats},
	{key: "lag", least: 1, most: maxLag},
	{key: "workers", least: 1, most: maxWorkers},
	{key: "batch", least: 1, most: math.MaxInt64}, // of a task, which knows more
	{key: "steps", least: 1, most: maxSteps},
}

// Births that may be parents are kept in memory, and so are those under way. The other bounds are far beyond what helps a search.
const (
	maxParents    = 1 << 16 // of all islands together, a hundred megabytes
	maxIslands    = 1 << 10
	maxTournament = 1 << 10
	maxLag        = 1 << 14
	maxRepeats    = 1 << 20
	maxPlateau    = 1 << 30
	maxSteps      = 10_000_000
)

func numberOf(key string) (number, bool) {
	i := slices.IndexFunc(numbers, func(n number) bool { return n.key == key })
	if i < 0 {
		return number{}, false
	}
	return numbers[i], true
}

// possible reports whether it may be that.
func (n number) possible(v reflect.Value) bool {
	var f float64
	switch {
	case v.CanInt():
		f = float64(v.Int())
	case v.CanUint():
		f = float64(v.Uint())
	default:
		f = v.Float()
	}
	if n.least == 0 && f <= 0 {
		return true
	}
	return f >= float64(n.least) && (f < float64(n.most) || f == float64(n.most) && !n.below)
}

// String says what is possible.
func (n number) String() string {
	switch {
	case n.most == math.MaxInt64:
		return fmt.Sprintf("at least %d is possible", n.least)
	case n.below:
		return fmt.Sprintf("%d to less than %d are possible", n.least, n.most)
	}
	return fmt.Sprintf("%d to %d are possible", n.least, n.most)
}

// checkNumbers refuses numbers that are said and not possible. Any seed is.
func (s *Spec) checkNumbers() error {
	for _, n := range numbers {
		v, ok := fieldOf(reflect.ValueOf(s).Elem(), n.key)
		if ok && !v.IsZero() && !v.CanUint() && !n.possible(v) {
			return fmt.Errorf("%s %v: %s", n.key, v.Interface(), n)
		}
	}
	return nil
}

// checkParents refuses more parents than can be kept, whether the spec says the islands, their population, or both.
func (s *Spec) checkParents(c *evolve.Config) error {
	if n := c.Islands * c.Population; s.Islands+s.Population != 0 && n > maxParents {
		return fmt.Errorf("islands %d of population %d are %d parents: 1 to %d are possible, so say fewer of one of them", c.Islands, c.Population, n, maxParents)
	}
	return nil
}
