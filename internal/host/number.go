package host

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Number is a float64 in JSON: a number, or one of the strings "NaN", "Inf" and "-Inf".
type Number float64

// MarshalJSON writes enough digits to be exact.
func (n Number) MarshalJSON() ([]byte, error) { return AppendJSON(nil, float64(n), 64), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(data []byte) error {
	var text string
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		v, ok := Special(text)
		if !ok {
			return fmt.Errorf("%q is no number", text)
		}
		*n = Number(v)
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// Special is the value of "NaN", "Inf" or "-Inf".
func Special(text string) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Inf":
		return math.Inf(1), true
	case "-Inf":
		return math.Inf(-1), true
	}
	return 0, false
}

// AppendJSON appends the shortest text that a parser of bits (32 or 64) reads back as v.
func AppendJSON(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Inf"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Inf"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}
