package gemm

import optrt "github.com/optc-lang/optc/runtime"

// kernels names the engines whose kernels this machine can run, and use chooses one.
func kernels() []string {
	var names []string
	for e := optrt.Go; e <= best; e++ {
		names = append(names, e.String())
	}
	return names
}

func use(name string) {
	e, err := optrt.ParseEngine(name)
	if err != nil {
		panic(err)
	}
	active = e
}
