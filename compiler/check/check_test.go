package check_test

import (
	"math"
	"testing"
)

func nan() float64 { return math.NaN() }

var _ = testing.Short
