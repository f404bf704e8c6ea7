package ir

import "fmt"

// foldTurns states an unrolled iteration by its first turn: of the lines of the others only the result stays.
func foldTurns(lines []Equation) []Equation {
	var out []Equation
	for i := 0; i < len(lines); {
		turns, first, end := turnsFrom(lines, i)
		if turns < 3 {
			out = append(out, lines[i])
			i++
			continue
		}
		result := lines[end]
		result.Text = fmt.Sprintf("%s of turn %d, each like the one above", result.Value.Label, turns)
		out = append(append(out, lines[i:first+1]...), result)
		i = end + 1
	}
	return out
}

// turnsFrom is the number of turns of the iteration whose first turn's values begin at a line, the last line of the first
// turn, and the line of the result.
func turnsFrom(lines []Equation, at int) (turns, first, end int) {
	if lines[at].Value.Turn != 1 {
		return 0, 0, 0
	}
	for i := at; i < len(lines); i++ {
		switch v := lines[i].Value; {
		case v.Turn == 1 && turns > 1: // another iteration
			return turns, first, end
		case v.Turn == 1 && turns < 2:
			turns, first, end = 1, i, i
		case v.Turn == turns+1 || v.Turn == turns && turns > 1:
			turns, end = v.Turn, i
		}
	}
	return turns, first, end
}
