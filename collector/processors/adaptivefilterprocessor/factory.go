// Package adaptivefilterprocessor keeps processes above thresholds that move with the host, within a budget of series.
package adaptivefilterprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"phoenix/collector/processors/internal/process"
)

// NewFactory returns the factory of the `adaptive_filter` processor. It takes metrics only.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("adaptive_filter"),
		createDefaultConfig,
		processor.WithMetrics(createMetrics, component.StabilityLevelAlpha),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		MaxSeries:          500,
		MinCPU:             0.01,
		MinMemory:          50 << 20,
		ReferenceProcesses: 200,
		LoadScale:          1,
		Window:             60 * time.Second,
		Hysteresis:         0.2,
		Retain:             3,
		Rest:               process.RestAggregate,
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
