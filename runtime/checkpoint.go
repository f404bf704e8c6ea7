package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// Checkpoints are safetensors files (https://github.com/huggingface/safetensors): the length of the header in 8 bytes,
// little-endian; a JSON header; the tensors without gaps.
//
// A state that is an array is a tensor state/STATE/PARAM for every parameter that keeps it, in the element type or in the
// format that it is kept in: of the parameter's shape if it has a value an element, else a vector or a matrix. The
// scales of q8 are a tensor scales/STATE/PARAM beside it; its codes (I8, or U8 of the map without sign) are those of package
// elem. A parameter that Blocks cuts has a tensor a block instead, and
// PARAM is NAME[FIRST_ROW:END,FIRST_COL:END]. Any other state is one F64 tensor state/STATE: without dimensions for one value a model, a vector by group
// or by parameter otherwise. The metadata say whose they are, and hold the step counter and the hyperparameters; their
// checksum covers the other metadata and the tensors.
const (
	metadataKey   = "__metadata__"
	formatVersion = "2" // since 2, q8 codes are the upper bits of a float and draws go by blocks of 64

	keyFormat   = "optc.format"
	keyRule     = "optc.rule"
	keyDigest   = "optc.digest"
	keyDtype    = "optc.dtype"
	keySteps    = "optc.steps"
	keyHypers   = "optc.hypers" // a line a group of NAME=VALUE
	keyParams   = "optc.params" // JSON: name, shape and group of each
	keySeed     = "optc.seed"   // of rules that draw random values
	keyBlocks   = "optc.blocks" // of parameters in blocks: their size
	keyChecksum = "optc.sha256"
)

// maxSteps bounds the step counter: as a float64, in which rules see it, it must be exact.
const maxSteps = 1 << 53

// checkpoint is the content of a file: what State writes, and LoadState reads before it changes anything.
type checkpoint[T Float] struct {
	metadata map[string]string
	tensors  []savedTensor[T] // in the order of the data
}

// savedTensor is a tensor of a checkpoint with its values in one of the two types.
type savedTensor[T Float] struct {
	name  string
	shape []int
	wide  []float64 // of step values
	elems []T
	kept  keptBits // of storage formats
	sum   []byte   // SHA-256 of the bytes
}

// keptBits are values in a storage format, as they stand in the file; nil for others.
type keptBits interface {
	dtype() string
	bytes() int
	encode(w io.Writer) error
	decode(r io.Reader) error
}

// bits are the values of a storage format.
type bits[E uint16 | int8 | uint8 | float32] struct {
	name   string
	values []E
}

func (b bits[E]) dtype() string { return b.name }
func (b bits[E]) bytes() int    { return len(b.values) * int(unsafe.Sizeof(E(0))) }

func (b bits[E]) encode(w io.Writer) error {
	for part := range slices.Chunk(b.values, bufferBytes) {
		if err := binary.Write(w, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return nil
}

func (b bits[E]) decode(r io.Reader) error {
	for part := range slices.Chunk(b.values, bufferBytes) {
		if err := binary.Read(r, binary.LittleEndian, part); err != nil {
			return truncated(err)
		}
	}
	return nil
}

// headerEntry is a tensor in the header.
type headerEntry struct {
	Dtype   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

type paramEntry struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	Group int    `json:"group"`
}

// State writes a checkpoint: all states, the step counter and the hyperparameters, but not the parameters, which are
// the user's to save with them. The file is in the safetensors format. Training that goes on from it in a new
// optimizer over the same parameters has the same bits as without it.
func (o *Optimizer[T]) State(w io.Writer) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.snapshot().write(w); err != nil {
		return fmt.Errorf("%s: writing a checkpoint: %w", o.rule.Name, err)
	}
	return nil
}

// LoadState reads a checkpoint that State wrote, for the same rule, element type, parameter names, shapes, groups and
// [Blocks]:
// the states, the step counter and the hyperparameters become what they were. r must end where the checkpoint ends.
// Any difference or damage is an error, and then nothing has changed. It takes memory for the states once more while
// it reads.
func (o *Optimizer[T]) LoadState(r io.Reader) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.load(r); err != nil {
		return fmt.Errorf("%s: checkpoint: %w", o.rule.Name, err)
	}
	return nil
}

