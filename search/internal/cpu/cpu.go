//go:build !unix

// Package cpu tells how long this process has kept processors busy.
package cpu

import "time"

var start = time.Now()

// Time is the time on the clock since the program began: this system tells no other.
func Time() time.Duration { return time.Since(start) }
