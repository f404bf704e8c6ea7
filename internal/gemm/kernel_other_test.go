//go:build !amd64

package gemm

func kernels() []string { return []string{"portable"} }

func use(string) {}
