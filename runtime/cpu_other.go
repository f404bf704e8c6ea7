//go:build !amd64 || purego

package runtime

func cpuAVX2() bool   { return false }
func cpuAVX512() bool { return false }
