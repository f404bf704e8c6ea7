package gemm

var isaNames = []string{portable: "portable", avx2: "avx2", avx512: "avx512"}

// kernels names the kernels that this machine can run, and use chooses one.
func kernels() []string { return isaNames[:best+1] }

func use(name string) {
	for i, s := range isaNames {
		if s == name {
			active = isa(i)
		}
	}
}
