package tasks

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/optc-lang/optc/internal/gemm"
)

// digits: see data/README.md for its source and licence.
var digits = Task{
	Name: "digits",
	Doc: `digits classifies 8x8 images of handwritten digits (1,797 images, 10 classes) by
a network of 64 inputs, 64 rectified hidden units and 10 outputs, under softmax
cross-entropy. Inputs are pixels divided by 16.`,
	Params:    (&mlp[float32]{in: 64, hidden: 64, out: 10}).params(),
	BatchSize: 64,
	Sizes:     [3]int{TrainSet: 1200, ValidSet: 197, TestSet: 400},
	Steps:     720,
	open: func() (model, error) {
		data, err := loadDigits()
		if err != nil {
			return nil, err
		}
		return &mlp[float32]{in: 64, hidden: 64, out: 10, data: data}, nil
	},
}

//go:embed data/digits.csv.gz
var digitsFile []byte

var loadDigits = sync.OnceValues(func() (*dataset[float32], error) {
	data, err := readDigits(digitsFile)
	if err != nil {
		return nil, fmt.Errorf("digits.csv.gz: %w", err)
	}
	return data, nil
})

// A dataset is read only, and shared by all runs of its task: rows of inputs, a
// class each. The rows are in the order of the splits.
type dataset[T gemm.Float] struct {
	x     []T
	class []int
}

const (
	digitsRows, digitsPixels = 1797, 64
	digitsSplitSeed          = 1998 // the year of the data set
)

// readDigits reads the images and permutes them: row i of the result is row
// order[i] of the file, where order is drawn by newStream(digitsSplitSeed). The
// first 1,200 are for training, 197 for validation, 400 for the test. The split
// is the same for every seed of a run.
func readDigits(file []byte) (*dataset[float32], error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	var lines []string
	in := bufio.NewScanner(io.LimitReader(unzipped, 1<<20))
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(lines) != digitsRows {
		return nil, fmt.Errorf("%d lines, want %d", len(lines), digitsRows)
	}
	data := &dataset[float32]{make([]float32, digitsRows*digitsPixels), make([]int, digitsRows)}
	order := make([]int, digitsRows)
	newStream(digitsSplitSeed).shuffle(order)
	for i, from := range order {
		if data.class[i], err = readDigit(data.x[i*digitsPixels:][:digitsPixels], lines[from]); err != nil {
			return nil, fmt.Errorf("line %d: %w", from+1, err)
		}
	}
	return data, nil
}

// readDigit fills pixels from a line of the file and returns the class.
func readDigit(pixels []float32, line string) (class int, err error) {
	fields := strings.Split(line, ",")
	if len(fields) != len(pixels)+1 {
		return 0, fmt.Errorf("%d fields, want %d", len(fields), len(pixels)+1)
	}
	for j := range pixels {
		v, err := strconv.ParseUint(fields[j], 10, 8)
		if err != nil || v > 16 {
			return 0, fmt.Errorf("pixel %d is %q", j, fields[j])
		}
		pixels[j] = float32(v) / 16
	}
	last := fields[len(pixels)]
	v, err := strconv.ParseUint(last, 10, 8)
	if err != nil || v > 9 {
		return 0, fmt.Errorf("class is %q", last)
	}
	return int(v), nil
}
