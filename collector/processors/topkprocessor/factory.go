// Package topkprocessor keeps the K busiest and the K largest processes of a host and folds the others into one.
package topkprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"phoenix/collector/processors/internal/process"
)

// NewFactory returns the factory of the `topk` processor. It takes metrics only.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("topk"),
		createDefaultConfig,
		processor.WithMetrics(createMetrics, component.StabilityLevelAlpha),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		K:          10,
		Window:     60 * time.Second,
		Hysteresis: 0.2,
		Rest:       process.RestAggregate,
	}
}

func createMetrics(
	ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics,
) (processor.Metrics, error) {
	p, err := newProcessor(cfg.(*Config), set.Logger, time.Now())
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, cfg, next, p.process,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
}
