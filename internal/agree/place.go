package agree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"unsafe"

	"github.com/optc-lang/optc/internal/guard"
)

// placement says where the arrays of a kernel lie.
type placement int

const (
	loose      placement = iota // off the alignment of a vector
	atEnd                       // the byte behind each cannot be touched
	atStart                     // the byte before each cannot be touched
	placements = 3
)

func (p placement) String() string {
	return [...]string{"off their alignment", "at the end of a page", "at the start of a page"}[p]
}

// placementOf goes round the placements that there are on this system.
func (s *subject[T]) placementOf(turn int) placement {
	if !guard.Available || s.loose {
		return loose
	}
	return placement(turn % placements)
}

// contents are the elements of an array, of so many bytes each.
type contents struct {
	bytes []byte
	size  int
}

func contentsOf[E any](u []E) contents {
	var v E
	size := int(unsafe.Sizeof(v))
	return contents{unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(u))), len(u)*size), size}
}

// viewOf copies contents to a slice of their type.
func viewOf[E any](c contents) []E {
	u := make([]E, len(c.bytes)/c.size)
	copy(contentsOf(u).bytes, c.bytes)
	return u
}

// area is the memory of one array in a placement, and what may not be written of it on both sides.
type area struct {
	data          []byte
	before, after []byte
}

// marginBytes is what is looked at on either side of an array, as far as it can be written at all.
const marginBytes = 256

const margin = 0xa5

// place puts contents into memory: array i of a call.
func (s *subject[T]) place(r *rand.Rand, at placement, i int, c contents) (area, error) {
	n := len(c.bytes)
	var all []byte
	var from int
	if at == loose {
		all = contentsOf(make([]uint64, (n+2*marginBytes)/8+17)).bytes
		from = marginBytes + c.size*r.IntN(128/c.size)
	} else {
		region, err := s.region(i, n+marginBytes)
		if err != nil {
			return area{}, err
		}
		all = region.Bytes()
		if at == atEnd {
			from = len(all) - n
		}
	}
	a := area{
		data:   unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(all)), from)), n), // at its place even if empty
		before: all[max(0, from-marginBytes):from],
		after:  all[from+n : min(len(all), from+n+marginBytes)],
	}
	for _, side := range [][]byte{a.before, a.after} {
		for k := range side {
			side[k] = margin
		}
	}
	copy(a.data, c.bytes)
	return a, nil
}

// region is guarded memory for array i of a call, one and the same for all calls as long as it is large enough.
func (s *subject[T]) region(i, bytes int) (*guard.Region, error) {
	for len(s.regions) <= i {
		s.regions = append(s.regions, nil)
	}
	if old := s.regions[i]; old != nil {
		if len(old.Bytes()) >= bytes {
			return old, nil
		}
		if err := old.Free(); err != nil {
			return nil, err
		}
	}
	var err error
	s.regions[i], err = guard.New(bytes)
	return s.regions[i], err
}

// free gives all regions back.
func (s *subject[T]) free() error {
	var failed error
	for _, r := range s.regions {
		if r != nil {
			failed = errors.Join(failed, r.Free())
		}
	}
	s.regions = nil
	return failed
}

func (a *area) pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(a.data)) }

// intact reports whether nothing beside the array was written.
func (a *area) intact() bool {
	for _, side := range [][]byte{a.before, a.after} {
		for _, b := range side {
			if b != margin {
				return false
			}
		}
	}
	return true
}

// explain says which array a fault is next to.
func (c *call[T]) explain(f *guard.Fault, areas []area) error {
	if f == nil {
		return nil
	}
	const near = 4096
	for i := range areas {
		switch d := guard.Where(f, areas[i].data); {
		case d > 0 && d <= near:
			return fmt.Errorf("%s: touches byte %d behind its %d bytes", c.nameOf(i), d, len(areas[i].data))
		case d < 0 && d >= -near:
			return fmt.Errorf("%s: touches byte %d before its start", c.nameOf(i), -d)
		}
	}
	return f
}
