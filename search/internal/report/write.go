package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed page.html
var source string

// templates escape all that is written.
var templates = template.Must(template.New("page").Parse(source))

// Write writes a page as one HTML file, which is well-formed as XML too.
func Write(w io.Writer, p Page) error {
	blocks, missing := build(&p)
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "top", newTop(&p, blocks)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, b := range blocks {
		if err := templates.ExecuteTemplate(&out, "open", b); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if err := templates.ExecuteTemplate(&out, b.ID, b.Data); err != nil {
			return fmt.Errorf("report: section %s: %w", b.ID, err)
		}
		out.WriteString("</section>\n")
	}
	if err := templates.ExecuteTemplate(&out, "bottom", bottom{missing, template.JS(script)}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := w.Write(tame(out.Bytes())); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// section is a part of the report. ADD A SECTION HERE, and a template of its id to page.html.
type section struct {
	id, title string
	view      func(*Page) any // what its template needs, nil without data
	command   string          // of optc search, which makes the data; FILE and ID stand for this archive and its pick
	gives     string          // what the command does
}

// sections in the order of the page.
var sections = []section{
	{"pick", "The pick", viewPick, "hall FILE", "lists the best rules so far; a pick is made when one has passed every rung"},
	{"scores", "Scores by task", viewScores, "hall FILE", "shows how far each rule has come"},
	{"curves", "Loss curves", viewCurves, "report FILE ID", "trains the pick and the baselines, to show their losses"},
	{"knockouts", "What each node is worth", viewKnockOuts, "simplify FILE ID", "takes out one node after another"},
	{"checks", "What is left of the lead", viewChecks, "funnel FILE", "ranks the best rules on tasks that cost 10 and 100 times as much"},
	{"sealed", "Sealed test", viewSealed, "test FILE ID", "runs the pick and tuned baselines on the sealed tasks; each look is counted"},
	{"hall", "Hall of fame", viewHall, "run FILE", "goes on with the search"},
	{"front", "Fitness against size", viewFront, "run FILE", "goes on with the search"},
	{"progress", "Fitness over births", viewProgress, "run FILE", "goes on with the search"},
	{"family", "Line of descent", viewFamily, "lineage FILE ID", "follows a rule to its start"},
	{"controls", "Other ways to spend the time", viewControls, "run control.db --control random --against FILE", "gives a search without selection four times the processors' time; with --control tune, one that only changes constants"},
	{"grammar", "What was searched", viewGrammar, "status FILE", "prints the specification that an archive holds"},
	{"reading", "How to read this", viewReading, "", ""},
}

// block is a section that has data.
type block struct {
	ID, Title string
	Data      any
}

// absent is a section that has none, and what to do about it.
type absent struct{ Title, Command, Gives string }

// build makes the sections of a page.
func build(p *Page) ([]block, []absent) {
	var blocks []block
	var missing []absent
	id := ""
	if p.Pick != nil {
		id = p.Pick.ID
	}
	words := strings.NewReplacer("FILE", orElse(p.Archive.Name, "FILE"), "ID", orElse(id, "ID"))
	for _, s := range sections {
		if data := s.view(p); data != nil {
			blocks = append(blocks, block{s.id, s.title, data})
		} else {
			missing = append(missing, absent{s.title, "optc search " + words.Replace(s.command), s.gives})
		}
	}
	return blocks, missing
}

// orElse is a word of a command, or what stands for it if there is none or it is too long to print.
func orElse(word, other string) string {
	if word == "" || len(word) > longText {
		return other
	}
	return quoted(word)
}

// bottom is the end of the page.
type bottom struct {
	Missing []absent
	Script  template.JS
}

// top is what stands above the sections.
type top struct {
	Title, Written string
	Archive        Archive
	Name, Digest   string
	Facts          []fact
	Speed, Drift   string
	Blocks         []block
	Style          template.CSS
	ScriptDigest   string // the only script that the page may run
}

// fact is a number with what it counts.
type fact struct{ Value, Name, Note string }

func newTop(p *Page, blocks []block) top {
	digest := sha256.Sum256([]byte(script))
	t := top{
		Title: cut(p.Title, longText), Written: cut(p.Written, longText), Archive: p.Archive,
		Name: cut(p.Archive.Name, longName), Digest: cut(p.Archive.Digest, 128), Facts: p.Totals.facts(p.Archive.Bytes), Speed: p.Machine.speed(), Drift: p.Totals.drift(),
		Blocks: blocks, Style: template.CSS(style), ScriptDigest: base64.StdEncoding.EncodeToString(digest[:]),
	}
	t.Archive.Numerics = cut(p.Archive.Numerics, longName)
	if t.Title == "" {
		t.Title = "Search for an optimizer"
		if t.Name != "" {
			t.Title += ": " + t.Name
		}
	}
	return t
}

// facts are the totals in words.
func (t Totals) facts(size int64) []fact {
	var out []fact
	add := func(n int64, one, many, note string) {
		if n == 1 {
			many = one
		}
		if n > 0 {
			out = append(out, fact{short(float64(n)), many, note})
		}
	}
	note := ""
	if t.Births >= 10_000 {
		note = whole(t.Births)
	}
	add(t.Births, "birth", "births", note)
	if t.Births > 0 && t.Cached > 0 {
		out = append(out, fact{percent(t.Cached, t.Births), "needed no run", "their rule was known"})
	}
	ran := ""
	if t.Evaluated > 0 {
		ran = short(float64(t.Evaluated)) + " of them run"
	}
	add(t.Forms, "rule", "different rules", ran)
	add(t.Runs, "training run", "training runs", "")
	if s := t.CPUSeconds; s > 0 && elem.IsFinite(s) {
		note = ""
		if s >= 120 {
			note = whole(int64(min(s, 1e18))) + " s"
		}
		out = append(out, fact{duration(s), "of CPU", note})
	}
	if size > 0 {
		note = ""
		if t.Births >= 10_000 {
			note = number(float64(size)/float64(t.Births), 3) + " MB a million births"
		}
		out = append(out, fact{inBytes(size), "archive", note})
	}
	return out
}

// drift says what came of runs that were done again.
func (t Totals) drift() string {
	switch {
	case t.Rechecked <= 0:
		return ""
	case t.Drifted <= 0:
		return plural(t.Rechecked, "run was", "runs were") + " repeated elsewhere and gave the same bits."
	}
	return "Of " + plural(t.Rechecked, "run", "runs") + " repeated elsewhere, " + whole(t.Drifted) + " gave other bits: do not trust this archive before you know why."
}

// speed says what a CPU second is worth.
func (m Machine) speed() string {
	var parts []string
	if m.GEMM > 0 && elem.IsFinite(m.GEMM) {
		parts = append(parts, number(m.GEMM, 3)+" GFLOP/s of matrix product")
	}
	if m.Steps > 0 && elem.IsFinite(m.Steps) {
		parts = append(parts, short(m.Steps)+" Adam-MLP steps a second")
	}
	if len(parts) == 0 && m.Name == "" {
		return ""
	}
	text := "CPU time is of one core"
	if m.Name != "" {
		text += " of " + cut(m.Name, longName)
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text + "."
}
