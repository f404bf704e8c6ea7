package tasks

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// A dataset is what a model trains on: read only, and shared by all runs of its
// task. Its rows are in the order of the splits. A model uses some of the fields.
type dataset[T gemm.Float] struct {
	in     int      // inputs a row
	x      []T      // inputs
	class  []int    // by row
	y      []T      // target, by row
	pair   [][2]int // the element of a matrix, by row
	text   []uint8
	at     []int // where the window of a row begins in the text
	matrix []T
}

func (d *dataset[T]) input(row int) []T { return d.x[row*d.in:][:d.in] }

// window is the first n characters of a row.
func (d *dataset[T]) window(row, n int) []uint8 { return d.text[d.at[row]:][:n] }

// Splits and noise are drawn by streams of a fixed seed, so that they are the same
// for every seed of a run; 1998 is the year of the digits.
const splitSeed = 1998

// splitStream is the stream that permutes the rows of a task's data; key 0 is the
// task's own split.
func splitStream(key uint64) *stream {
	if key == 0 {
		return newStream(splitSeed)
	}
	return newStream(splitSeed, purposeSplit, key)
}

// prepare makes the dataset of a task: it picks and permutes the rows, scales
// them and adds noise.
func (s *Spec) prepare(data *Data, key uint64) (*dataset[float32], error) {
	total := s.Sizes[TrainSet] + s.Sizes[ValidSet] + s.Sizes[TestSet]
	switch kind := models[s.Model].kind; kind {
	case synthetic:
		return s.bowl(total, key), nil
	case textRow:
		return data.windows(s.Sizes, s.Widths[0], key)
	default:
		if total > data.rows {
			return nil, fmt.Errorf("%d rows, %d are asked for", data.rows, total)
		}
		order := make([]int, data.rows)
		splitStream(key).shuffle(order)
		out := data.pick(order[:total], kind)
		s.scale(data, out)
		s.spoil(out, data.classes, key)
		return out, nil
	}
}

// pick copies rows.
func (d *Data) pick(order []int, kind kind) *dataset[float32] {
	out := &dataset[float32]{in: d.in, x: make([]float32, 0, len(order)*d.in)}
	for _, r := range order {
		out.x = append(out.x, d.x[r*d.in:][:d.in]...)
		switch kind {
		case classRow:
			out.class = append(out.class, d.class[r])
		case targetRow:
			out.y = append(out.y, d.y[r])
		case elementRow:
			out.y = append(out.y, d.y[r])
			out.pair = append(out.pair, [2]int{int(d.x[r*d.in]), int(d.x[r*d.in+1])})
		}
	}
	return out
}

// scale divides inputs by the data's own unit or else standardises them, unless
// they are to stay raw or name an element of a matrix. Targets are always standardised.
func (s *Spec) scale(data *Data, to *dataset[float32]) {
	train := s.Sizes[TrainSet]
	if to.y != nil {
		standardise(to.y, 1, train)
	}
	switch {
	case s.Raw || to.pair != nil:
	case data.unit != 0:
		for i := range to.x {
			to.x[i] /= data.unit
		}
	default:
		standardise(to.x, to.in, train)
	}
}

// standardise gives each column mean 0 and variance 1 over the first rows. A
// column that is constant there becomes zero there.
func standardise(x []float32, cols, rows int) {
	for j := range cols {
		var sum, squares float64
		for i := range rows {
			sum += float64(x[i*cols+j])
		}
		mean := sum / float64(rows)
		for i := range rows {
			d := float64(x[i*cols+j]) - mean
			squares += float64(d * d)
		}
		deviation := math.Sqrt(squares / float64(rows))
		if deviation == 0 {
			deviation = 1
		}
		for i := j; i < len(x); i += cols {
			x[i] = float32((float64(x[i]) - mean) / deviation)
		}
	}
}

// spoil makes the labels of the training rows noisy: a share Noise of the classes
// is drawn anew, or targets get noise of that deviation.
func (s *Spec) spoil(to *dataset[float32], classes int, key uint64) {
	if s.Noise == 0 {
		return
	}
	random := newStream(splitSeed, purposeNoise, key)
	for i := range s.Sizes[TrainSet] {
		switch {
		case to.y != nil:
			to.y[i] += float32(s.Noise * random.normal())
		case to.class != nil && random.unit() < s.Noise:
			to.class[i] = random.below(classes)
		}
	}
}

// windows spreads the rows evenly over the text, one split after the other, so
// that no two splits share a character. Another key moves them and exchanges the
// places of the splits.
func (d *Data) windows(sizes [3]int, context int, key uint64) (*dataset[float32], error) {
	places := []int{0, 1, 2}
	free := len(d.text) - 3*(context+1)
	stride := free / (sizes[0] + sizes[1] + sizes[2])
	if stride < 1 {
		return nil, fmt.Errorf("a text of %d characters is too short for %d windows of %d", len(d.text), sizes[0]+sizes[1]+sizes[2], context+1)
	}
	at := 0
	if key != 0 {
		random := splitStream(key)
		random.shuffle(places)
		at = random.below(free - stride*(sizes[0]+sizes[1]+sizes[2]) + 1)
	}
	var starts [3][]int
	for _, split := range places {
		for range sizes[split] {
			starts[split] = append(starts[split], at)
			at += stride
		}
		at += context + 1
	}
	return &dataset[float32]{text: d.text, at: slices.Concat(starts[:]...)}, nil
}

// bowl makes the matrix and the points of a quadratic. The eigenvalues of AᵀA go
// from 1 to 1/condition by equal factors. Points scatter with deviation Noise
// around a place that is uniform in [-1, 1] by coordinate.
func (s *Spec) bowl(rows int, key uint64) *dataset[float32] {
	dim, condition := s.Widths[0], float64(s.Widths[1])
	random := splitStream(key)
	center := make([]float64, dim)
	for j := range center {
		center[j] = random.symmetric()
	}
	a := make([]float64, dim*dim)
	for i := range dim {
		a[i*dim+i] = elem.Exp(-0.5 * elem.Log(condition) * float64(i) / float64(max(dim-1, 1)))
	}
	if models[s.Model].rotated {
		rotate(a, dim, random)
	}
	out := &dataset[float32]{in: dim, x: make([]float32, rows*dim), matrix: make([]float32, dim*dim)}
	for i, v := range a {
		out.matrix[i] = float32(v)
	}
	for i := range out.x {
		out.x[i] = float32(center[i%dim] + float64(s.Noise*random.normal()))
	}
	return out
}

// rotate multiplies the rows of a by dim random reflections, I - 2vvᵀ/|v|².
func rotate(a []float64, dim int, random *stream) {
	v := make([]float64, dim)
	for range dim {
		var square float64
		for j := range v {
			v[j] = random.normal()
			square += float64(v[j] * v[j])
		}
		for i := range dim {
			row := a[i*dim:][:dim]
			var dot float64
			for j := range v {
				dot += float64(row[j] * v[j])
			}
			dot = 2 * dot / square
			for j := range v {
				row[j] -= float64(dot * v[j])
			}
		}
	}
}
