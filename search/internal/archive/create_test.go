package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// header is of a search on a task.
func header() Header {
	return Header{Spec: `{"Starts": ["g"], "Rungs": [["bowl"]], "Islands": 1}`, Baselines: fitness.Table(nil), Numerics: work.Numerics}
}

// TestCreateAtOnce holds that of several who begin an archive one does, and the others are told so.
func TestCreateAtOnce(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "race.db")
	var all sync.WaitGroup
	made, failed := make([]*Archive, 8), make([]error, 8)
	for i := range made {
		all.Go(func() { made[i], failed[i] = Create(path, header()) })
	}
	all.Wait()
	winners := 0
	for i, a := range made {
		if failed[i] == nil {
			winners++
			defer a.Close()
			continue
		}
		if text := failed[i].Error(); !strings.Contains(text, "has just begun it") && !strings.Contains(text, "is there already") || strings.Contains(text, ".new") {
			t.Errorf("the one who was late is told %v", failed[i])
		}
	}
	if winners != 1 {
		t.Errorf("%d have begun it", winners)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*.new")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// TestCreateWithoutLinks holds that an archive can be made where files have one name each, and takes no file's place there either.
func TestCreateWithoutLinks(t *testing.T) {
	link = func(string, string) error { return &os.LinkError{Op: "link", Err: errors.ErrUnsupported} }
	defer func() { link = os.Link }()
	path := filepath.Join(t.TempDir(), "a.db")
	a, err := Create(path, header())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Append(evolve.Birth{Parent: -1, Genome: "g =0"}), a.Close()); err != nil {
		t.Fatal(err)
	}
	part := path + ".part"
	if err := os.WriteFile(part, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := place(part, path); !errors.Is(err, os.ErrExist) {
		t.Errorf("in the place of another: %v", err)
	}
	if a, err = Read(path); err != nil || a.Births() != 1 {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestRemoved holds that a search whose file is taken away notices at the next commit.
func TestRemoved(t *testing.T) {
	for what, remove := range map[string]func(path string) error{
		"the folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"a renaming": func(path string) error { return os.Rename(path, path+".old") },
		"another": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte("other"), 0o644))
		},
	} {
		path := filepath.Join(t.TempDir(), "in", "a.db")
		if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		a, err := Create(path, header())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Append(evolve.Birth{Parent: -1, Genome: "g =0"}), a.Commit()); err != nil {
			t.Fatal(err)
		}
		if err := remove(path); err != nil {
			t.Skip(err) // as where open files cannot be removed
		}
		if err := a.Append(evolve.Birth{Index: 1, Parent: -1, Genome: "g =0"}); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit(); err == nil || !strings.Contains(err.Error(), "is not there any more") {
			t.Errorf("%s: %v", what, err)
		}
		if err := errors.Join(a.Spent(1), a.Close()); err != nil {
			t.Errorf("%s: it is said twice: %v", what, err)
		}
	}
}
