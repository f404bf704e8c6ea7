package cost

import (
	"fmt"
	"maps"
	"slices"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
)

// Sizes of what placement looks at: in the cache of the second level, and in memory.
const (
	cachedElements = 16 << 10
	memoryElements = 16 << 20
	chunkElements  = 64 << 10
	pageBytes      = 4 << 10
	lineBytes      = 64
)

// scheme is where the arrays of a pass start, in bytes from the start of a page, each by its place in the order parameter,
// gradient, states.
type scheme struct {
	name   string
	phases func(arrays int) []int
}

// apart are arrays that start a distance further each.
func apart(distance int) scheme {
	return scheme{fmt.Sprint(distance), func(arrays int) []int { return steps(arrays, 0, distance) }}
}

func steps(arrays, from, distance int) []int {
	out := make([]int, arrays)
	for i := range out {
		out[i] = (from + i*distance) % pageBytes
	}
	return out
}

// spread are arrays that share a page evenly.
var spread = scheme{"even", func(arrays int) []int { return steps(arrays, 0, pageBytes/arrays/lineBytes*lineBytes) }}

// given are a parameter and a gradient that start pages, as make lays them, and states by another scheme from a phase on.
func given(from int, s scheme) scheme {
	return scheme{fmt.Sprintf("0,0,%d+%s", from, s.name), func(arrays int) []int {
		out := []int{0, 0}
		for _, p := range s.phases(max(1, arrays-2)) {
			out = append(out, (from+p)%pageBytes)
		}
		return out[:arrays]
	}}
}

var schemes = []scheme{apart(576), apart(0), apart(64), apart(128), apart(192), apart(256), apart(320), apart(448), apart(512),
	apart(704), apart(832), apart(960), apart(1024), apart(1088), apart(1344), apart(1472), apart(2048), apart(3520), apart(3840), apart(4032), spread,
	given(0, apart(0)), given(576, apart(576)), given(1152, apart(576)), given(1024, apart(1024)), given(2048, apart(576)), given(3520, apart(3520)),
	given(2048, apart(0))}

// placement times the kernels of elementwise rules over arrays placed by each scheme, in the same memory. The first scheme
// is what the others are compared with.
func (o options) placement(rules map[string]*optrt.Rule) error {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, n := range []int{cachedElements, memoryElements / o.scale} {
			row := name + "/" + text(n)
			if !o.only.MatchString(row) {
				continue
			}
			w, err := newWalk(rules[name], n)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			var subjects []func(int)
			for _, s := range schemes {
				subjects = append(subjects, w.by(s.phases(len(w.arrays))))
			}
			t := o.inTurn(subjects...)
			for i, s := range schemes {
				o.report(Row{fmt.Sprintf("%s/%d arrays/%s", row, len(w.arrays), s.name), map[string][3]float64{"ps/element": quartiles(each(t[i], t[i], func(a, _ float64) float64 { return a / float64(n) * 1000 })),
					"ratio": quartiles(each(t[i], t[0], ratio))}})
			}
		}
	}
	return nil
}

// walk is a pass of a rule over arrays of its own.
type walk struct {
	kernel optrt.Kernel
	scalar unsafe.Pointer
	keep   *model
	n      int
	arrays []int // by stream: its place in the order parameter, gradient, states
	slots  [][]float32
}

// newWalk is the pass of a rule of one pass, which is over elements.
func newWalk(rule *optrt.Rule, n int) (*walk, error) {
	m, calls, err := callsOf(rule, [][]int{{cachedElements}})
	if err != nil {
		return nil, err
	}
	if len(calls) != 1 {
		return nil, fmt.Errorf("it is of %d passes", len(calls))
	}
	w := &walk{keep: m, n: n, kernel: calls[0].kernel, scalar: calls[0].args.Vals}
	for _, s := range rule.Later {
		if s.Pass == nil {
			continue
		}
		order := slices.Clone(s.Pass.Streams)
		slices.SortFunc(order, func(a, b optrt.Stream) int { return rank(a) - rank(b) })
		for _, stream := range s.Pass.Streams {
			w.arrays = append(w.arrays, slices.Index(order, stream))
		}
	}
	for range w.arrays {
		slot := make([]float32, n+3*pageBytes/4)
		fill(slot, 1)
		for i, v := range slot { // states may have no negative values
			slot[i] = max(v, -v) / 8
		}
		w.slots = append(w.slots, slot)
	}
	return w, nil
}

func rank(s optrt.Stream) int {
	switch s.Kind {
	case optrt.StreamX:
		return 0
	case optrt.StreamGrad:
		return 1
	}
	return 2 + s.Index
}

// by walks over arrays at phases.
func (w *walk) by(phases []int) func(int) {
	args := &optrt.Args{Vals: w.scalar}
	var starts []unsafe.Pointer
	for _, at := range w.arrays {
		base := unsafe.Pointer(unsafe.SliceData(w.slots[at]))
		off := (2*pageBytes - int(uintptr(base)%pageBytes) + phases[at]) % pageBytes
		starts = append(starts, unsafe.Add(base, off))
	}
	return func(n int) {
		for range n {
			for from := 0; from < w.n; from += chunkElements {
				args.N = min(chunkElements, w.n-from)
				for i, start := range starts {
					args.Ptr[i] = unsafe.Add(start, 4*from)
				}
				w.kernel(args)
			}
		}
	}
}
