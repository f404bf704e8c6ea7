// Package staged replaces files in one step: a reader sees the old bytes or the new ones, whatever interrupts the writer.
//
// In come names and bytes. They are written beside their place, where no build takes them for source files, and moved there
// when all is written; until then nothing is changed, and several files may be staged before the first is moved.
package staged

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Write replaces a file.
func Write(name string, data []byte) error {
	f, err := Stage(name, data)
	if err != nil {
		return err
	}
	defer f.Discard()
	return f.Commit()
}

// File is a file written beside its place.
type File struct{ temporary, name string }

// Stage writes data beside the file called name, or beside the file that a link of that name leads to.
func Stage(name string, data []byte) (*File, error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	mode := os.FileMode(0o666) // less the umask
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("cannot write %s: it is no ordinary file", name)
		}
		mode = info.Mode().Perm()
	}
	if err := CheckFolder(name); err != nil {
		return nil, err
	}
	dir, base := filepath.Split(name)
	f, err := create(dir, base, mode)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", name, cause(err)) // not the name of the temporary file
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, fmt.Errorf("cannot write %s: %w", name, cause(err))
	}
	return &File{f.Name(), name}, nil
}

// Commit puts the file in its place.
func (f *File) Commit() error {
	err := os.Rename(f.temporary, f.name)
	if err == nil {
		f.temporary = ""
	}
	return err
}

// Discard removes what was not committed.
func (f *File) Discard() {
	if f.temporary != "" {
		os.Remove(f.temporary)
	}
}

// CheckFolder reports that the folder of a file to write is missing.
func CheckFolder(name string) error {
	dir := filepath.Dir(name)
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("cannot write %s: the folder %s: %w", name, dir, cause(err))
	} else if !info.IsDir() {
		return fmt.Errorf("cannot write %s: %s is no folder", name, dir)
	}
	return nil
}

// create makes a new file that no build takes for a source file. os.CreateTemp would ignore the umask.
func create(dir, base string, mode os.FileMode) (*os.File, error) {
	for try := 0; ; try++ {
		name := filepath.Join(dir, "."+base+".optc-"+strconv.FormatUint(rand.Uint64(), 36))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err == nil || !os.IsExist(err) || try == 100 {
			return f, err
		}
	}
}

// cause is an error without the operation and the name of the file, which a message has already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
