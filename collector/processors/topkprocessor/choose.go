package topkprocessor

import (
	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/ranking"
)

// amountPerHysteresis is, in cores, the least excess that a newcomer needs beside the relative one: two processes
// that wake up now and then differ by large shares of next to nothing. At the default hysteresis it is 0.005 cores:
// twice the deviation that bursts of 100 ms every 13 s leave in a window of a minute.
const amountPerHysteresis = 0.025

// memoryMargin keeps the choice between processes of equal size stable while a few pages come and go; it is small,
// for a process that is clearly larger must be kept.
const memoryMargin = 0.01

// choose marks as kept the critical processes, the k busiest others and the k largest others.
func choose(present []*process.Process, k int, hysteresis float64) {
	candidates := make([]ranking.Candidate, 0, len(present))
	for i, p := range present {
		p.Kept = p.Critical
		if !p.Critical {
			candidates = append(candidates, ranking.Candidate{Index: i, Tie: p.Key.PID})
		}
	}
	for i := range candidates {
		p := present[candidates[i].Index]
		candidates[i].Score, candidates[i].Member = p.Load, p.ByCPU
		p.ByCPU = false
	}
	margin := ranking.Margin{Share: hysteresis, Amount: amountPerHysteresis * hysteresis}
	for _, c := range ranking.Top(candidates, k, margin) {
		present[c.Index].ByCPU, present[c.Index].Kept = true, true
	}
	for i := range candidates {
		p := present[candidates[i].Index]
		candidates[i].Score, candidates[i].Member = p.Memory, p.ByMemory
		p.ByMemory = false
	}
	for _, c := range ranking.Top(candidates, k, ranking.Margin{Share: memoryMargin}) {
		present[c.Index].ByMemory, present[c.Index].Kept = true, true
	}
}
