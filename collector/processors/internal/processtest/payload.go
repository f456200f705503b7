// Package processtest makes payloads as the process scraper sends them, and reads what came of them. Tests only.
package processtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
)

// Boot is when the machine of the tests started.
var Boot = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// Process is one process as a scrape sees it.
type Process struct {
	PID     int64
	Name    string
	Started time.Duration
	User    float64
	System  float64
	Read    int64
	Memory  int64
}

// SeriesPerProcess is how many series a process of Payload has.
const SeriesPerProcess = 5

// Payload is one scrape, taken this long after the boot.
func Payload(at time.Duration, processes ...Process) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, p := range processes {
		p.appendTo(md, pcommon.NewTimestampFromTime(Boot.Add(at)))
	}
	return md
}

func (p Process) appendTo(md pmetric.Metrics, now pcommon.Timestamp) {
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutInt("process.pid", p.PID)
	rm.Resource().Attributes().PutStr("process.executable.name", p.Name)
	rm.Resource().Attributes().PutStr("host.name", "testhost")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	started := pcommon.NewTimestampFromTime(Boot.Add(p.Started))
	cpu := sum(metrics.AppendEmpty(), "process.cpu.time", "s", true)
	point(cpu, started, now, "state", "user").SetDoubleValue(p.User)
	point(cpu, started, now, "state", "system").SetDoubleValue(p.System)
	point(cpu, started, now, "state", "wait").SetDoubleValue(0)
	point(sum(metrics.AppendEmpty(), "process.disk.io", "By", true), started, now, "direction", "read").SetIntValue(p.Read)
	point(sum(metrics.AppendEmpty(), "process.memory.usage", "By", false), started, now, "", "").SetIntValue(p.Memory)
}

func sum(metric pmetric.Metric, name, unit string, monotonic bool) pmetric.NumberDataPointSlice {
	metric.SetName(name)
	metric.SetUnit(unit)
	s := metric.SetEmptySum()
	s.SetIsMonotonic(monotonic)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return s.DataPoints()
}

func point(points pmetric.NumberDataPointSlice, started, now pcommon.Timestamp, name, value string) pmetric.NumberDataPoint {
	dp := points.AppendEmpty()
	dp.SetStartTimestamp(started)
	dp.SetTimestamp(now)
	if name != "" {
		dp.Attributes().PutStr(name, value)
	}
	return dp
}

// Runner feeds payloads to a processor made by its real factory, and returns what reaches the next consumer.
type Runner struct {
	t    testing.TB
	sink *consumertest.MetricsSink
	next processor.Metrics
}

// NewRunner makes a processor from the factory's default configuration as changed by the caller, and starts it.
func NewRunner[C any](t testing.TB, factory processor.Factory, change func(*C)) *Runner {
	config := factory.CreateDefaultConfig()
	change(config.(any).(*C))
	sink := &consumertest.MetricsSink{}
	next, err := factory.CreateMetrics(t.Context(), processortest.NewNopSettings(factory.Type()), config, sink)
	require.NoError(t, err)
	require.NoError(t, next.Start(t.Context(), nil))
	t.Cleanup(func() { require.NoError(t, next.Shutdown(t.Context())) })
	return &Runner{t: t, sink: sink, next: next}
}

// Send passes one payload through.
func (r *Runner) Send(md pmetric.Metrics) pmetric.Metrics {
	r.t.Helper()
	r.sink.Reset()
	require.NoError(r.t, r.next.ConsumeMetrics(r.t.Context(), md))
	require.Len(r.t, r.sink.AllMetrics(), 1)
	return r.sink.AllMetrics()[0]
}

// PIDs lists the processes that are individually in a payload.
func PIDs(md pmetric.Metrics) []int64 {
	var pids []int64
	for _, rm := range md.ResourceMetrics().All() {
		if pid, ok := rm.Resource().Attributes().Get("process.pid"); ok {
			pids = append(pids, pid.Int())
		}
	}
	return pids
}

// Total sums a metric over the folds of a payload that have this executable name; false means that it is absent.
func Total(md pmetric.Metrics, name, metric string) (float64, bool) {
	total, found := 0.0, false
	for _, rm := range md.ResourceMetrics().All() {
		attributes := rm.Resource().Attributes()
		_, isFold := attributes.Get("phoenix.folded")
		if own, _ := attributes.Get("process.executable.name"); !isFold || own.AsString() != name {
			continue
		}
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			if m.Name() == metric {
				total, found = total+add(m), true
			}
		}
	}
	return total, found
}

func add(m pmetric.Metric) float64 {
	points := pmetric.NewNumberDataPointSlice()
	if m.Type() == pmetric.MetricTypeSum {
		points = m.Sum().DataPoints()
	} else {
		points = m.Gauge().DataPoints()
	}
	total := 0.0
	for _, dp := range points.All() {
		total += dp.DoubleValue() + float64(dp.IntValue())
	}
	return total
}

// Series counts the number points of a payload.
func Series(md pmetric.Metrics) int { return md.DataPointCount() }
