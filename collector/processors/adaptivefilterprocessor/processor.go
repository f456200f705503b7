package adaptivefilterprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

type metricsProcessor struct{}

func newProcessor(*Config, *zap.Logger, time.Time) (*metricsProcessor, error) {
	return &metricsProcessor{}, nil
}

func (*metricsProcessor) process(_ context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	return md, nil
}