// snapshot describes the optimizer as it is; the tensors share its memory, but those of frames.
func (o *Optimizer[T]) snapshot() *checkpoint[T] {
	return &checkpoint[T]{o.metadata(), o.savedTensors(o.states, o.narrow)}
}

func (o *Optimizer[T]) metadata() map[string]string {
	lines := make([]string, len(o.groups))
	for g := range o.groups {
		lines[g] = o.formatHypers(g)
	}
	metadata := map[string]string{
		keyFormat: formatVersion,
		keyRule:   o.rule.Name,
		keyDigest: o.rule.Digest,
		keyDtype:  dtype[T](),
		keySteps:  strconv.FormatInt(o.steps.Load(), 10),
		keyHypers: strings.Join(lines, "\n"),
		keyParams: o.paramEntries(),
	}
	if o.rule.Draws {
		metadata[keySeed] = strconv.FormatUint(o.seed, 10)
	}
	if o.grid != nil {
		metadata[keyBlocks] = strconv.Itoa(o.grid.n)
	}
	return metadata
}

func (o *Optimizer[T]) formatHypers(group int) string {
	words := make([]string, len(o.rule.Hypers))
	for i, v := range o.hypersOf(group) {
		words[i] = o.rule.Hypers[i].Name + "=" + formatNumber(v)
	}
	return strings.Join(words, " ")
}

func (o *Optimizer[T]) paramEntries() string {
	entries := make([]paramEntry, len(o.users))
	for i, p := range o.users {
		entries[i] = paramEntry{p.Name, append([]int{}, p.Shape...), o.GroupOf(i)}
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(err) // strings and integers always have a JSON form
	}
	return string(text)
}

