package adaptivefilterprocessor

import (
	"context"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"phoenix/collector/processors/internal/fold"
	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/ranking"
)

// reserveShare of the budget stays free where there are critical processes: one that restarts is new to the backend
// while its predecessor is still counted.
const reserveShare = 10

type adaptiveProcessor struct {
	config *Config
	logger *zap.Logger
	cores  int

	mu         sync.Mutex
	fold       *fold.Fold
	rest       *fold.Group
	warned     bool
	overBudget bool
}

func newProcessor(config *Config, logger *zap.Logger, now time.Time) (*adaptiveProcessor, error) {
	critical, err := process.NewMatcher(config.Critical)
	if err != nil {
		return nil, err
	}
	f := fold.New(now, process.TableSettings{Window: config.Window, Critical: critical, Retain: config.Retain})
	return &adaptiveProcessor{config: config, logger: logger, cores: runtime.NumCPU(), fold: f}, nil
}

func (p *adaptiveProcessor) process(_ context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	present := p.fold.Read(md)
	if len(present) == 0 {
		return md, nil
	}
	if p.rest == nil {
		p.rest = p.fold.NewGroup(fold.RestAttributes(), false)
	}
	emitRest := p.choose(present)
	p.fold.Settle(md, func(one *process.Process, _ pcommon.Map) *fold.Group {
		if one.Kept {
			return nil
		}
		return p.rest
	})
	if emitRest {
		p.fold.Emit(md, p.rest)
	}
	p.warned = p.fold.WarnOverflow(p.logger, p.warned)
	return md, nil
}

// choose marks the processes to keep and reports whether the rest is to be sent too.
func (p *adaptiveProcessor) choose(present []*process.Process) bool {
	capacity := p.config.MaxSeries - criticalSeries(present)
	emitRest := p.config.Rest == process.RestAggregate && capacity >= p.fold.SeriesPerGroup()
	p.warnOverBudget(capacity)
	if emitRest {
		capacity -= p.fold.SeriesPerGroup()
	}
	if p.config.Critical != "" {
		capacity -= p.config.MaxSeries / reserveShare
	}
	visible := p.visibleSeries(present)
	ranked := p.rank(present)
	wishes := make([]wish, len(ranked))
	for i, c := range ranked {
		wishes[i] = wish{series: present[c.Index].Count, visible: p.isVisible(present[c.Index])}
	}
	for _, one := range present {
		one.Kept = one.Critical
	}
	for i, isGranted := range spend(wishes, capacity, visible) {
		if isGranted {
			present[ranked[i].Index].Kept = true
		}
	}
	for _, one := range present {
		if one.Kept {
			one.Exported = p.fold.Scrape()
		}
	}
	return emitRest
}

// rank returns the processes, critical ones apart, that reach a threshold, from best to worst.
func (p *adaptiveProcessor) rank(present []*process.Process) []ranking.Candidate {
	limits := thresholdsFor(p.config, present, p.cores)
	var ranked []ranking.Candidate
	for i, one := range present {
		score := limits.score(one)
		needed := 1.0
		if one.Kept {
			needed /= 1 + p.config.Hysteresis
		}
		if !one.Critical && score >= needed {
			ranked = append(ranked, ranking.Candidate{Index: i, Score: score, Member: one.Kept, Tie: one.Key.PID})
		}
	}
	ranking.Sort(ranked, ranking.Margin{Share: p.config.Hysteresis})
	return ranked
}

// visibleSeries counts what a backend still shows beside the critical processes that are present.
func (p *adaptiveProcessor) visibleSeries(present []*process.Process) int {
	total := 0
	for one := range p.fold.Remembered {
		if p.isVisible(one) {
			total += one.Count
		}
	}
	for _, one := range present {
		if one.Critical && p.isVisible(one) {
			total -= one.Count
		}
	}
	return total
}

func (p *adaptiveProcessor) isVisible(one *process.Process) bool {
	return one.Exported > 0 && p.fold.Scrape()-one.Exported <= uint64(p.config.Retain)
}

func (p *adaptiveProcessor) warnOverBudget(capacity int) {
	if capacity < 0 && !p.overBudget {
		p.logger.Warn("The critical processes alone exceed the budget: they are kept, all others are not. "+
			"Raise max_series or narrow critical.",
			zap.Int("max_series", p.config.MaxSeries), zap.Int("critical_series", p.config.MaxSeries-capacity))
	}
	p.overBudget = capacity < 0
}

func criticalSeries(present []*process.Process) int {
	total := 0
	for _, one := range present {
		if one.Critical {
			total += one.Count
		}
	}
	return total
}
