//go:build unix

// Package cpu tells how long this process has kept processors busy.
package cpu

import (
	"syscall"
	"time"
)

// Time is the time that all processors have spent on this process and on those that it has waited for.
func Time() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
