//go:build !purego

package runtime

// cpuEngines: NEON is part of every arm64.
func cpuEngines() [NumEngines]bool { return [NumEngines]bool{Go: true, NEON: true} }
