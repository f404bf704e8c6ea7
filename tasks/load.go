package tasks

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a file, so that none exhausts the memory.
const (
	maxFileBytes = 256 << 20 // unpacked
	maxNumbers   = 1 << 26
	maxLines     = 1 << 24
	maxLine      = 1 << 20
	maxClasses   = 1000
	maxExtent    = 1 << 16 // of a matrix that is given by its elements
)

// Load reads a file of data of one's own, packed by gzip or not:
//
//   - NAME.csv: see ReadCSV
//   - NAME.txt: see ReadText
//   - images in the format of MNIST (IDX), with the classes in the file that has
//     "labels-idx1" in its name for "images-idx3"
func Load(path string) (*Data, error) {
	data, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

func load(path string) (*Data, error) {
	in, done, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer done()
	name := strings.TrimSuffix(path, ".gz")
	if base := filepath.Base(name); strings.Contains(base, "images-idx3") {
		labels := filepath.Join(filepath.Dir(path), strings.Replace(filepath.Base(path), "images-idx3", "labels-idx1", 1))
		classes, closeLabels, err := openFile(labels)
		if err != nil {
			return nil, fmt.Errorf("classes of the images: %w", err)
		}
		defer closeLabels()
		return ReadIDX(in, classes)
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return ReadCSV(in)
	case ".txt":
		return ReadText(in)
	}
	return nil, errors.New("the name must end in .csv or .txt, or contain images-idx3, with or without .gz behind")
}

// Digest returns the digest of the bytes of a file, packed or not, that Load has read. It
// reads no more than Load does, and holds none of it.
func Digest(path string) (digest [sha256.Size]byte, err error) {
	hash := sha256.New()
	file, err := openRegular(path)
	if err == nil {
		_, err = io.Copy(hash, bound(file))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return digest, fmt.Errorf("%s: %w", path, err)
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

// openRegular opens a file that has an end, as a device need not have one, nor a pipe.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	return file, nil
}

// openFile opens a file, unpacked if its name ends in .gz.
func openFile(path string) (io.Reader, func() error, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasSuffix(path, ".gz") {
		return file, file.Close, nil
	}
	unzipped, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return unzipped, file.Close, nil
}

// bounded is a reader that says so when there is more than maxFileBytes.
type bounded struct {
	in   io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("more than %d MiB", maxFileBytes>>20)
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func bound(in io.Reader) io.Reader { return &bounded{in, maxFileBytes + 1} }

// ReadCSV reads rows of numbers separated by commas, as many in each. The last
// column is the class, a word or a number, or the number to predict. A first line
// in which an input is no number is a header. Empty lines are skipped; quotes have
// no meaning. Classes are counted in ascending order: numbers by value, words by
// bytes.
func ReadCSV(in io.Reader) (*Data, error) {
	lines := bufio.NewScanner(bound(in))
	lines.Buffer(nil, maxLine)
	t := csvTable{index: map[string]int{}}
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimRight(lines.Text(), "\r \t")
		if line == "" {
			continue
		}
		if err := t.add(line, number == 1); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
	} else if err != nil {
		return nil, err
	}
	return t.data()
}

// A csvTable is what has been read of a file.
type csvTable struct {
	cols   int
	x      []float32
	last   []int // of each row: which of labels; nil after too many
	labels []string
	index  map[string]int
	y      []float32 // nil after one that is no number
	rows   int
}

func (t *csvTable) add(line string, first bool) error {
	fields := strings.Count(line, ",") + 1
	switch {
	case t.cols == 0 && fields < 2:
		return errors.New("one column; inputs and, last, a class or a number are wanted")
	case t.cols == 0:
		t.cols = fields
	case fields != t.cols:
		return fmt.Errorf("%d columns, %d before", fields, t.cols)
	}
	if len(t.x) > maxNumbers || t.rows == maxLines {
		return fmt.Errorf("more than %d numbers, or %d rows", maxNumbers, maxLines)
	}
	for column := range t.cols - 1 {
		field, rest, _ := strings.Cut(line, ",")
		v, err := number(field)
		if err != nil && first && strings.TrimSpace(field) != "" && !errors.Is(err, errRange) {
			t.x = t.x[:0]
			return nil // a header
		}
		if err != nil {
			return fmt.Errorf("column %d is %.20q: %w", column+1, field, err)
		}
		t.x = append(t.x, v)
		line = rest
	}
	return t.label(strings.TrimSpace(line))
}

// label takes the last column of a row.
func (t *csvTable) label(last string) error {
	if last == "" {
		return fmt.Errorf("column %d is empty", t.cols)
	}
	v, err := number(last)
	if err == nil && (t.y != nil || t.rows == 0) {
		t.y = append(t.y, v)
	} else {
		t.y = nil
	}
	if len(t.labels) <= maxClasses {
		id, known := t.index[last]
		if !known {
			id = len(t.labels)
			t.labels = append(t.labels, strings.Clone(last))
			t.index[t.labels[id]] = id
		}
		t.last = append(t.last, id)
	}
	t.rows++
	return nil
}

var (
	errNumber = errors.New("not a number")
	errRange  = errors.New("not a finite number of 32 bits")
)

func number(field string) (float32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(field), 32)
	if errors.Is(err, strconv.ErrRange) || err == nil && !finite(v) {
		return 0, errRange
	}
	if err != nil {
		return 0, errNumber
	}
	return float32(v), nil
}

func (t *csvTable) data() (*Data, error) {
	if t.rows == 0 {
		return nil, errors.New("no rows")
	}
	d := &Data{shape: shape{rows: t.rows, in: t.cols - 1, words: t.y == nil}, x: t.x, y: t.y}
	if len(t.labels) <= maxClasses && len(t.labels) > 1 {
		d.class, d.classes = t.last, len(t.labels)
		t.sortClasses(d.class)
	}
	if d.class == nil && d.y == nil {
		return nil, fmt.Errorf("column %d has words, and more than %d or less than 2 different ones: no classes", t.cols, maxClasses)
	}
	d.extent = matrixExtent(d)
	return d, nil
}

// sortClasses counts the classes in the order of their labels.
func (t *csvTable) sortClasses(class []int) {
	order := make([]int, len(t.labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if t.y != nil {
			x, _ := number(t.labels[a])
			y, _ := number(t.labels[b])
			if c := cmp.Compare(x, y); c != 0 {
				return c
			}
		}
		return strings.Compare(t.labels[a], t.labels[b])
	})
	rank := make([]int, len(order))
	for to, from := range order {
		rank[from] = to
	}
	for i, c := range class {
		class[i] = rank[c]
	}
}

// matrixExtent is the extent of the matrix that rows of a row, a column and a
// number are elements of, or zeros if they are none.
func matrixExtent(d *Data) (extent [2]int) {
	if d.in != 2 || d.y == nil {
		return [2]int{}
	}
	for i, v := range d.x {
		if v < 0 || v >= maxExtent || v != float32(int(v)) {
			return [2]int{}
		}
		extent[i%2] = max(extent[i%2], int(v)+1)
	}
	return extent
}

// ReadIDX reads images, bytes in the format of MNIST, and the file of their
// classes.
func ReadIDX(images, labels io.Reader) (*Data, error) {
	pixels, extents, err := readBytes(images, 3)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	class, counts, err := readBytes(labels, 1)
	if err != nil {
		return nil, fmt.Errorf("classes: %w", err)
	}
	if counts[0] != extents[0] {
		return nil, fmt.Errorf("%d images, %d classes", extents[0], counts[0])
	}
	d := &Data{shape: shape{rows: extents[0], in: extents[1] * extents[2]}, unit: 255}
	if d.rows*d.in > maxNumbers {
		return nil, fmt.Errorf("more than %d pixels", maxNumbers)
	}
	d.x, d.class, d.y = make([]float32, len(pixels)), make([]int, len(class)), make([]float32, len(class))
	for i, p := range pixels {
		d.x[i] = float32(p)
	}
	for i, c := range class {
		d.class[i], d.y[i] = int(c), float32(c)
		d.classes = max(d.classes, int(c)+1)
	}
	return d, nil
}

// readBytes reads an IDX file of bytes in that many dimensions.
func readBytes(in io.Reader, dims int) (bytes []byte, extents []int, err error) {
	in = bound(in)
	head := make([]byte, 4+4*dims)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, nil, fmt.Errorf("the head: %w", err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dims {
		return nil, nil, fmt.Errorf("begins with % x, not with 00 00 08 %02x", head[:4], dims)
	}
	size := 1
	for i := range dims {
		n := binary.BigEndian.Uint32(head[4+4*i:])
		if n == 0 || uint64(n) > uint64(maxFileBytes/size) {
			return nil, nil, fmt.Errorf("extent %d is %d: with it the file has no bytes, or more than %d MiB", i+1, n, maxFileBytes>>20)
		}
		size *= int(n)
		extents = append(extents, int(n))
	}
	bytes, err = io.ReadAll(in) // grows with what there is, not with what the head says
	if err != nil {
		return nil, nil, err
	}
	if len(bytes) != size {
		return nil, nil, fmt.Errorf("%d bytes behind the head, which says %d", len(bytes), size)
	}
	return bytes, extents, nil
}

// The characters of a text: the space, the comma, the full stop and the letters.
const (
	firstLetter = 3
	symbols     = firstLetter + 26
)

// ReadText reads a text as 29 characters: the letters, capitals as small ones, the
// comma, the full stop and the space, which any run of other characters becomes.
func ReadText(in io.Reader) (*Data, error) {
	d := &Data{shape: shape{symbols: symbols}}
	r := bufio.NewReader(bound(in))
	for {
		c, err := r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		code := uint8(0)
		switch {
		case 'a' <= c && c <= 'z':
			code = firstLetter + c - 'a'
		case 'A' <= c && c <= 'Z':
			code = firstLetter + c - 'A'
		case c == ',':
			code = 1
		case c == '.':
			code = 2
		}
		if n := len(d.text); code != 0 || n > 0 && d.text[n-1] != 0 {
			d.text = append(d.text, code)
		}
	}
	if len(d.text) < 2 {
		return nil, errors.New("no text")
	}
	return d, nil
}
