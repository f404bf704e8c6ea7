//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// become puts another program in the place of this one: signals, terminal and exit code are then its own.
func become(program string, args []string) error {
	err := syscall.Exec(program, append([]string{program}, args...), os.Environ())
	return fmt.Errorf("%s: %w", program, err)
}
