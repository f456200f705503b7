// Package fold adds up the metrics of several processes so that the sums stay true: counters count each second and
// each byte once, and never fall when a process exits.
package fold

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"phoenix/collector/processors/internal/series"
)

const (
	// Marker is the resource attribute that tells a fold from a process.
	Marker = "phoenix.folded"
	// CountMetric is how many live processes a fold holds.
	CountMetric = "phoenix.folded.processes"

	scopeName = "phoenix/collector/processors"
)

// Group is one fold: its resource and the sums of the processes in it.
type Group struct {
	// Attributes identify the fold; the marker and what all processes share are added when it is emitted.
	Attributes pcommon.Map
	// Active is when it last held a live process.
	Active pcommon.Timestamp

	start pcommon.Timestamp
	sums  []sum
	count int64
	turn  uint64
}

// sum is the value of one series; for a level and a delta it holds in one scrape only.
type sum struct {
	value series.Number
	turn  uint64
}

// NewGroup makes an empty fold whose cumulative sums start at the given time.
func NewGroup(attributes pcommon.Map, start pcommon.Timestamp) *Group {
	return &Group{Attributes: attributes, start: start}
}

// Count is the number of processes in it at the last scrape.
func (g *Group) Count() int64 { return g.count }

// begin empties what holds for one scrape only. The turn must be larger than any before.
func (g *Group) begin(turn uint64) {
	if g.turn != turn {
		g.turn, g.count = turn, 0
	}
}

func (g *Group) add(i int, value series.Number, kind series.Kind) {
	for len(g.sums) <= i {
		g.sums = append(g.sums, sum{})
	}
	s := &g.sums[i]
	if s.turn == 0 || (kind != series.Counter && s.turn != g.turn) {
		s.value = value
	} else {
		s.value = s.value.Plus(value)
	}
	s.turn = g.turn
}

// emits reports whether a series has a value in this scrape: counters always, once they were seen.
func (g *Group) emits(i int, kind series.Kind) bool {
	if i >= len(g.sums) || g.sums[i].turn == 0 {
		return false
	}
	return kind == series.Counter || g.sums[i].turn == g.turn
}

// stamps are the times of one scrape's points.
type stamps struct {
	previous pcommon.Timestamp
	newest   pcommon.Timestamp
}

// appendTo writes the fold as one resource: one metric per name, one point per attribute set, in catalog order.
func (g *Group) appendTo(md pmetric.Metrics, catalog *series.Catalog, shared pcommon.Map, when stamps) {
	rm := md.ResourceMetrics().AppendEmpty()
	shared.CopyTo(rm.Resource().Attributes())
	for name, value := range g.Attributes.All() {
		value.CopyTo(rm.Resource().Attributes().PutEmpty(name))
	}
	rm.Resource().Attributes().PutBool(Marker, true)
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scopeName)
	var current *series.Series
	var points pmetric.NumberDataPointSlice
	for _, i := range catalog.Ordered() {
		s := catalog.At(i)
		if !g.emits(i, s.Kind) {
			continue
		}
		if current == nil || current.Metric != s.Metric || current.Kind != s.Kind {
			points = describe(sm.Metrics().AppendEmpty(), s)
		}
		current = s
		g.write(points.AppendEmpty(), s, g.sums[i].value, when)
	}
	count := sm.Metrics().AppendEmpty()
	count.SetName(CountMetric)
	count.SetDescription("Live processes that this resource sums up.")
	count.SetUnit("{process}")
	dp := count.SetEmptyGauge().DataPoints().AppendEmpty()
	dp.SetTimestamp(when.newest)
	dp.SetIntValue(g.count)
}

func (g *Group) write(dp pmetric.NumberDataPoint, s *series.Series, value series.Number, when stamps) {
	s.Attributes.CopyTo(dp.Attributes())
	value.Into(dp)
	dp.SetTimestamp(when.newest)
	switch {
	case s.Kind == series.Delta:
		dp.SetStartTimestamp(max(g.start, when.previous))
	case !s.Gauge:
		dp.SetStartTimestamp(g.start)
	}
}

func describe(metric pmetric.Metric, s *series.Series) pmetric.NumberDataPointSlice {
	metric.SetName(s.Metric)
	metric.SetDescription(s.Description)
	metric.SetUnit(s.Unit)
	if s.Gauge {
		return metric.SetEmptyGauge().DataPoints()
	}
	total := metric.SetEmptySum()
	total.SetIsMonotonic(s.Monotonic)
	total.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	if s.Kind == series.Delta {
		total.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	}
	return total.DataPoints()
}
