package search

import (
	"fmt"
	"io"
	"os"
	"time"
)

// maxText bounds files that people write, specs and rules, so that none exhausts the memory.
const maxText = 1 << 20

// pipePatience is how long whoever writes a pipe may keep a search waiting.
const pipePatience = 10 * time.Second

// readText reads a spec or a rule file. A pipe may stand for it, as a shell makes one of <(...), but no device, which need not end.
func readText(path string) ([]byte, error) { return readWithin(path, pipePatience) }

func readWithin(path string, patience time.Duration) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return readBounded(path) // which says what is wrong with a path
	case info.Mode()&os.ModeNamedPipe != 0:
		return readPipe(path, patience)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	}
	return nil, fmt.Errorf("%s is a device or a socket, which need not end: name a regular file or a pipe", path)
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("%s has more than %d bytes, which no spec and no rule needs", path, maxText)
	}
	return text, err
}

// readPipe does not wait for ever for somebody to write.
func readPipe(path string, patience time.Duration) (text []byte, err error) {
	read := make(chan struct{})
	var got []byte
	var failed error
	go func() {
		defer close(read)
		got, failed = readBounded(path)
	}()
	select {
	case <-read:
		return got, failed
	case <-time.After(patience):
		return nil, fmt.Errorf("%s is a pipe, and nobody has written it to its end in %v: write to it, or name a regular file", path, patience)
	}
}
