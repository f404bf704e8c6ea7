package tasks

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func unzip(t *testing.T, name string) string {
	t.Helper()
	packed, err := files.ReadFile("data/" + name)
	if err != nil {
		t.Fatal(err)
	}
	in, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func zip(t *testing.T, text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestFiles holds every file to the checksum and the size that data/README.md
// names, where each has a licence, and all together to their bound.
func TestFiles(t *testing.T) {
	readme, err := os.ReadFile("data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := files.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, e := range entries {
		packed, err := files.ReadFile("data/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		total += len(packed)
		_, part, ok := strings.Cut(string(readme), "\n## "+e.Name()+"\n")
		part, _, _ = strings.Cut(part, "\n## ")
		if sum := fmt.Sprintf("%x", sha256.Sum256(packed)); !ok || !strings.Contains(part, sum) {
			t.Errorf("%s: sha256 %s is not what data/README.md says", e.Name(), sum)
		}
		if size := fmt.Sprintf("%d,%03d bytes", len(packed)/1000, len(packed)%1000); !strings.Contains(part, size) && len(packed) > 999 {
			t.Errorf("%s: %s is not what data/README.md says", e.Name(), size)
		}
		if !strings.Contains(part, "| licence") || !strings.Contains(part, "| source") {
			t.Errorf("%s: data/README.md names no source or no licence", e.Name())
		}
	}
	if total > 1_500_000 {
		t.Errorf("%d bytes of data", total)
	}
}

// TestSources reads all data and holds them to the shape that stands in the table,
// each class to a share, each row of the images to be there once.
func TestSources(t *testing.T) {
	for _, s := range sources {
		d, err := s.open()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got := d.shape
		if s.classes == 0 { // numbers to predict may look like classes
			got.classes = 0
		}
		if got != s.shape {
			t.Errorf("%s: %+v, the table says %+v", s.name, got, s.shape)
		}
		count := make([]int, s.classes)
		for _, c := range d.class {
			if s.classes > 0 {
				count[c]++
			}
		}
		if s.classes > 0 && slices.Min(count) < s.rows/(5*s.classes) {
			t.Errorf("%s: classes %v", s.name, count)
		}
		t.Logf("%-16s %d rows of %d, classes %v, %d characters", s.name, d.rows, d.in, count, len(d.text))
	}
}

// TestSplits checks the splits of every task, its own and another, for leaks: no
// row in two, no text in two, and no scale or noise from what is not trained on.
func TestSplits(t *testing.T) {
	for _, task := range All() {
		from, err := sourceOf(task.Data)
		if err != nil {
			t.Fatal(err)
		}
		data, err := from.open()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []uint64{0, 7} {
			d, err := task.Resplit(key).rows()
			if err != nil {
				t.Fatalf("%s: %v", task.Name, err)
			}
			switch total := task.Sizes[0] + task.Sizes[1] + task.Sizes[2]; {
			case d.text != nil:
				checkWindows(t, task, d)
			case d.pair != nil:
				seen := map[[2]int]bool{}
				for _, p := range d.pair {
					seen[p] = true
				}
				if len(seen) != total || len(d.y) != total {
					t.Errorf("%s: %d different elements, want %d", task.Name, len(seen), total)
				}
			default:
				if len(d.x) != total*d.in {
					t.Errorf("%s: %d numbers, want %d rows", task.Name, len(d.x), total)
				}
				checkNoise(t, task, data, d, key)
			}
		}
	}
}

func checkWindows(t *testing.T, task Task, d *dataset[float32]) {
	used := make([]int, len(d.text)) // 1 and the split
	for i, at := range d.at {
		split := 1
		if i >= task.Sizes[TrainSet] {
			split++
		}
		if i >= task.Sizes[TrainSet]+task.Sizes[ValidSet] {
			split++
		}
		for k := at; k <= at+task.Widths[0]; k++ {
			if used[k] != 0 && used[k] != split {
				t.Fatalf("%s: character %d is in splits %d and %d", task.Name, k, used[k], split)
			}
			used[k] = split
		}
	}
}

// checkNoise compares with the same task without noise.
func checkNoise(t *testing.T, task Task, data *Data, d *dataset[float32], key uint64) {
	clean := task.Spec
	clean.Noise = 0
	quiet, err := clean.prepare(data, key)
	if err != nil {
		t.Fatal(err)
	}
	changed := [3]int{}
	for i := range task.Sizes[0] + task.Sizes[1] + task.Sizes[2] {
		split := 0
		for n := i; n >= task.Sizes[split]; split++ {
			n -= task.Sizes[split]
		}
		if d.class != nil && d.class[i] != quiet.class[i] || d.y != nil && d.y[i] != quiet.y[i] {
			changed[split]++
		}
	}
	share := float64(changed[0]) / float64(task.Sizes[0])
	want := task.Noise
	if d.class != nil { // some are drawn as they were
		want *= 1 - 1/float64(task.shape.classes)
	} else if task.Noise > 0 {
		want = 1
	}
	if task.kind() != synthetic && (share < want*0.6 || share > want*1.4) || changed[1]+changed[2] > 0 {
		t.Errorf("%s: %v labels are changed, %v of the training rows, want %v", task.Name, changed, share, want)
	}
}

func TestStandardise(t *testing.T) {
	x := []float32{1, 5, 3, 5, 100, 9}
	standardise(x, 2, 2)
	if !slices.Equal(x, []float32{-1, 0, 1, 0, 98, 4}) {
		t.Errorf("%v", x)
	}
}

// TestResplit: another key is another split and other noise, the same key the same.
func TestResplit(t *testing.T) {
	for _, name := range []string{"digits-noisy", "definibus", "pixels", "rotated-bowl"} {
		task, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		loss := func(task Task) float32 {
			run, err := task.Open(1)
			if err != nil {
				t.Fatal(err)
			}
			return run.Batch(0)
		}
		own, other := loss(task), loss(task.Resplit(9))
		if own == other || loss(task.Resplit(9)) != other || loss(task.Resplit(9).Resplit(0)) != own {
			t.Errorf("%s: losses %v and %v", name, own, other)
		}
	}
}

// TestRotated checks the matrix of a rotated quadratic: the eigenvalues of AᵀA are
// those of the quadratic along the axes, so A·Aᵀ is their diagonal.
func TestRotated(t *testing.T) {
	spec := Spec{Model: "rotated", Widths: []int{20, 1000}, Noise: 1, Sizes: [3]int{1, 1, 1}}
	d := spec.bowl(3, 0)
	spec.Model = "quadratic"
	axes := spec.bowl(3, 0)
	off := 0
	for i := range 20 {
		for j := range 20 {
			var dot, want float64
			for k := range 20 {
				dot += float64(d.matrix[i*20+k]) * float64(d.matrix[j*20+k])
				want += float64(axes.matrix[i*20+k]) * float64(axes.matrix[j*20+k])
			}
			if diff := dot - want; diff > 1e-6 || diff < -1e-6 {
				t.Fatalf("A·Aᵀ[%d,%d] is %v, want %v", i, j, dot, want)
			}
			if i != j && d.matrix[i*20+j] != 0 {
				off++
			}
		}
	}
	if off < 300 || axes.matrix[0] != 1 || axes.matrix[399]*axes.matrix[399] > 0.001001 || axes.matrix[399]*axes.matrix[399] < 0.000999 {
		t.Errorf("%d elements off the diagonal, from %v to %v", off, axes.matrix[0], axes.matrix[399])
	}
}

// TestDigitsSplit checks that no image is in two splits, and that each has all classes.
func TestDigitsSplit(t *testing.T) {
	task, err := Lookup("digits")
	if err != nil {
		t.Fatal(err)
	}
	data, err := task.rows()
	if err != nil {
		t.Fatal(err)
	}
	start := 0
	images := map[string]int{}
	for s, size := range task.Sizes {
		var count [10]int
		for r := start; r < start+size; r++ {
			count[data.class[r]]++
			images[fmt.Sprint(data.input(r))]++
		}
		t.Logf("%s: classes %v", Split(s), count)
		if slices.Min(count[:]) < size/20 || slices.Max(count[:]) > size/6 {
			t.Errorf("%s: classes %v", Split(s), count)
		}
		start += size
	}
	if start != 1797 || len(images) != 1797 {
		t.Errorf("%d rows, %d different images, want 1797", start, len(images))
	}
}

// TestCorruptDigits gives files that are wrong in one way each.
func TestCorruptDigits(t *testing.T) {
	packed, err := files.ReadFile("data/digits.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	text := unzip(t, "digits.csv.gz")
	lines := strings.SplitAfter(text, "\n")
	edit := func(line int, new string) []byte {
		changed := slices.Clone(lines)
		changed[line] = new
		return zip(t, strings.Join(changed, ""))
	}
	if _, err := readPacked(edit(0, lines[0]), readDigits); err != nil {
		t.Errorf("the true text: %v", err)
	}
	for name, file := range map[string][]byte{
		"empty":        {},
		"no gzip":      []byte("0,1,2\n"),
		"truncated":    packed[:len(packed)/2],
		"short":        zip(t, strings.Join(lines[:1796], "")),
		"long":         zip(t, text+lines[0]),
		"field lost":   edit(5, lines[5][2:]),
		"letter":       edit(5, "x"+lines[5][1:]),
		"pixel 17":     edit(5, "17"+lines[5][1:]),
		"class 10":     edit(5, strings.TrimRight(lines[5], "\n")[:len(lines[5])-2]+"10\n"),
		"negative":     edit(5, "-1"+lines[5][1:]),
		"line of 1 MB": edit(5, strings.Repeat("1", 1<<20)),
		"zip bomb":     zip(t, strings.Repeat("\n", 64<<20)),
	} {
		if data, err := readPacked(file, readDigits); err == nil || data != nil {
			t.Errorf("%s: no error", name)
		}
	}
	for i := range 20 {
		file := slices.Clone(packed)
		s := newStream(11, uint64(i))
		file[s.below(len(file))] ^= byte(1 + s.below(255))
		readPacked(file, readDigits) // must not panic; gzip's checksum is not the point
	}
}

func TestReadCSV(t *testing.T) {
	d, err := ReadCSV(strings.NewReader("a,b,kind\r\n\n1, 2.5,yes\r\n-3,4e1,no\n0,0,yes"))
	if err != nil || d.Rows() != 3 || d.Inputs() != 2 || d.Classes() != 2 || !slices.Equal(d.x, []float32{1, 2.5, -3, 40, 0, 0}) || !slices.Equal(d.class, []int{1, 0, 1}) || d.y != nil {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = ReadCSV(strings.NewReader("1,10\n2,9\n3,10\n"))
	if err != nil || !slices.Equal(d.class, []int{1, 0, 1}) || !slices.Equal(d.y, []float32{10, 9, 10}) {
		t.Errorf("classes by value: %+v, %v", d, err)
	}
	d, err = ReadCSV(strings.NewReader("0,3,1.5\n2,0,2\n"))
	if err != nil || d.extent != [2]int{3, 4} {
		t.Errorf("elements of a matrix: %+v, %v", d, err)
	}
	var many strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&many, "%d,w%d\n", i, i)
	}
	for text, want := range map[string]string{
		"":                                       "no rows",
		"\n\n":                                   "no rows",
		"a,b\n":                                  "no rows",
		"1\n":                                    "line 1: one column; inputs and, last, a class or a number are wanted",
		"1,2\n1,2,3\n":                           "line 2: 3 columns, 2 before",
		"1,2\nx,2\n":                             `line 2: column 1 is "x": not a number`,
		"1,2\n1e99,2\n":                          `line 2: column 1 is "1e99": not a finite number of 32 bits`,
		"NaN,2\n":                                `line 1: column 1 is "NaN": not a finite number of 32 bits`,
		"1,2\n,2\n":                              `line 2: column 1 is "": not a number`,
		"1,2\n3,\n":                              "line 2: column 2 is empty",
		"1,x\n3,x\n":                             "column 2 has words, and more than 1000 or less than 2 different ones: no classes",
		many.String():                            "column 2 has words, and more than 1000 or less than 2 different ones: no classes",
		"1,2\n\"1\",2\n":                         `line 2: column 1 is "\"1\"": not a number`,
		"1,2\n\x00\xff,2\n":                      `line 2: column 1 is "\x00\xff": not a number`,
		"1,2\n" + strings.Repeat("9", maxLine+1): "a line is longer than 1048576 bytes",
	} {
		if d, err := ReadCSV(strings.NewReader(text)); err == nil || err.Error() != want || d != nil {
			t.Errorf("%.20q: error %v, want %s", text, err, want)
		}
	}
}

func TestReadText(t *testing.T) {
	d, err := ReadText(strings.NewReader("  Ab, c.\n\n\t\"Z\"—é 7 x"))
	if err != nil || !slices.Equal(d.text, []uint8{3, 4, 1, 0, 5, 2, 0, 28, 0, 26}) {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := ReadText(strings.NewReader("  8 7 ")); err == nil {
		t.Error("a text without letters is taken")
	}
}

// idx is an IDX file of bytes.
func idx(bytes []byte, extents ...uint32) []byte {
	out := []byte{0, 0, 8, byte(len(extents))}
	for _, n := range extents {
		out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, bytes...)
}

func TestReadIDX(t *testing.T) {
	read := func(images, labels []byte) (*Data, error) {
		return ReadIDX(bytes.NewReader(images), bytes.NewReader(labels))
	}
	d, err := read(idx([]byte{1, 2, 3, 4, 255, 0, 7, 8}, 2, 2, 2), idx([]byte{3, 1}, 2))
	if err != nil || d.rows != 2 || d.in != 4 || d.classes != 4 || d.x[4] != 255 || !slices.Equal(d.class, []int{3, 1}) || d.unit != 255 {
		t.Errorf("%+v, %v", d, err)
	}
	good := idx([]byte{1}, 1)
	for _, c := range []struct {
		images, labels []byte
		want           string
	}{
		{nil, good, "images: the head: EOF"},
		{[]byte{0, 0, 8, 3, 0}, good, "images: the head: unexpected EOF"},
		{idx([]byte{1}, 1, 1, 1)[1:], good, "images: begins with 00 08 03 00, not with 00 00 08 03"},
		{idx([]byte{1, 2, 3, 4}, 1, 1), good, "images: begins with 00 00 08 02, not with 00 00 08 03"},
		{idx([]byte{1}, 0, 1, 1), good, "images: extent 1 is 0: with it the file has no bytes, or more than 256 MiB"},
		{idx([]byte{1}, 1<<31, 1<<31, 1<<31), good, "images: extent 1 is 2147483648: with it the file has no bytes, or more than 256 MiB"},
		{idx([]byte{1}, 1<<20, 1<<20, 1), good, "images: extent 2 is 1048576: with it the file has no bytes, or more than 256 MiB"},
		{idx([]byte{1, 2}, 1, 1, 1), good, "images: 2 bytes behind the head, which says 1"},
		{idx([]byte{1}, 1, 2, 1), good, "images: 1 bytes behind the head, which says 2"},
		{idx([]byte{1}, 1, 1, 1), idx([]byte{1, 2}, 2), "1 images, 2 classes"},
		{idx([]byte{1}, 1, 1, 1), nil, "classes: the head: EOF"},
	} {
		if _, err := read(c.images, c.labels); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// TestLoad reads files by their names and trains on what is in them.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pixels, class := make([]byte, 200*16), make([]byte, 200)
	s := newStream(5)
	for i := range class {
		class[i] = byte(s.below(3))
		for k := range 16 {
			pixels[i*16+k] = byte(80*int(class[i]) + s.below(80))
		}
	}
	images := write("train-images-idx3-ubyte.gz", zip(t, string(idx(pixels, 200, 4, 4))))
	write("train-labels-idx1-ubyte.gz", zip(t, string(idx(class, 200))))
	table := write("mine.CSV", []byte(unzip(t, "mpg.csv.gz")))
	ratings := write("ratings.csv", []byte(strings.Repeat("0,1,3\n4,2,5\n1,1,1\n3,0,2\n", 20)))
	text := write("mine.txt.gz", zip(t, strings.Repeat("the cat sat on the mat. ", 300)))
	for _, c := range []struct {
		path string
		spec Spec
	}{
		{images, Spec{Model: "conv", Widths: []int{2}}},
		{images, Spec{Model: "mlp", Widths: []int{8}}},
		{images, Spec{Model: "autoencoder", Widths: []int{3}}},
		{table, Spec{Model: "regression", Widths: []int{8}}},
		{table, Spec{Model: "linear"}},
		{ratings, Spec{Model: "factor", Widths: []int{2}}},
		{text, Spec{Model: "chars", Widths: []int{4, 4, 16}}},
		{text, Spec{Model: "attention", Widths: []int{8, 8, 2, 8}}},
	} {
		data, err := Load(c.path)
		if err != nil {
			t.Fatal(err)
		}
		c.spec.Name, c.spec.Steps = "mine", 100
		task, err := New(c.spec, data)
		if err != nil {
			t.Fatal(err)
		}
		run, err := task.Open(1)
		if err != nil {
			t.Fatal(err)
		}
		before, err := run.Score(ValidSet, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Train(run, adamW(0.02)(run.Values()), task.Steps, nil)
		if after := r.Scores[ValidSet]; err != nil || !(after.Loss < 0.7*before.Loss) {
			t.Errorf("%s: validation loss %v, before %v (%v)", c.spec.Model, after.Loss, before.Loss, err)
		}
	}

	lone := write("lone-images-idx3-ubyte", idx(pixels, 200, 4, 4))
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.csv"):   "no such file or directory",
		dir:                                "not a regular file",
		write("x.parquet", []byte("1")):    "the name must end in .csv or .txt, or contain images-idx3, with or without .gz behind",
		write("x.csv.gz", []byte("1,2\n")): "unexpected EOF",
		write("y.csv.gz", []byte(unzip(t, "iris.csv.gz"))): "gzip: invalid header",
		lone: "classes of the images: no such file or directory",
	} {
		if _, err := Load(path); err == nil || err.Error() != path+": "+want {
			t.Errorf("error %v, want %s: %s", err, path, want)
		}
	}
}

// TestFewRows holds that data too few to split say how many there are and how many are needed, and that so many are enough.
func TestFewRows(t *testing.T) {
	const why = " are needed: 70, 15 and 15 percent are to train on, to choose by and to test on"
	read := func(rows int) *Data {
		d, err := ReadCSV(strings.NewReader(strings.Repeat("1,2,a\n3,4,b\n", rows)[:6*rows]))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	text := func(n int) *Data {
		d, err := ReadText(strings.NewReader(strings.Repeat("a", n)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		data *Data
		spec Spec
		want string
	}{
		{read(3), Spec{Name: "mine", Model: "mlp", Widths: []int{4}}, "task mine: the data have 3 rows, at least 7" + why},
		{read(6), Spec{Name: "mine", Model: "logistic"}, "task mine: the data have 6 rows, at least 7" + why},
		{read(7), Spec{Name: "mine", Model: "logistic"}, ""},
		{read(3), Spec{Name: "mine", Model: "mlp"}, "task mine: model mlp has 1 widths, not 0: hidden..."},
		{text(49), Spec{Name: "mine", Model: "chars", Widths: []int{4, 2, 2}}, "task mine: the text has 49 characters, at least 50" + why},
		{text(50), Spec{Name: "mine", Model: "chars", Widths: []int{4, 2, 2}}, ""},
	} {
		got := ""
		if _, err := New(c.spec, c.data); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.spec, got, c.want)
		}
	}
}

// TestSpecs gives New what cannot be, and what would take all memory.
func TestSpecs(t *testing.T) {
	iris, err := embedded("iris.csv.gz", ReadCSV)
	if err != nil {
		t.Fatal(err)
	}
	text, err := embedded("definibus.txt.gz", ReadText)
	if err != nil {
		t.Fatal(err)
	}
	words, err := ReadCSV(strings.NewReader("x1,label\n" + strings.Repeat("3,cat\n4,dog\n", 50)))
	if err != nil {
		t.Fatal(err)
	}
	sizes := [3]int{90, 30, 30}
	for _, c := range []struct {
		data *Data
		spec Spec
		want string
	}{
		{iris, Spec{Model: "gru"}, `unknown model "gru" (known: ` + strings.Join(Models(), ", ") + ")"},
		{iris, Spec{Model: "mlp"}, "model mlp has 1 widths, not 0: hidden..."},
		{iris, Spec{Model: "logistic", Widths: []int{3}}, "model logistic has 0 widths, not 1: "},
		{iris, Spec{Model: "mlp", Widths: []int{0}}, "a width of 0: 1 to 16384 are possible"},
		{iris, Spec{Model: "mlp", Widths: []int{1 << 30}}, "a width of 1073741824: 1 to 16384 are possible"},
		{iris, Spec{Model: "mlp", Widths: []int{16384, 16384}}, "268582915 parameters: 16777216 are possible"},
		{iris, Spec{Model: "mlp", Widths: slices.Repeat([]int{1}, 300)}, "300 layers"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Sizes: [3]int{90, 30, 31}}, "150 rows, 151 are asked for"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Sizes: [3]int{90, 0, 30}}, "0 rows to valid: 1 to 67108864 are possible"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Sizes: sizes, BatchSize: -91}, "batches of -91: 1 to 90 are possible"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Sizes: sizes, BatchSize: -1}, "batches of -1: 1 to 90 are possible"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Sizes: sizes, Steps: -1}, "-1 steps"},
		{iris, Spec{Model: "mlp", Widths: []int{4}, Noise: 1.5}, "noise of 1.5"},
		{iris, Spec{Model: "autoencoder", Widths: []int{4}, Noise: 0.5}, "model autoencoder has no labels to make noisy"},
		{iris, Spec{Model: "conv", Widths: slices.Repeat([]int{1}, 17)}, "17 layers"},
		{iris, Spec{Model: "chars", Widths: []int{1, 1, 1}}, "model chars wants text"},
		{iris, Spec{Model: "factor", Widths: []int{1}}, "model factor wants elements of a matrix"},
		{text, Spec{Model: "mlp", Widths: []int{1}}, "model mlp wants inputs with a class"},
		{text, Spec{Model: "linear"}, "model linear wants inputs with a number"},
		{words, Spec{Model: "linear"}, "model linear wants inputs with a number, and the last column has words: give it numbers to predict, or take a model of classes such as mlp"},
		{words, Spec{Model: "regression", Widths: []int{2}}, "model regression wants inputs with a number, and the last column has words: give it numbers to predict, or take a model of classes such as mlp"},
		{text, Spec{Model: "autoencoder", Widths: []int{2}}, "model autoencoder wants inputs"},
		{text, Spec{Model: "attention", Widths: []int{8, 8, 3, 8}}, "3 heads do not divide a width of 8"},
		{text, Spec{Model: "attention", Widths: []int{16384, 8, 8, 8}, Sizes: sizes}, "batches of 64 rows of this model need more than 268435456 numbers"},
		{nil, Spec{Model: "quadratic", Widths: []int{4, 4}}, "0 rows to train: 1 to 67108864 are possible"},
		{nil, Spec{Model: "quadratic", Widths: []int{16384, 4}, Sizes: sizes}, "matrices of 268435456 numbers: 16777216 are possible"},
	} {
		if _, err := New(c.spec, c.data); err == nil || err.Error() != "task : "+c.want {
			t.Errorf("%v: error %v, want %s", c.spec, err, c.want)
		}
	}
	if task, err := New(Spec{Model: "chars", Widths: []int{9000, 1, 1}, Sizes: [3]int{40000, 1000, 1000}}, text); err == nil {
		if _, err := task.Open(1); err == nil {
			t.Error("windows longer than the text are taken")
		}
	}
	if _, err := New(Spec{Model: "mlp", Widths: []int{2}, Data: "mnist"}, nil); err == nil || !strings.HasPrefix(err.Error(), `task : unknown data "mnist" (known: digits, iris, `) {
		t.Errorf("error %v", err)
	}
	row, err := Lookup("definibus") // a row of the table with another shape
	if err != nil {
		t.Fatal(err)
	}
	row.Spec.Widths, row.Spec.Sizes = []int{4, 6, 20}, [3]int{}
	task, err := New(row.Spec, nil)
	if err != nil || task.Elements() != 29*6+24*20+20+20*29+29 || task.Sizes != [3]int{6828, 1463, 1463} {
		t.Errorf("%d elements, sizes %v, %v", task.Elements(), task.Sizes, err)
	}
	if _, err := task.Open(1); err != nil {
		t.Error(err)
	}
	if _, err := (Task{}).Open(1); err == nil {
		t.Error("a task of nothing opens")
	}
}

// TestDigest holds that the digest is of the bytes of a file, and of nothing that is no file.
func TestDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	text := []byte("1,2\n3,4\n")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if d, err := Digest(path); err != nil || d != sha256.Sum256(text) {
		t.Errorf("%x, %v", d, err)
	}
	if _, err := Digest(filepath.Dir(path)); err == nil || err.Error() != filepath.Dir(path)+": not a regular file" {
		t.Errorf("of a folder: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("0,0,1\n1,1,2\n"))
	f.Add([]byte("0,A\n0,0\n0,0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ReadCSV(bytes.NewReader(text))
		if (d == nil) == (err == nil) {
			t.Fatal("neither data nor an error, or both")
		}
		if err != nil {
			return
		}
		if len(d.x) != d.rows*d.in || d.class != nil && (len(d.class) != d.rows || slices.Max(d.class) >= d.classes) || d.y != nil && len(d.y) != d.rows {
			t.Fatalf("%+v", d)
		}
		for _, model := range []string{"logistic", "linear", "conv", "factor"} {
			spec := Spec{Model: model, Widths: []int{1}, Sizes: [3]int{1, 1, 1}, Steps: 2}
			if model == "logistic" || model == "linear" {
				spec.Widths = nil
			}
			if task, err := New(spec, d); err == nil {
				run, err := task.Open(1)
				if err != nil {
					t.Fatal(err)
				}
				run.Batch(0)
			}
		}
	})
}

func FuzzReadIDX(f *testing.F) {
	f.Add(idx([]byte{1, 2, 3, 4}, 1, 2, 2), idx([]byte{1}, 1))
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		if d, err := ReadIDX(bytes.NewReader(images), bytes.NewReader(labels)); err == nil && (len(d.x) != d.rows*d.in || len(d.class) != d.rows) {
			t.Fatalf("%+v", d)
		}
	})
}
