//go:build unix

package work

import (
	"os/exec"
	"syscall"
)

// apart keeps an interrupt at the terminal from a worker: the search ends it when it has ended itself.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// kill ends a worker and what it has started, or its output would not end.
func kill(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
