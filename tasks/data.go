package tasks

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/optc-lang/optc/runtime/elem"
)

// Data are rows to learn from, as a file has them: inputs with a class or a number
// each, or a text. They are read only.
type Data struct {
	shape
	unit  float32   // what the inputs of an image are divided by; 0 means that columns are standardised
	x     []float32 // rows × in
	class []int     // nil if there are no classes
	y     []float32 // nil if the last column is no number
	text  []uint8
}

// Rows returns the number of rows, or of the characters of a text.
func (d *Data) Rows() int {
	if d.text != nil {
		return len(d.text)
	}
	return d.rows
}

// Inputs returns the number of inputs of a row.
func (d *Data) Inputs() int { return d.in }

// Classes returns the number of classes, 0 if a row has none.
func (d *Data) Classes() int { return d.classes }

// A source is data that come with the package. What is known of the shape before
// the file is read stands here, and the tests hold the file to it.
type source struct {
	name string
	shape
	open func() (*Data, error)
}

// sources: ADD DATA HERE. See data/README.md for where they come from and their licences.
var sources = []source{
	{"digits", shape{rows: 1797, in: 64, classes: 10}, once("digits.csv.gz", readDigits)},
	{"iris", shape{rows: 150, in: 4, classes: 3}, once("iris.csv.gz", ReadCSV)},
	{"wine", shape{rows: 178, in: 13, classes: 3}, once("wine.csv.gz", ReadCSV)},
	{"cancer", shape{rows: 569, in: 30, classes: 2}, once("cancer.csv.gz", ReadCSV)},
	{"phishing", shape{rows: 1250, in: 9, classes: 2}, once("phishing.csv.gz", ReadCSV)},
	{"segment", shape{rows: 2310, in: 18, classes: 7, words: true}, once("segment.csv.gz", ReadCSV)},
	{"mpg", shape{rows: 392, in: 7}, once("mpg.csv.gz", ReadCSV)},
	{"proline", shape{rows: 178, in: 13}, sync.OnceValues(readProline)},
	{"area", shape{rows: 569, in: 30}, sync.OnceValues(readArea)},
	{"opticks", shape{symbols: symbols}, once("opticks.txt.gz", ReadText)},
	{"definibus", shape{symbols: symbols}, once("definibus.txt.gz", ReadText)},
	{"opticks-words", shape{rows: 120 * 120, in: 2, extent: [2]int{120, 120}}, words("opticks.txt.gz", 120)},
	{"definibus-words", shape{rows: 60 * 60, in: 2, extent: [2]int{60, 60}}, words("definibus.txt.gz", 60)},
	{"pixels", shape{rows: 300 * 64, in: 2, extent: [2]int{300, 64}}, sync.OnceValues(readPixels)},
	{"", shape{}, func() (*Data, error) { return &Data{}, nil }},
}

//go:embed data/*.gz
var files embed.FS

// sourceOf finds data by name; "" is that of models whose data are made.
func sourceOf(name string) (source, error) {
	var known []string
	for _, s := range sources {
		if s.name == name {
			return s, nil
		}
		known = append(known, s.name)
	}
	return source{}, fmt.Errorf("unknown data %q (known: %s)", name, strings.Join(known[:len(known)-1], ", "))
}

// once reads an embedded file when it is first wanted.
func once(file string, read func(io.Reader) (*Data, error)) func() (*Data, error) {
	return sync.OnceValues(func() (*Data, error) { return embedded(file, read) })
}

func embedded(file string, read func(io.Reader) (*Data, error)) (*Data, error) {
	packed, err := files.ReadFile("data/" + file)
	if err != nil {
		return nil, err
	}
	data, err := readPacked(packed, read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

func readPacked(packed []byte, read func(io.Reader) (*Data, error)) (*Data, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return read(unzipped)
}

// readDigits reads images whose pixels go to 16.
func readDigits(in io.Reader) (*Data, error) {
	data, err := ReadCSV(in)
	if err != nil {
		return nil, err
	}
	if data.rows != 1797 || data.in != 64 || data.classes != 10 {
		return nil, fmt.Errorf("%d rows of %d pixels in %d classes, want 1797 of 64 in 10", data.rows, data.in, data.classes)
	}
	for i, v := range data.x {
		if v < 0 || v > 16 || v != float32(int(v)) {
			return nil, fmt.Errorf("line %d: pixel %d is %v", i/64+1, i%64, v)
		}
	}
	data.unit = 16
	return data, nil
}

// regressed is data whose target is a column of another, which takes the class as
// an input in its place.
func regressed(file string, column int) (*Data, error) {
	data, err := embedded(file, ReadCSV)
	if err != nil {
		return nil, err
	}
	out := &Data{shape: shape{rows: data.rows, in: data.in}, x: slices.Clone(data.x)}
	for i := range out.rows {
		at := i*out.in + column
		out.y = append(out.y, out.x[at])
		out.x[at] = float32(data.class[i])
	}
	return out, nil
}

// readProline is the wines' proline, from the other analyses and the cultivar.
func readProline() (*Data, error) { return regressed("wine.csv.gz", 12) }

// readArea is the standard error of a tumour's area, from the other measurements and the diagnosis.
func readArea() (*Data, error) { return regressed("cancer.csv.gz", 13) }

// readPixels is the matrix of the first 300 digits by their 64 pixels.
func readPixels() (*Data, error) {
	digits, err := embedded("digits.csv.gz", readDigits)
	if err != nil {
		return nil, err
	}
	out := &Data{shape: shape{rows: 300 * 64, in: 2, extent: [2]int{300, 64}}}
	for i, v := range digits.x[:out.rows] {
		out.x = append(out.x, float32(i/64), float32(i%64))
		out.y = append(out.y, v)
	}
	return out, nil
}

// wordSpan is how far apart two words count as together.
const wordSpan = 5

// words is the matrix of how often two of the n commonest words of a text stand
// within wordSpan words of each other: log(1 + count), as in Pennington et al. 2014.
func words(file string, n int) func() (*Data, error) {
	return once(file, func(in io.Reader) (*Data, error) {
		text, err := ReadText(in)
		if err != nil {
			return nil, err
		}
		return together(text.text, n)
	})
}

func together(text []uint8, n int) (*Data, error) {
	var list []string
	count := map[string]int{}
	for _, w := range bytes.FieldsFunc(text, func(r rune) bool { return r < firstLetter }) {
		list = append(list, string(w))
		count[string(w)]++
	}
	vocabulary := make([]string, 0, len(count))
	for w := range count {
		vocabulary = append(vocabulary, w)
	}
	if len(vocabulary) < n {
		return nil, fmt.Errorf("%d different words, want %d", len(vocabulary), n)
	}
	slices.SortFunc(vocabulary, func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	id := map[string]int{}
	for i, w := range vocabulary[:n] {
		id[w] = i
	}
	near := make([]int, n*n)
	for i, a := range list {
		for _, b := range list[max(0, i-wordSpan):i] {
			if i, ok := id[a]; ok {
				if j, ok := id[b]; ok {
					near[i*n+j]++
				}
			}
		}
	}
	out := &Data{shape: shape{rows: n * n, in: 2, extent: [2]int{n, n}}}
	for at, c := range near {
		out.x = append(out.x, float32(at/n), float32(at%n))
		out.y = append(out.y, float32(elem.Log(1+float64(c))))
	}
	return out, nil
}
