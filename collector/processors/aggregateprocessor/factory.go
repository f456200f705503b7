// Package aggregateprocessor sums the metrics of all processes that share resource attributes.
package aggregateprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// NewFactory returns the factory of the `aggregate` processor. It takes metrics only.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("aggregate"),
		createDefaultConfig,
		processor.WithMetrics(createMetrics, component.StabilityLevelAlpha),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		GroupBy:     []string{"process.executable.name"},
		MaxGroups:   500,
		IdleTimeout: 10 * time.Minute,
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
