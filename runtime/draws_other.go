//go:build !amd64 || purego

package runtime

// drawsWide tells whether an engine has vector code for draws; none has here, so nothing below is called.
func drawsWide(Engine) bool { return false }

func wideWords(Engine, []uint32, *blockArgs, int) {}

func wideUniform(Engine, []uint32) {}

func wideNormal(Engine, []uint32) {}

func wideSigns(Engine, []float32, []uint32) {}
