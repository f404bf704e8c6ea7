package tasks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/internal/gemm"
)

// A model computes with parameters given as one slice each, on rows of its data.
type model[T gemm.Float] interface {
	params() []Param
	init(params [][]T, seed uint64)
	use(data *dataset[T])
	// gradient overwrites grads with the gradient of the mean loss over these rows,
	// and returns the loss.
	gradient(params, grads [][]T, rows []int) (loss T)
	// tally adds the losses of up to tallyRows rows.
	tally(params [][]T, rows []int, t *tally)
}

// A tally adds up what a score is made of.
type tally struct {
	loss         float64
	right, count int
}

func (t *tally) add(loss float64) {
	t.loss += loss
	t.count++
}

// tallyRows is how many rows are scored at a time.
const tallyRows = 64

// score is the mean loss and the share of what was right, for any number of rows.
func score[T gemm.Float](m model[T], params [][]T, rows []int) Score {
	var t tally
	for part := range slices.Chunk(rows, tallyRows) {
		m.tally(params, part, &t)
	}
	n := float64(t.count)
	return Score{Loss: t.loss / n, Accuracy: float64(t.right) / n}
}

// An exampler is a model whose rows are inputs with a class.
type exampler interface {
	example(row int) (input []float32, class int)
}

// A kind is what a model wants to know of a row.
type kind int

const (
	classRow   kind = iota // inputs and a class
	targetRow              // inputs and a number
	inputRow               // inputs alone
	textRow                // a window of a text
	elementRow             // an element of a matrix
	synthetic              // nothing: the data are made
)

func (k kind) String() string {
	return [...]string{"inputs with a class", "inputs with a number", "inputs", "text", "elements of a matrix", "points"}[k]
}

// A modelKind is an entry in the list of models.
type modelKind struct {
	kind    kind
	widths  []string // what Widths are; the last repeats if it ends in ...
	rotated bool
	doc     string
}

// models: ADD A MODEL HERE, and in build.
var models = map[string]modelKind{
	"logistic":    {kind: classRow, doc: "logistic regression, by softmax"},
	"linear":      {kind: targetRow, doc: "linear regression"},
	"mlp":         {kind: classRow, widths: []string{"hidden..."}, doc: "a network of rectified units"},
	"tanh":        {kind: classRow, widths: []string{"hidden..."}, doc: "a network of tanh units"},
	"regression":  {kind: targetRow, widths: []string{"hidden..."}, doc: "a network of rectified units with a number as output"},
	"autoencoder": {kind: inputRow, widths: []string{"hidden..."}, doc: "a network of tanh units whose target is its input"},
	"conv":        {kind: classRow, widths: []string{"channels..."}, doc: "layers of 3x3 filters, all but the first by two pixels"},
	"chars":       {kind: textRow, widths: []string{"context", "width", "hidden"}, doc: "a character model: vectors of the last characters and a hidden layer"},
	"attention":   {kind: textRow, widths: []string{"length", "width", "heads", "hidden"}, doc: "a character model of one transformer block"},
	"factor":      {kind: elementRow, widths: []string{"rank"}, doc: "matrix factorisation"},
	"quadratic":   {kind: synthetic, widths: []string{"dimension", "condition"}, doc: "a noisy quadratic along the axes"},
	"rotated":     {kind: synthetic, widths: []string{"dimension", "condition"}, rotated: true, doc: "a noisy quadratic along other axes"},
}

// A shape is what the extents of a model follow from, besides its widths.
type shape struct {
	rows    int
	in      int // inputs a row; of elements of a matrix 2
	classes int
	words   bool // the classes are words: there is no number to predict
	symbols int  // of a text
	extent  [2]int
}

// build makes the model of a spec that check has found right.
func build[T gemm.Float](s *Spec, d shape) model[T] {
	w := s.Widths
	feed := func(act activation, head head, out int) model[T] {
		return &net[T]{widths: slices.Concat([]int{d.in}, w, []int{out}), act: act, head: head}
	}
	switch s.Model {
	case "logistic", "mlp":
		return feed(relu, classHead, d.classes)
	case "linear", "regression":
		return feed(relu, targetHead, 1)
	case "tanh":
		return feed(tanhUnit, classHead, d.classes)
	case "autoencoder":
		return feed(tanhUnit, inputHead, d.in)
	case "conv":
		return newConv[T](side(d.in), w, d.classes)
	case "chars":
		return newChars[T](d.symbols, w[0], w[1], w[2])
	case "attention":
		return &attention[T]{symbols: d.symbols, length: w[0], width: w[1], heads: w[2], hidden: w[3]}
	case "factor":
		return &factor[T]{rows: d.extent[0], cols: d.extent[1], rank: w[0]}
	}
	return &quadratic[T]{dim: w[0]}
}

// side is the side of a square image of that many pixels, 0 if there is none.
func side(pixels int) int {
	for n := 1; n*n <= pixels; n++ {
		if n*n == pixels {
			return n
		}
	}
	return 0
}

// Bounds of a model, so that no spec exhausts the memory.
const (
	maxWidth  = 1 << 14
	maxParams = 1 << 24
	maxBatch  = 1 << 16
	maxRows   = 1 << 26
	maxBuffer = 1 << 28 // numbers that a model keeps between forward and backward
)

