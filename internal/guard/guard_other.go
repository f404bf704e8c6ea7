//go:build !linux

package guard

import "errors"

// Available reports whether regions can be had.
const Available = false

// New is an error.
func New(int) (*Region, error) { return nil, errors.New("guard: on Linux only") }

// Free does nothing.
func (r *Region) Free() error { return nil }
