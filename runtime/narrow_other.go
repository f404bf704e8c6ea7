//go:build !amd64 || purego

package runtime

// narrowsWide tells whether an engine has vector code for storage formats.
func narrowsWide(Engine) bool { return false }

func wideWiden(Engine, bool, []float32, []uint8, []float32) {}

func wideNarrow(Engine, bool, []uint8, []float32, []float32, []uint32) int { return 0 }

const halfUnit = 1

func wideWidenHalf(Engine, bool, []float32, []uint16) {}

func wideNarrowHalf(Engine, bool, []uint16, []float32, []uint32) {}