// check says what is wrong with a spec for data of that shape.
func (s *Spec) check(d shape) error {
	kind, ok := models[s.Model]
	if !ok {
		return fmt.Errorf("unknown model %q (known: %s)", s.Model, strings.Join(Models(), ", "))
	}
	if err := s.checkWidths(kind.widths); err != nil {
		return err
	}
	if err := s.checkShape(kind.kind, d); err != nil {
		return err
	}
	for split, n := range s.Sizes {
		if n < 1 || n > maxRows {
			return fmt.Errorf("%d rows to %s: 1 to %d are possible", n, Split(split), maxRows)
		}
	}
	switch {
	case s.BatchSize < 1 || s.BatchSize > min(maxBatch, s.Sizes[TrainSet]):
		return fmt.Errorf("batches of %d: 1 to %d are possible", s.BatchSize, min(maxBatch, s.Sizes[TrainSet]))
	case s.Steps < 1:
		return fmt.Errorf("%d steps", s.Steps)
	case !(s.Noise >= 0 && s.Noise <= 1e6) || kind.kind == classRow && s.Noise > 1:
		return fmt.Errorf("noise of %v", s.Noise)
	case s.Noise != 0 && (kind.kind == textRow || kind.kind == inputRow):
		return fmt.Errorf("model %s has no labels to make noisy", s.Model)
	}
	if total := s.Sizes[0] + s.Sizes[1] + s.Sizes[2]; kind.kind != synthetic && kind.kind != textRow && total > d.rows {
		return fmt.Errorf("%d rows, %d are asked for", d.rows, total)
	}
	return s.checkMemory(d)
}

func (s *Spec) checkWidths(names []string) error {
	open := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
	if len(s.Widths) < len(names) || len(s.Widths) > len(names) && !open {
		return fmt.Errorf("model %s has %d widths, not %d: %s", s.Model, len(names), len(s.Widths), strings.Join(names, ", "))
	}
	for _, w := range s.Widths {
		if w < 1 || w > maxWidth {
			return fmt.Errorf("a width of %d: 1 to %d are possible", w, maxWidth)
		}
	}
	if s.Model == "attention" && s.Widths[1]%s.Widths[2] != 0 {
		return fmt.Errorf("%d heads do not divide a width of %d", s.Widths[2], s.Widths[1])
	}
	return nil
}

func (s *Spec) checkShape(kind kind, d shape) error {
	wrong := false
	switch kind {
	case classRow:
		wrong = d.classes < 2
	case textRow:
		wrong = d.symbols < 2
	case elementRow:
		wrong = d.extent[0] < 1
	case targetRow:
		if d.words {
			return fmt.Errorf("model %s wants %s, and the last column has words: give it numbers to predict, or take a model of classes such as mlp", s.Model, kind)
		}
		wrong = d.in < 1
	case inputRow:
		wrong = d.in < 1
	}
	if wrong {
		return fmt.Errorf("model %s wants %s", s.Model, kind)
	}
	if s.Model == "conv" && side(d.in) == 0 {
		return fmt.Errorf("model conv wants square images, not %d inputs", d.in)
	}
	return nil
}

// checkMemory bounds parameters, buffers and points. It counts in float64, which
// does not overflow.
func (s *Spec) checkMemory(d shape) error {
	w := s.Widths
	if s.Model == "conv" && len(w) > 16 || len(w) > 256 {
		return fmt.Errorf("%d layers", len(w))
	}
	if models[s.Model].kind == synthetic {
		return s.checkPoints()
	}
	params := 0.0
	for _, p := range build[float32](s, d).params() {
		n := 1.0
		for _, extent := range p.Shape {
			n = float64(n * float64(extent))
		}
		params += n
	}
	if params > maxParams {
		return fmt.Errorf("%.0f parameters: %d are possible", params, maxParams)
	}
	if n := max(s.BatchSize, tallyRows); s.buffers(d)*float64(n) > maxBuffer {
		return fmt.Errorf("batches of %d rows of this model need more than %d numbers", n, maxBuffer)
	}
	return nil
}

func (s *Spec) checkPoints() error {
	dim, total := float64(s.Widths[0]), 0.0
	for _, n := range s.Sizes {
		total += float64(n)
	}
	if n := float64(dim * dim); n > maxParams {
		return fmt.Errorf("matrices of %.0f numbers: %d are possible", n, maxParams)
	}
	if n := float64(dim * total); n > maxBuffer {
		return fmt.Errorf("%.0f numbers of points: %d are possible", n, maxBuffer)
	}
	return nil
}

// buffers is about how many numbers a model keeps for one row of a batch.
func (s *Spec) buffers(d shape) float64 {
	row := float64(d.in + d.classes + d.symbols)
	for _, w := range s.Widths {
		row += float64(w)
	}
	w := s.Widths
	switch s.Model {
	case "conv":
		edge, in := side(d.in), 1
		for l, out := range w {
			row += float64(float64(edge*edge) * (taps + 2) * float64(in))
			if l > 0 {
				edge = (edge + 1) / 2
			}
			in = out
		}
	case "chars":
		row += float64(float64(w[0]) * float64(w[1]))
	case "attention":
		each := float64(16*w[1]) + float64(2*w[3]) + float64(d.symbols) + float64(float64(w[2])*float64(w[0]))
		row = float64(float64(w[0]) * each)
	}
	return row
}

// Models returns the names of all models.
func Models() []string {
	names := make([]string, 0, len(models))
	for name := range models {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
