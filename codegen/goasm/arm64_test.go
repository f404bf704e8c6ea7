package goasm

import (
	"bufio"
	"bytes"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wordsFile holds, for instructions in the syntax of Arm's manual, the words that llvm-mc makes of them.
const wordsFile = "testdata/arm64_words.txt"

// TestWords holds every encoding, with every bit of every register, to what llvm-mc says of the instruction that stands
// in the comment beside it. With -update it asks llvm-mc again when there are other instructions than before.
func TestWords(t *testing.T) {
	got := map[string]string{}
	for _, l := range wordLines(t) {
		word, text, ok := splitWord(l)
		if !ok {
			t.Fatalf("no word and instruction in %q", l)
		}
		got[armSyntax(t, text)] = word
	}
	want := readWords(t)
	if *update && !maps.EqualFunc(got, want, func(string, string) bool { return true }) {
		want = askAssembler(t, slices.Sorted(maps.Keys(got)))
	}
	for text, word := range got {
		if want[text] != word {
			t.Errorf("%s: encoded as %s, want %q; go test -update asks llvm-mc about new instructions", text, word, want[text])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s has %d instructions, want %d", wordsFile, len(want), len(got))
	}
}

// wordLines are the instructions that are printed as words: each with registers that between them have every bit alone.
func wordLines(t *testing.T) []string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(encodings)) {
		mnemonic, _, number := strings.Cut(key, " ")
		for _, d := range dtypes {
			examples := exampleOperands(mnemonic, number, d)
			if examples == nil {
				t.Errorf("no row uses %s", key)
			}
			for _, text := range examples {
				lines = append(lines, armLine(d, mnemonic, "", strings.Split(text, ", ")))
			}
		}
	}
	for bit := range 5 {
		n := 1 << bit
		for _, address := range []string{fmt.Sprintf("(R%d)(R0)", n), fmt.Sprintf("(R0)(R%d)", n), "(R25)(R5)"} {
			for _, v := range []int{0, n} {
				lines = append(lines,
					armLine(F32, "FMOVQ", "", []string{address, fmt.Sprintf("V%d", v)}),
					armLine(F32, "FMOVQ", "", []string{fmt.Sprintf("V%d", v), address}))
			}
		}
	}
	return lines
}

// exampleOperands are operands for a mnemonic; how many, the rows say.
func exampleOperands(mnemonic string, number bool, d DType) []string {
	var list []string
	for s := range neonSteps() {
		if s.mnemonic != mnemonic || (s.imm != "") != number {
			continue
		}
		prefix := ""
		if number {
			prefix = letters[d].Replace(s.imm) + ", "
		}
		for place := range len(s.in) + 1 {
			for bit := range 5 {
				registers := slices.Repeat([]string{"V0"}, len(s.in)+1)
				registers[place] = fmt.Sprintf("V%d", 1<<bit)
				list = append(list, prefix+strings.Join(registers, ", "))
			}
		}
	}
	return list
}

// neonSteps runs over the steps of all rows.
func neonSteps() iter.Seq[step] {
	return func(yield func(step) bool) {
		for _, rows := range []map[string]row{neon.rows, neon.parts} {
			for _, r := range rows {
				for _, s := range r.steps {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// splitWord takes a line apart into its word and the instruction in its comment.
func splitWord(l string) (word, text string, ok bool) {
	m := regexp.MustCompile(`^\tWORD \$0x([0-9a-f]{8}) // ([^;]+)`).FindStringSubmatch(l)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// armSyntax writes an instruction of Go's as Arm's manual does: result first, types below.
func armSyntax(t *testing.T, text string) string {
	t.Helper()
	mnemonic, rest, _ := strings.Cut(text, " ")
	operands := strings.Split(rest, ", ")
	var q, base, index int
	if n, _ := fmt.Sscanf(rest, "(R%d)(R%d), F%d", &base, &index, &q); n == 3 && mnemonic == "FMOVQ" {
		return fmt.Sprintf("ldr q%d, [x%d, x%d]", q, base, index)
	}
	if n, _ := fmt.Sscanf(rest, "F%d, (R%d)(R%d)", &q, &base, &index); n == 3 && mnemonic == "FMOVQ" {
		return fmt.Sprintf("str q%d, [x%d, x%d]", q, base, index)
	}
	slices.Reverse(operands)
	for i, o := range operands {
		o = strings.NewReplacer("V", "v", ".S4", ".4s", ".D2", ".2d", ".B16", ".16b", "$0", "#0.0", "$", "#").Replace(o)
		operands[i] = o
	}
	if mnemonic[0] != 'V' {
		t.Fatalf("unknown instruction %s", text)
	}
	return strings.ToLower(mnemonic[1:]) + " " + strings.Join(operands, ", ")
}

func readWords(t *testing.T) map[string]string {
	t.Helper()
	words := map[string]string{}
	data, err := os.ReadFile(wordsFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if word, text, ok := strings.Cut(s.Text(), " "); ok {
			words[text] = word
		}
	}
	return words
}

// askAssembler has llvm-mc encode instructions, and keeps the answer.
func askAssembler(t *testing.T, texts []string) map[string]string {
	t.Helper()
	cmd := exec.Command("llvm-mc", "-triple=aarch64", "-show-encoding")
	cmd.Stdin = strings.NewReader(strings.Join(texts, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("llvm-mc: %v", err)
	}
	encoded := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	if len(encoded) != len(texts) {
		t.Fatalf("llvm-mc gives %d encodings for %d instructions", len(encoded), len(texts))
	}
	words := map[string]string{}
	var b bytes.Buffer
	for i, e := range encoded {
		words[texts[i]] = e[4] + e[3] + e[2] + e[1]
		fmt.Fprintf(&b, "%s %s\n", words[texts[i]], texts[i])
	}
	write(t, ".", wordsFile, b.Bytes())
	return words
}

// TestNEONRegisters holds NEON code to the registers that it may use, and its words to instructions of the table.
func TestNEONRegisters(t *testing.T) {
	reserved := regexp.MustCompile(`\bR(18|2[6-9]|3\d)\b|\bg\b`)
	kernels := append(hardKernels(), fastKernels()...)
	for _, k := range kernels {
		for _, d := range dtypes {
			body, err := Emit(NEON, d, "k", k)
			if err != nil {
				t.Fatal(err)
			}
			for l := range strings.Lines(string(body)) {
				code, _, _ := strings.Cut(l, "//")
				if found := reserved.FindString(code); found != "" {
					t.Fatalf("NEON code mentions %s: %s", found, l)
				}
				if _, _, ok := splitWord(l); strings.Contains(code, "WORD") && !ok {
					t.Fatalf("a word without its instruction: %s", l)
				}
			}
		}
	}
}
