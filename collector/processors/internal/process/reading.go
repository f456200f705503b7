// Package process knows processes as the payloads show them: who they are, which live on, how busy they are.
package process

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"phoenix/collector/processors/internal/series"
)

// Point is one number of a reading.
type Point struct {
	Series int
	Value  series.Number
}

// Reading is one resource of a payload that describes a process.
type Reading struct {
	// Key tells processes apart that live at the same time.
	Key Key
	// Name is process.executable.name; empty if absent.
	Name string
	// Created is process.creation.time as it is written; empty if absent.
	Created string
	// Started is the start of the process's cumulative points, which the scraper sets to its creation; zero if absent.
	Started pcommon.Timestamp
	// Newest is the time of the newest point.
	Newest pcommon.Timestamp
	// CPU is the CPU seconds used, in total or, if CPUIsDelta, since the last scrape. HasCPU is false where the
	// scraper could not read them: that is not zero.
	CPU        float64
	CPUIsDelta bool
	HasCPU     bool
	// Memory is the resident memory in bytes, if HasMemory.
	Memory    float64
	HasMemory bool
	// Points holds what can be folded.
	Points []Point
	// Count is the number of number points, with those that cannot be folded.
	Count int
	// Passing is true if it has metrics that are not numbers: they are never folded.
	Passing bool
}

// Key is the identity of a live process: its pid on its host.
type Key struct {
	Host string
	PID  int64
}

// Read reads a resource and appends its points to the buffer; false means that it is no process.
func Read(rm pmetric.ResourceMetrics, catalog *series.Catalog, buffer []Point) (Reading, []Point, bool) {
	key, ok := keyOf(rm.Resource().Attributes())
	if !ok {
		return Reading{}, buffer, false
	}
	r := Reading{
		Key:     key,
		Name:    text(rm.Resource().Attributes(), "process.executable.name"),
		Created: text(rm.Resource().Attributes(), "process.creation.time"),
	}
	first := len(buffer)
	for _, sm := range rm.ScopeMetrics().All() {
		for _, metric := range sm.Metrics().All() {
			buffer = r.readMetric(metric, catalog, buffer)
		}
	}
	r.Points = buffer[first:len(buffer):len(buffer)]
	return r, buffer, true
}

func (r *Reading) readMetric(metric pmetric.Metric, catalog *series.Catalog, buffer []Point) []Point {
	points, ok := NumberPoints(metric)
	if !ok {
		r.Passing = true
		return buffer
	}
	for _, dp := range points.All() {
		r.Count++
		r.Newest = max(r.Newest, dp.Timestamp())
		value, isNumber := series.FromPoint(dp)
		if !isNumber {
			continue
		}
		i, known := catalog.Find(metric, dp)
		if !known {
			continue
		}
		r.note(catalog.At(i), dp, value.AsFloat())
		buffer = append(buffer, Point{Series: i, Value: value})
	}
	return buffer
}

func (r *Reading) note(s *series.Series, dp pmetric.NumberDataPoint, value float64) {
	if start := dp.StartTimestamp(); s.Kind == series.Counter && start != 0 && (r.Started == 0 || start < r.Started) {
		r.Started = start
	}
	switch s.Role {
	case series.CPU:
		r.CPU += value
		r.CPUIsDelta, r.HasCPU = s.Kind == series.Delta, true
	case series.Memory:
		r.Memory += value
		r.HasMemory = true
	case series.NoRole:
	}
}

// NumberPoints returns the points of a sum or gauge; false for any other metric.
func NumberPoints(metric pmetric.Metric) (pmetric.NumberDataPointSlice, bool) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		return metric.Sum().DataPoints(), true
	case pmetric.MetricTypeGauge:
		return metric.Gauge().DataPoints(), true
	default:
		return pmetric.NumberDataPointSlice{}, false
	}
}

func keyOf(attributes pcommon.Map) (Key, bool) {
	pid, ok := attributes.Get("process.pid")
	if !ok || pid.Type() != pcommon.ValueTypeInt {
		return Key{}, false
	}
	host := text(attributes, "host.id")
	if host == "" {
		host = text(attributes, "host.name")
	}
	return Key{Host: host, PID: pid.Int()}, true
}

func text(attributes pcommon.Map, name string) string {
	if v, ok := attributes.Get(name); ok {
		return v.AsString()
	}
	return ""
}
