//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs another program, which the console tells of an interrupt as it tells this one, and takes its exit code.
func become(program string, args []string) error {
	run := exec.Command(program, args...)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	signal.Ignore(os.Interrupt)
	var exit *exec.ExitError
	if err := run.Run(); errors.As(err, &exit) {
		return exitError(exit.ExitCode())
	} else if err != nil {
		return err
	}
	return nil
}
