package lang

import (
	"fmt"

	"github.com/alecthomas/participle/v2/lexer"
)

// Limits of a file. They bound the recursion of whoever walks a tree:
// no tree is deeper than MaxNesting + MaxOperators nodes.
const (
	MaxFileSize  = 1 << 20 // bytes
	MaxNesting   = 256     // brackets, braces, unary and ^ chains, postfix chains and else-chains, taken together
	MaxOperators = 10000   // infix operators of one statement
)

// depthMeter follows how deep a parser of the tokens it is shown would stand.
type depthMeter struct {
	open      []opened
	sum       int  // of the chains of open
	chain     int  // of prefixes, powers and postfixes at this level, or else-branches
	operators int  // since the statement began
	operand   bool // the token before ended an operand
}

// opened is an open bracket with the chain outside it.
type opened struct {
	brace bool
	chain int
}

// step takes a token and the one after it; a message tells which limit the token exceeds.
func (m *depthMeter) step(t, next *lexer.Token) string {
	switch {
	case t.Type == tokEnd:
		m.closeBrackets()
		m.chain, m.operators, m.operand = 0, 0, false
	case t.Type == tokName:
		m.word(t.Value)
	case t.Type == tokOp:
		m.op(t.Value, next)
	default:
		m.operand = true
	}
	switch {
	case len(m.open)+m.sum+m.chain > MaxNesting:
		return fmt.Sprintf("nested deeper than %d levels", MaxNesting)
	case m.operators > MaxOperators:
		return fmt.Sprintf("more than %d operators in one statement", MaxOperators)
	}
	return ""
}

func (m *depthMeter) word(word string) {
	switch word {
	case "not", "else":
		m.chain++
	case "and", "or":
		m.chain = 0
		m.operators++
	}
	m.operand = !Reserved(word)
}

func (m *depthMeter) op(op string, next *lexer.Token) {
	row, binary := infix[op]
	switch op {
	case "(", "[", "{":
		m.open = append(m.open, opened{op == "{", m.chain})
		m.sum += m.chain
		m.chain, m.operand = 0, false
	case ")", "]", "}":
		m.close(op)
	case "'":
		if !isOp(next, "(") {
			m.chain++
		}
	case ",", ";":
		m.chain, m.operand = 0, false
	case "-":
		if !m.operand {
			m.chain++
			return
		}
		fallthrough
	default:
		m.operand = false
		if !binary {
			return
		}
		m.operators++
		if row.Right {
			m.chain++
		} else {
			m.chain = 0
		}
	}
}

// top reports whether the innermost open bracket is a brace, and whether there is one at all.
func (m *depthMeter) top() (brace, ok bool) {
	if len(m.open) == 0 {
		return false, false
	}
	return m.open[len(m.open)-1].brace, true
}

func (m *depthMeter) pop() {
	last := len(m.open) - 1
	m.chain = m.open[last].chain
	m.sum -= m.chain
	m.open = m.open[:last]
}

// closeBrackets forgets brackets that were never closed: a statement's end or a brace ends them.
func (m *depthMeter) closeBrackets() {
	for brace, ok := m.top(); ok && !brace; brace, ok = m.top() {
		m.pop()
	}
}

func (m *depthMeter) close(op string) {
	if op == "}" {
		m.closeBrackets()
	}
	if brace, ok := m.top(); ok && brace == (op == "}") {
		m.pop()
	}
	m.operand = true
	if op == "]" {
		m.chain++
	}
}

// checkLimits reports each declaration that no recursive code may see; the keys are where
// they begin among the tokens. A declaration begins at a line that begins with its word.
func checkLimits(tokens []lexer.Token, out *sink) map[int]bool {
	refused := map[int]bool{}
	begin := 0
	var meter depthMeter
	for i := range tokens {
		t := &tokens[i]
		if t.Type == lexer.EOF {
			break
		}
		if t.Type == tokDecl {
			begin = i
			meter = depthMeter{}
		}
		if refused[begin] {
			continue
		}
		if message := meter.step(t, &tokens[i+1]); message != "" {
			refused[begin] = true
			out.add(spanOf(t), message, "give a part of it a name with `let`")
		}
	}
	return refused
}
