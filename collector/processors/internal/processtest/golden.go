package processtest

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update-golden", false, "rewrite expected.yaml of each case from what comes out")

// Golden sends input-1.yaml, input-2.yaml, ... of a case folder in this order; what comes out of the last one must
// equal expected.yaml, times included, resources and points in any order.
func (r *Runner) Golden(t *testing.T, folder string) {
	inputs, err := filepath.Glob(filepath.Join(folder, "input-*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	actual := Payload(0)
	for _, input := range inputs {
		md, err := golden.ReadMetrics(input)
		require.NoError(t, err)
		actual = r.Send(md)
	}
	path := filepath.Join(folder, "expected.yaml")
	if *update {
		require.NoError(t, golden.WriteMetricsToFile(path, actual, golden.SkipMetricTimestampNormalization()))
	}
	expected, err := golden.ReadMetrics(path)
	require.NoError(t, err)
	require.NoError(t, pmetrictest.CompareMetrics(expected, actual,
		pmetrictest.IgnoreResourceMetricsOrder(), pmetrictest.IgnoreMetricsOrder(), pmetrictest.IgnoreMetricDataPointsOrder()))
}
