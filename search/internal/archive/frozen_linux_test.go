package archive

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/optc-lang/optc/search/internal/evolve"
)

// asNobody does something as a user who owns nothing and may write nothing of others.
func asNobody(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		if os.Getuid() == 0 {
			const nobody = 65534
			syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		}
		do()
	}()
	<-done
}

// births is how many births an archive has for who may not write it.
func births(path string) (n int, err error) {
	asNobody(func() {
		var r *Archive
		if r, err = Read(path); err == nil {
			n = r.Births()
			err = r.Close()
		}
	})
	return n, err
}

// readable is a new folder that everybody can read.
func readable(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestReadsAsNobody holds that who may not write an archive reads all of it, under way or not, or is told that it cannot be read.
func TestReadsAsNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be nobody")
	}
	path := filepath.Join(readable(t), "a.db")
	a := made(t, path)
	if err := a.Append(evolve.Birth{Parent: -1, Genome: "g =0"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	if n, err := births(path); err != nil || n != 1 {
		t.Errorf("under way: %d births, %v", n, err)
	}
	for _, beside := range [][]string{{"", "-wal", "-shm"}, {"", "-wal"}} { // as a process that is killed leaves them, or a copy
		broken := filepath.Join(readable(t), "b.db")
		for _, end := range beside {
			data, err := os.ReadFile(path + end)
			if err == nil {
				err = os.WriteFile(broken+end, data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		n, err := births(broken)
		if n != 1 && (err == nil || !strings.Contains(err.Error(), "is being written") || !strings.Contains(err.Error(), "copy")) {
			t.Errorf("broken off: %d births, %v", n, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := births(path); err != nil || n != 1 {
		t.Errorf("when it is over: %d births, %v", n, err)
	}
}