// savedTensors are the tensors of a checkpoint, those of the wider types first, which aligns all of them. Their
// elements are those of states and narrows.
func (o *Optimizer[T]) savedTensors(states [][][]T, narrows [][]*narrow[T]) []savedTensor[T] {
	var out []savedTensor[T]
	for i, s := range o.rule.States {
		if !s.Extent.isArray() {
			out = append(out, o.savedFrames(s))
			continue
		}
		for k, p := range o.params {
			if !o.keeps(i, k) {
				continue
			}
			t := savedTensor[T]{name: "state/" + s.Name + "/" + p.Name, shape: o.shapeOf(s.Extent, k)}
			if s.Format == "" {
				t.elems = states[i][k]
				out = append(out, t)
				continue
			}
			var scales keptBits
			t.kept, scales = narrows[i][k].kept()
			out = append(out, t)
			if scales != nil {
				out = append(out, savedTensor[T]{name: "scales/" + s.Name + "/" + p.Name, shape: []int{scales.bytes() / 4}, kept: scales})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b savedTensor[T]) int { return b.width() - a.width() })
	return out
}

// shapeOf is the shape of a parameter's array of an extent.
func (o *Optimizer[T]) shapeOf(e Extent, param int) []int {
	rows, cols := o.axis(Rows, param), o.axis(Cols, param)
	switch e {
	case PerRow:
		return []int{rows}
	case PerCol:
		return []int{cols}
	case PerRowRow:
		return []int{rows, rows}
	case PerColCol:
		return []int{cols, cols}
	case PerColRow:
		return []int{cols, rows}
	}
	return o.params[param].Shape
}

// kept are the values of a narrow state and, of q8, its scales.
func (s *narrow[T]) kept() (values, scales keptBits) {
	switch s.format {
	case "q8":
		return bits[int8]{"I8", s.signed}, bits[float32]{"F32", s.scales}
	case "q8root":
		return bits[uint8]{"U8", s.root}, bits[float32]{"F32", s.scales}
	}
	if s.format == "f16" {
		return bits[uint16]{"F16", s.half}, nil
	}
	return bits[uint16]{"BF16", s.half}, nil
}

func (o *Optimizer[T]) savedFrames(s State) savedTensor[T] {
	saved := savedTensor[T]{name: "state/" + s.Name}
	for _, frame := range o.framesOf(s.Extent) {
		saved.wide = append(saved.wide, frame[s.Slot])
	}
	if s.Extent != PerModel {
		saved.shape = []int{len(saved.wide)}
	}
	return saved
}

func dtype[T Float]() string {
	if unsafe.Sizeof(T(0)) == 4 {
		return "F32"
	}
	return "F64"
}

// width is the size of a value in bytes.
func (t *savedTensor[T]) width() int {
	return map[string]int{"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I8": 1, "U8": 1}[t.dtype()]
}

func (t *savedTensor[T]) dtype() string {
	if t.kept != nil {
		return t.kept.dtype()
	}
	if t.wide != nil {
		return dtype[float64]()
	}
	return dtype[T]()
}

func (t *savedTensor[T]) bytes() int {
	if t.kept != nil {
		return t.kept.bytes()
	}
	return len(t.wide)*8 + len(t.elems)*int(unsafe.Sizeof(T(0)))
}

// header is the JSON header with the checksum, padded so that the tensors are aligned.
func (c *checkpoint[T]) header(checksum string) []byte {
	metadata := maps.Clone(c.metadata)
	metadata[keyChecksum] = checksum
	entries := map[string]any{metadataKey: metadata}
	offset := 0
	for _, t := range c.tensors {
		end := offset + t.bytes()
		entries[t.name] = headerEntry{t.dtype(), append([]int{}, t.shape...), []int{offset, end}}
		offset = end
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(err) // strings and integers always have a JSON form
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return text
}

func (c *checkpoint[T]) write(w io.Writer) error {
	for i := range c.tensors {
		sum := sha256.New()
		if err := c.tensors[i].encode(sum); err != nil {
			return err
		}
		c.tensors[i].sum = sum.Sum(nil)
	}
	header := c.header(c.checksum(c.metadata))
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	if _, err := w.Write(append(length, header...)); err != nil {
		return err
	}
	for i := range c.tensors {
		if err := c.tensors[i].encode(w); err != nil {
			return err
		}
	}
	return nil
}

// checksum is the SHA-256 over our metadata and the sums of the tensors by name, so that it does not depend on how a
// program that copies the checkpoint orders it.
func (c *checkpoint[T]) checksum(metadata map[string]string) string {
	sum := sha256.New()
	for _, key := range []string{keyFormat, keyRule, keyDigest, keyDtype, keySteps, keyHypers, keyParams, keySeed, keyBlocks} {
		if (key == keySeed || key == keyBlocks) && metadata[key] == "" {
			continue
		}
		fmt.Fprintf(sum, "%q=%q\n", key, metadata[key])
	}
	byName := func(a, b savedTensor[T]) int { return strings.Compare(a.name, b.name) }
	for _, t := range slices.SortedFunc(slices.Values(c.tensors), byName) {
		fmt.Fprintf(sum, "%q=%x\n", t.name, t.sum)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

const bufferBytes = 64 << 10

// encode writes the values, little-endian.
func (t *savedTensor[T]) encode(w io.Writer) error {
	if t.kept != nil {
		return t.kept.encode(w)
	}
	buffer := make([]byte, min(t.bytes(), bufferBytes))
	if err := encode(t.wide, buffer, w); err != nil {
		return err
	}
	return encode(t.elems, buffer, w)
}

func encode[T Float](values []T, buffer []byte, w io.Writer) error {
	width := int(unsafe.Sizeof(T(0)))
	for part := range slices.Chunk(values, bufferBytes/width) {
		for i, v := range part {
			if width == 4 {
				binary.LittleEndian.PutUint32(buffer[4*i:], math.Float32bits(float32(v)))
			} else {
				binary.LittleEndian.PutUint64(buffer[8*i:], math.Float64bits(float64(v)))
			}
		}
		if _, err := w.Write(buffer[:len(part)*width]); err != nil {
			return err
		}
	}
	return nil
}

// decode reads the values.
func (t *savedTensor[T]) decode(r io.Reader) error {
	if t.kept != nil {
		return t.kept.decode(r)
	}
	buffer := make([]byte, min(t.bytes(), bufferBytes))
	if err := decode(t.wide, buffer, r); err != nil {
		return err
	}
	return decode(t.elems, buffer, r)
}

func decode[T Float](values []T, buffer []byte, r io.Reader) error {
	width := int(unsafe.Sizeof(T(0)))
	for part := range slices.Chunk(values, bufferBytes/width) {
		if _, err := io.ReadFull(r, buffer[:len(part)*width]); err != nil {
			return truncated(err)
		}
		for i := range part {
			if width == 4 {
				part[i] = T(math.Float32frombits(binary.LittleEndian.Uint32(buffer[4*i:])))
			} else {
				part[i] = T(math.Float64frombits(binary.LittleEndian.Uint64(buffer[8*i:])))
			}
		}
	}
	return nil
}

// load reads everything into memory of its own, and takes it over at the end.
func (o *Optimizer[T]) load(r io.Reader) error {
	states, narrows := o.newStates()
	expected := &checkpoint[T]{o.metadata(), o.savedTensors(states, narrows)}
	text, err := readHeader(r, len(expected.header("")))
	if err != nil {
		return err
	}
	metadata, entries, err := parseHeader(text)
	if err != nil {
		return err
	}
	steps, hypers, err := o.checkMetadata(expected.metadata, metadata)
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(metadata[keySeed], 10, 64)
	if o.rule.Draws && err != nil {
		return fmt.Errorf("seed %s: no number", shorten(metadata[keySeed]))
	}
	if err := expected.arrange(entries); err != nil {
		return err
	}
	if err := expected.readData(r, metadata); err != nil {
		return err
	}
	o.steps.Store(steps)
	o.model[ModelT] = float64(steps)
	o.states, o.narrow = states, narrows
	if o.rule.Draws {
		o.seed = seed
	}
	for g, values := range hypers {
		copy(o.hypersOf(g), values)
	}
	o.setFrameStates(expected)
	return nil
}

func (o *Optimizer[T]) setFrameStates(c *checkpoint[T]) {
	saved := make(map[string][]float64)
	for _, t := range c.tensors {
		saved[t.name] = t.wide
	}
	for _, s := range o.rule.States {
		for i, frame := range o.framesOf(s.Extent) {
			frame[s.Slot] = saved["state/"+s.Name][i]
		}
	}
}

// readHeader reads the header, which another program may have written with other spaces and escapes, but not with
// anything that makes it many times longer than ours.
func readHeader(r io.Reader, expected int) ([]byte, error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, truncated(err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > uint64(expected)*4+4096 {
		return nil, fmt.Errorf("a header of %d bytes%s where %d were expected: no checkpoint of this optimizer", n, blocksAtStart(r), expected)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, truncated(err)
	}
	if n == 0 || text[0] != '{' {
		return nil, errors.New("the header does not start with {: no safetensors file")
	}
	return text, nil
}

func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("truncated")
	}
	return err
}

// parseHeader splits the header into metadata and tensors, each name once.
func parseHeader(text []byte) (map[string]string, map[string]headerEntry, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	var metadata map[string]string
	entries := make(map[string]headerEntry)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("header: %w", err)
		}
		name := token.(string) // a key: the decoder admits nothing else here
		if _, twice := entries[name]; twice || name == metadataKey && metadata != nil {
			return nil, nil, fmt.Errorf("header: %q stands there twice", name)
		}
		if name == metadataKey {
			err = d.Decode(&metadata)
		} else {
			var e headerEntry
			err = d.Decode(&e)
			entries[name] = e
		}
		if err != nil {
			return nil, nil, fmt.Errorf("header: %q: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimRight(text[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, nil, errors.New("header: something follows its closing brace")
	}
	return metadata, entries, nil
}

// checkMetadata checks whose checkpoint it is and returns the step counter and the hyperparameters by group.
func (o *Optimizer[T]) checkMetadata(want, got map[string]string) (steps int64, hypers [][]float64, err error) {
	if got[keyFormat] != formatVersion {
		return 0, nil, fmt.Errorf("%s is %q, want %q: not written by an optimizer of this version", keyFormat, got[keyFormat], formatVersion)
	}
	for _, c := range []struct{ key, what string }{
		{keyRule, "of the rule"},
		{keyDigest, "of another version of the rule, with digest"},
		{keyDtype, "of the element type"},
		{keyParams, "of other parameters or groups,"},
	} {
		if got[c.key] != want[c.key] {
			return 0, nil, fmt.Errorf("it is %s %s, want %s", c.what, shorten(got[c.key]), shorten(want[c.key]))
		}
	}
	if got[keyBlocks] != want[keyBlocks] {
		return 0, nil, fmt.Errorf("it is of %s, this optimizer has %s: build it with the same Blocks", blocksText(got[keyBlocks]), blocksText(want[keyBlocks]))
	}
	steps, err = strconv.ParseInt(got[keySteps], 10, 64)
	if err != nil || steps < 0 || steps > maxSteps {
		return 0, nil, fmt.Errorf("step counter %s: not a count", shorten(got[keySteps]))
	}
	lines := strings.Split(got[keyHypers], "\n")
	if len(lines) != len(o.groups) {
		return 0, nil, fmt.Errorf("hyperparameters of %d groups, there are %d", len(lines), len(o.groups))
	}
	for g, line := range lines {
		values, err := o.rule.parseHypers(g, line)
		if err != nil {
			return 0, nil, err
		}
		hypers = append(hypers, values)
	}
	return steps, hypers, nil
}

// shorten quotes a string for an error message.
func shorten(s string) string {
	const limit = 200
	if len(s) > limit {
		return fmt.Sprintf("%.*q...", limit, s)
	}
	return strconv.Quote(s)
}

func (r *Rule) parseHypers(group int, line string) ([]float64, error) {
	words := strings.Fields(line)
	values := make([]float64, 0, len(r.Hypers))
	for i, word := range words {
		name, text, _ := strings.Cut(word, "=")
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || i >= len(r.Hypers) || name != r.Hypers[i].Name {
			return nil, fmt.Errorf("group %d: hyperparameter %s: there are %s", group, shorten(word), r.hyperNames())
		}
		values = append(values, v)
	}
	return values, r.checkHypers(group, values)
}

// arrange checks the header's tensors against the expected ones and puts those into the order of the data.
func (c *checkpoint[T]) arrange(entries map[string]headerEntry) error {
	for _, t := range c.tensors {
		e, ok := entries[t.name]
		if !ok {
			return fmt.Errorf("tensor %q is missing", t.name)
		}
		if e.Dtype != t.dtype() || !slices.Equal(e.Shape, t.shape) {
			return fmt.Errorf("tensor %q is %s %v, want %s %v", t.name, shorten(e.Dtype), e.Shape, t.dtype(), t.shape)
		}
		if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || e.Offsets[1]-e.Offsets[0] != t.bytes() {
			return fmt.Errorf("tensor %q has the offsets %v, want two that are %d apart", t.name, e.Offsets, t.bytes())
		}
	}
	if len(entries) != len(c.tensors) {
		return fmt.Errorf("%d tensors, want %d: %s", len(entries), len(c.tensors), c.surplus(entries))
	}
	slices.SortStableFunc(c.tensors, func(a, b savedTensor[T]) int {
		return slices.Compare(entries[a.name].Offsets, entries[b.name].Offsets)
	})
	end := 0
	for _, t := range c.tensors {
		offsets := entries[t.name].Offsets
		if offsets[0] != end {
			return fmt.Errorf("tensor %q starts at %d, the one before it ends at %d", t.name, offsets[0], end)
		}
		end = offsets[1]
	}
	return nil
}

// surplus names a tensor of the header that was not expected.
func (c *checkpoint[T]) surplus(entries map[string]headerEntry) string {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if !slices.ContainsFunc(c.tensors, func(t savedTensor[T]) bool { return t.name == name }) {
			return shorten(name) + " is none of this rule"
		}
	}
	return "names repeat"
}

// readData fills the tensors, and checks the checksum and that nothing follows.
func (c *checkpoint[T]) readData(r io.Reader, metadata map[string]string) error {
	for i := range c.tensors {
		sum := sha256.New()
		if err := c.tensors[i].decode(io.TeeReader(r, sum)); err != nil {
			return err
		}
		c.tensors[i].sum = sum.Sum(nil)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return errors.New("something follows the last tensor")
	} else if err != io.EOF {
		return err
	}
	if c.checksum(metadata) != metadata[keyChecksum] {
		return errors.New("the checksum does not match: the file is damaged")
	}
	return nil
}
