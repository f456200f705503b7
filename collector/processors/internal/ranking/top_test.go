package ranking_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"phoenix/collector/processors/internal/ranking"
)

func indices(chosen []ranking.Candidate) []int {
	var all []int
	for _, c := range chosen {
		all = append(all, c.Index)
	}
	return all
}

func TestTop(t *testing.T) {
	margin := ranking.Margin{Share: 0.2, Amount: 0.01}
	cases := map[string]struct {
		candidates []ranking.Candidate
		want       []int
	}{
		"the larger score wins":          {[]ranking.Candidate{{Index: 0, Score: 1}, {Index: 1, Score: 2}, {Index: 2, Score: 3}}, []int{2, 1}},
		"the smaller tie wins":           {[]ranking.Candidate{{Index: 0, Tie: 9}, {Index: 1, Tie: 5}, {Index: 2, Tie: 7}}, []int{1, 2}},
		"a member wins a tie":            {[]ranking.Candidate{{Index: 0, Tie: 1}, {Index: 1, Tie: 2}, {Index: 2, Tie: 3, Member: true}}, []int{2, 0}},
		"a little more is not enough":    {[]ranking.Candidate{{Index: 0, Score: 1.1}, {Index: 1, Score: 1, Member: true}, {Index: 2, Score: 2}}, []int{2, 1}},
		"clearly more is":                {[]ranking.Candidate{{Index: 0, Score: 1.3}, {Index: 1, Score: 1, Member: true}, {Index: 2, Score: 2}}, []int{2, 0}},
		"twice next to nothing is not":   {[]ranking.Candidate{{Index: 0, Score: 0.0038}, {Index: 1, Score: 0.002, Member: true}, {Index: 2, Score: 2}}, []int{2, 1}},
		"anything beats nothing":         {[]ranking.Candidate{{Index: 0, Score: 0.001}, {Index: 1, Member: true}, {Index: 2, Score: 2}}, []int{2, 0}},
		"fewer than k are all chosen":    {[]ranking.Candidate{{Index: 4, Score: 1}}, []int{4}},
		"none is chosen where none live": {nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, indices(ranking.Top(c.candidates, 2, margin)))
		})
	}
}
