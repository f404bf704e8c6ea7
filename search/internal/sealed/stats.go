package sealed

import (
	"cmp"
	"math"
	"slices"
)

// signTest is the probability of at least so many wins if wins and losses are as likely: the sum of n over k by 2^n, k from wins
// to n. Ties do not count (Dixon and Mood 1946).
func signTest(wins, losses int) float64 {
	n := wins + losses
	p, term := 0.0, math.Ldexp(1, -n)
	for k := range n + 1 {
		if k >= wins {
			p += term
		}
		term = term * float64(n-k) / float64(k+1)
	}
	return min(1, p)
}

// signedRankTest is the probability that ranks of positive differences sum up to at least what they do, if each sign is as
// likely as the other (Wilcoxon 1945): exact, over all 2^n signs. Zeros do not count; equal magnitudes have their mean rank.
func signedRankTest(differences []float64) float64 {
	ranks, sum := signedRanks(differences)
	// share[s] is the share of all choices of signs so far in which positive ranks sum up to s halves.
	share := []float64{1}
	for _, r := range ranks {
		next := make([]float64, len(share)+r)
		for s, p := range share {
			next[s] += p / 2
			next[s+r] += p / 2
		}
		share = next
	}
	p := 0.0
	for _, s := range share[sum:] {
		p += s
	}
	return min(1, p)
}

// signedRanks are the ranks of the magnitudes, in halves, and the sum of those of positive differences.
func signedRanks(differences []float64) (ranks []int, positive int) {
	d := slices.DeleteFunc(slices.Clone(differences), func(v float64) bool { return v == 0 })
	slices.SortFunc(d, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	for i := 0; i < len(d); {
		end := i + 1
		for end < len(d) && math.Abs(d[end]) == math.Abs(d[i]) {
			end++
		}
		rank := i + 1 + end // twice the mean of i+1 to end
		for ; i < end; i++ {
			ranks = append(ranks, rank)
			if d[i] > 0 {
				positive += rank
			}
		}
	}
	return ranks, positive
}

// holm corrects p-values for being several (Holm 1979): the i-th smallest of m, from 0, times m-i, and no less than any before.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out, least := make([]float64, len(p)), 0.0
	for i, at := range order {
		least = max(least, min(1, float64(float64(len(p)-i)*p[at])))
		out[at] = least
	}
	return out
}

// median is the middle value, or the mean of both.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
