package runtime

import (
	"fmt"
	"os"
)

// EngineVariable is the environment variable that forces an engine: go, avx2, avx512 or neon. Empty is as good as unset.
const EngineVariable = "OPTRT_ENGINE"

var engineNames = [NumEngines]string{Go: "go", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

// String is the engine's name as [ParseEngine] reads it.
func (e Engine) String() string {
	if int(e) < len(engineNames) {
		return engineNames[e]
	}
	return fmt.Sprintf("engine(%d)", uint8(e))
}

// ParseEngine is the engine of that name: go, avx2, avx512 or neon.
func ParseEngine(name string) (Engine, error) {
	for e, n := range engineNames {
		if n == name {
			return Engine(e), nil
		}
	}
	return Go, fmt.Errorf("unknown engine %q: go, avx2, avx512 and neon are known", name)
}

// Has tells whether this CPU and operating system can run an engine's kernels. [Go] runs everywhere.
func Has(e Engine) bool {
	return int(e) < len(cpuHas) && cpuHas[e]
}

var cpuHas = cpuEngines()

// limitEngine is the fastest engine that an optimizer may use: what the environment forces, else what the program
// asks for, else the fastest of this CPU.
func limitEngine(asked *Engine) (Engine, error) {
	forced, err := environmentEngine()
	if err != nil {
		return Go, err
	}
	if forced == nil {
		forced = asked
	}
	if forced == nil {
		return fastest(), nil
	}
	if !Has(*forced) {
		return Go, fmt.Errorf("this CPU lacks the engine %s", *forced)
	}
	return *forced, nil
}

func environmentEngine() (*Engine, error) {
	name := os.Getenv(EngineVariable)
	if name == "" {
		return nil, nil
	}
	e, err := ParseEngine(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EngineVariable, err)
	}
	return &e, nil
}

func fastest() Engine {
	e := Engine(NumEngines - 1)
	for !Has(e) {
		e--
	}
	return e
}

// pick is the fastest kernel of a pass up to an engine, and whose it is. Every pass has one for [Go].
func (p *Pass) pick(limit Engine) (Kernel, Engine) {
	for p.Kernels[limit] == nil || !Has(limit) {
		limit--
	}
	return p.Kernels[limit], limit
}
