//go:build (!amd64 && !arm64) || purego

package runtime

func cpuEngines() [NumEngines]bool { return [NumEngines]bool{Go: true} }
