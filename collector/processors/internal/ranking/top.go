// Package ranking picks the first K of many so that the choice is stable and depends on the input alone.
package ranking

import (
	"cmp"
	"slices"
)

// Candidate is one process in one ranking.
type Candidate struct {
	// Index is the caller's own.
	Index int
	// Score decides; larger is better.
	Score float64
	// Member is true if it was chosen the last time.
	Member bool
	// Tie decides between equal scores; smaller is better.
	Tie int64
}

// Margin is what a newcomer must exceed a member's score by: a share of it, and at least an amount. The amount at most
// doubles a score, so that a member that does nothing yields to whatever does something.
type Margin struct {
	Share  float64
	Amount float64
}

// Sort orders candidates from best to worst: a member is rated higher by the margin; at equal rates members go
// first, then the smaller tie.
func Sort(candidates []Candidate, margin Margin) {
	rate := func(c Candidate) float64 {
		if c.Member {
			return max(c.Score*(1+margin.Share), min(c.Score+margin.Amount, 2*c.Score))
		}
		return c.Score
	}
	slices.SortFunc(candidates, func(a, b Candidate) int {
		return cmp.Or(
			cmp.Compare(rate(b), rate(a)),
			compareMembers(a, b),
			cmp.Compare(a.Tie, b.Tie),
			cmp.Compare(a.Index, b.Index),
		)
	})
}

// Top sorts the candidates and returns the first k, or all if there are fewer.
func Top(candidates []Candidate, k int, margin Margin) []Candidate {
	Sort(candidates, margin)
	return candidates[:min(k, len(candidates))]
}

func compareMembers(a, b Candidate) int {
	switch {
	case a.Member == b.Member:
		return 0
	case a.Member:
		return -1
	default:
		return 1
	}
}
