//go:build !unix

package work

import "os/exec"

func apart(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { cmd.Process.Kill() }
