package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxGenerated bounds what is read of a file that says of itself that it was generated; headBytes is where it says so.
const (
	maxGenerated = 256 << 20
	headBytes    = 64 << 10
)

// readGenerated reads a file that may be an earlier output; of one that optc did not generate only the start. What is
// neither a file nor a link to one is an error: reading it may never end.
func readGenerated(name string) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: opening a pipe waits for a writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file but %s; remove it, or choose another folder with -o", name, kindOfFile(info.Mode()))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return head[:n], nil
	case err != nil:
		return nil, err
	case generatedFrom(head) == "":
		return head, nil
	}
	rest, err := io.ReadAll(io.LimitReader(f, maxGenerated-headBytes+1))
	if err != nil {
		return nil, err
	}
	if len(rest) > maxGenerated-headBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB, more than optc generates; remove it", name, maxGenerated>>20)
	}
	return append(head, rest...), nil
}

// kindOfFile says what a file is that is no ordinary one.
func kindOfFile(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}
