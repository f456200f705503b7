package topkprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"phoenix/collector/processors/internal/fold"
	"phoenix/collector/processors/internal/process"
)

type topkProcessor struct {
	config *Config
	logger *zap.Logger

	mu     sync.Mutex
	fold   *fold.Fold
	rest   *fold.Group
	warned bool
}

func newProcessor(config *Config, logger *zap.Logger, now time.Time) (*topkProcessor, error) {
	critical, err := process.NewMatcher(config.Critical)
	if err != nil {
		return nil, err
	}
	f := fold.New(now, process.TableSettings{Window: config.Window, Critical: critical})
	return &topkProcessor{config: config, logger: logger, fold: f}, nil
}

func (p *topkProcessor) process(_ context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	present := p.fold.Read(md)
	if len(present) == 0 {
		return md, nil
	}
	if p.rest == nil {
		p.rest = p.fold.NewGroup(fold.RestAttributes(), false)
	}
	choose(present, p.config.K, p.config.Hysteresis)
	p.fold.Settle(md, func(one *process.Process, _ pcommon.Map) *fold.Group {
		if one.Kept {
			return nil
		}
		return p.rest
	})
	if p.config.Rest == process.RestAggregate {
		p.fold.Emit(md, p.rest)
	}
	p.warned = p.fold.WarnOverflow(p.logger, p.warned)
	return md, nil
}
