package aggregateprocessor

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

// loadWindow is required by the process table; nothing here ranks by load.
const loadWindow = time.Minute

type aggregateProcessor struct {
	config *Config
	logger *zap.Logger

	mu     sync.Mutex
	fold   *fold.Fold
	groups *groups
	warned bool
}

func newProcessor(config *Config, logger *zap.Logger, now time.Time) (*aggregateProcessor, error) {
	critical, err := process.NewMatcher(config.Critical)
	if err != nil {
		return nil, err
	}
	f := fold.New(now, process.TableSettings{Window: loadWindow, Critical: critical})
	return &aggregateProcessor{config: config, logger: logger, fold: f, groups: newGroups(config, f)}, nil
}

func (p *aggregateProcessor) process(_ context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fold.Read(md)) == 0 {
		return md, nil
	}
	p.fold.Settle(md, func(one *process.Process, attributes pcommon.Map) *fold.Group {
		if one.Critical {
			return nil
		}
		return p.groups.of(attributes)
	})
	p.fold.Emit(md, p.groups.toEmit()...)
	p.warned = p.fold.WarnOverflow(p.logger, p.warned)
	return md, nil
}
