package adaptivefilterprocessor

import (
	"phoenix/collector/processors/internal/process"
)

// gibibyte weighs memory against cores where a threshold is zero and has no unit to offer.
const gibibyte = 1 << 30

// thresholds are what a process must reach in one scrape, in cores and bytes.
type thresholds struct {
	cpu    float64
	memory float64
}

// thresholdsFor moves the configured thresholds with the population and the CPU load of the host, so that a busier
// host sends less.
func thresholdsFor(config *Config, present []*process.Process, cores int) thresholds {
	scale := 1.0
	if config.ReferenceProcesses > 0 {
		scale = max(1, float64(len(present))/float64(config.ReferenceProcesses))
	}
	used := 0.0
	for _, p := range present {
		used += p.Load
	}
	scale *= 1 + config.LoadScale*min(1, used/float64(cores))
	return thresholds{cpu: config.MinCPU * scale, memory: float64(config.MinMemory) * scale}
}

// score is by how much a process exceeds the threshold that it exceeds most; from one on it is to be kept.
func (t thresholds) score(p *process.Process) float64 {
	return max(ratio(p.Load, t.cpu, 1), ratio(p.Memory, t.memory, gibibyte))
}

// ratio is at least one where there is no threshold, and still tells large from small.
func ratio(value, threshold, unit float64) float64 {
	if threshold > 0 {
		return value / threshold
	}
	return 1 + value/unit
}
