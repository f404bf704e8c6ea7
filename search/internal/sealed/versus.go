package sealed

import (
	"github.com/optc-lang/optc/runtime/elem"
)

// Versus is the candidate against a baseline. The tests are one-sided: that the candidate's losses are lower. Their p-values
// are exact, and corrected by Holm's method for the number of baselines.
type Versus struct {
	Baseline           string
	Wins, Losses, Ties int     // tasks
	Sign, SignHolm     float64 // of the sign test
	Rank, RankHolm     float64 // of Wilcoxon's signed-rank test on logarithms of losses
	Ratio              float64 // median over tasks of the candidate's loss by the baseline's
	Shorter            int     // tasks on which the candidate is as good or better with fewer steps
}

// mostLead bounds the difference of two logarithms of losses: that of a run that comes to an end and one that diverges.
var mostLead = elem.Log(1e6)

// lead is by how much a loss is lower than another, both logarithms.
func lead(of, than Judged) float64 {
	switch {
	case of.Diverged && than.Diverged:
		return 0
	case than.Diverged:
		return mostLead
	case of.Diverged:
		return -mostLead
	}
	return max(-mostLead, min(mostLead, than.Loss-of.Loss))
}

// versus compares the first entry of each row with the others.
func (c Config) versus(rows []Row) []Versus {
	var all []Versus
	var signs, ranks []float64
	for b, baseline := range c.Baselines {
		v := Versus{Baseline: baseline.Name}
		var leads, ratios []float64
		for _, row := range rows {
			l := lead(row.Entries[0].Judged, row.Entries[1+b].Judged)
			v.count(l)
			leads, ratios = append(leads, l), append(ratios, elem.Exp(-l))
			if c.Shorter > 0 && !row.Shorter.Diverged && lead(row.Shorter, row.Entries[1+b].Judged) >= 0 {
				v.Shorter++
			}
		}
		v.Sign, v.Rank, v.Ratio = signTest(v.Wins, v.Losses), signedRankTest(leads), median(ratios)
		all, signs, ranks = append(all, v), append(signs, v.Sign), append(ranks, v.Rank)
	}
	signs, ranks = holm(signs), holm(ranks)
	for i := range all {
		all[i].SignHolm, all[i].RankHolm = signs[i], ranks[i]
	}
	return all
}

func (v *Versus) count(lead float64) {
	switch {
	case lead > 0:
		v.Wins++
	case lead < 0:
		v.Losses++
	default:
		v.Ties++
	}
}
