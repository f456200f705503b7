package fold

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/series"
)

// Fold takes a payload apart, lets a processor decide for each process, and adds up those that are not kept:
//
//	processes := f.Read(md)
//	f.Settle(md, assign)
//	f.Emit(md, groups...)
//
// One payload is taken for one scrape. It is not safe for concurrent use.
type Fold struct {
	table    *process.Table
	catalog  *series.Catalog
	shared   pcommon.Map
	readings []entry
	points   []process.Point
	present  []*process.Process
	start    pcommon.Timestamp
	when     stamps
	began    bool
}

// Assign names the group that takes a process, given with its resource attributes; nil keeps it as it is.
type Assign func(p *process.Process, attributes pcommon.Map) *Group

// entry is what was read from one resource of the payload; process is nil if it describes none.
type entry struct {
	process *process.Process
	reading process.Reading
	// known is true for a process; fresh is false for a repetition, which must not be counted again.
	known bool
	fresh bool
}

// New makes a Fold whose cumulative sums start now.
func New(now time.Time, settings process.TableSettings) *Fold {
	return &Fold{
		table:   process.NewTable(settings),
		catalog: series.NewCatalog(),
		shared:  pcommon.NewMap(),
		start:   pcommon.NewTimestampFromTime(now),
	}
}

// Scrape numbers the scrapes from one.
func (f *Fold) Scrape() uint64 { return f.table.Scrape() }

// Remembered yields every process known, present or not, in no order; one that was renamed comes under each name.
func (f *Fold) Remembered(yield func(*process.Process) bool) { f.table.Remembered(yield) }

// Newest is the time of the newest point of the scrape.
func (f *Fold) Newest() pcommon.Timestamp { return f.when.newest }

// SeriesPerGroup is how many series an emitted group can have, its process count included.
func (f *Fold) SeriesPerGroup() int { return f.catalog.Foldable() + 1 }

// NewGroup makes a group that starts with the fold, or, if late, at the present scrape.
func (f *Fold) NewGroup(attributes pcommon.Map, late bool) *Group {
	if late {
		return NewGroup(attributes, f.when.newest)
	}
	return NewGroup(attributes, f.start)
}

// Read enters a payload and returns its processes in the order of their first resource. A payload without any is
// no scrape: nothing is to be settled or emitted for it.
func (f *Fold) Read(md pmetric.Metrics) []*process.Process {
	f.readings, f.points, f.present = f.readings[:0], f.points[:0], f.present[:0]
	found := 0
	newest := pcommon.Timestamp(0)
	for _, rm := range md.ResourceMetrics().All() {
		reading, points, ok := process.Read(rm, f.catalog, f.points)
		f.points = points
		f.readings = append(f.readings, entry{reading: reading, known: ok})
		if ok {
			found++
			newest = max(newest, reading.Newest)
			f.share(rm.Resource().Attributes())
		}
	}
	if found == 0 {
		return nil
	}
	f.advance(newest)
	f.observe()
	return f.present
}

func (f *Fold) advance(newest pcommon.Timestamp) {
	f.when = stamps{previous: f.when.newest, newest: max(newest, f.when.newest)}
	if f.Scrape() == 0 {
		// Replayed payloads are older than the processor; a sum must not start after its first point.
		f.start = min(f.start, newest)
	}
	f.table.Begin()
}

func (f *Fold) observe() {
	for i := range f.readings {
		e := &f.readings[i]
		if !e.known {
			continue
		}
		e.process, e.fresh = f.table.Observe(&e.reading)
		if e.fresh {
			f.present = append(f.present, e.process)
		}
	}
	f.table.End()
}

// share keeps the attributes that every process resource so far has alike, such as host.name. What describes the
// process itself is not shared even if it happens to be equal.
func (f *Fold) share(attributes pcommon.Map) {
	if !f.began {
		f.began = true
		attributes.CopyTo(f.shared)
		f.shared.RemoveIf(func(name string, _ pcommon.Value) bool { return strings.HasPrefix(name, "process.") })
		return
	}
	if f.shared.Len() == 0 {
		return
	}
	f.shared.RemoveIf(func(name string, value pcommon.Value) bool {
		other, ok := attributes.Get(name)
		return !ok || !other.Equal(value)
	})
}

// Settle asks, for each process resource, for the group that takes it, books it there and removes it from the
// payload; nil keeps it. Metrics that are not numbers stay in either case.
func (f *Fold) Settle(md pmetric.Metrics, assign Assign) {
	i := -1
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		i++
		e := &f.readings[i]
		if e.process == nil {
			return false
		}
		group := assign(e.process, rm.Resource().Attributes())
		f.book(e, group)
		if group == nil || !e.reading.Passing {
			return group != nil
		}
		removeNumbers(rm)
		return false
	})
}

// book brings the process's counters up to date and adds what is new to its group, if it has one.
func (f *Fold) book(e *entry, group *Group) {
	if !e.fresh {
		return
	}
	// A backend sees the counters of a process only from its first point on. What it used up to that, the burst
	// perhaps for which it is let through, therefore still goes to the group that it leaves.
	counters := group
	if left, ok := e.process.Holder.(*Group); ok && group == nil {
		counters = left
		left.begin(f.Scrape())
	}
	e.process.Holder = nil
	if group != nil {
		group.begin(f.Scrape())
		group.count++
		group.Active = f.when.newest
		e.process.Holder = group
	}
	for _, point := range e.reading.Points {
		switch kind := f.catalog.At(point.Series).Kind; {
		case kind == series.Counter:
			if value := e.process.Advance(point); counters != nil {
				counters.add(point.Series, value, kind)
			}
		case group != nil && kind != series.Unfoldable:
			group.add(point.Series, point.Value, kind)
		}
	}
}

// Emit appends the groups to the payload, in the order given.
func (f *Fold) Emit(md pmetric.Metrics, groups ...*Group) {
	for _, g := range groups {
		g.begin(f.Scrape())
		g.appendTo(md, f.catalog, f.shared, f.when)
	}
}

func removeNumbers(rm pmetric.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics().All() {
		sm.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
			_, isNumber := process.NumberPoints(metric)
			return isNumber
		})
	}
	rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
}

// RestAttributes identify the group of all processes that a selection did not keep.
func RestAttributes() pcommon.Map {
	attributes := pcommon.NewMap()
	attributes.PutStr("process.executable.name", "(rest)")
	return attributes
}

// WarnOverflow tells, once, that series are missing in the sums; it returns whether that was told.
func (f *Fold) WarnOverflow(logger *zap.Logger, told bool) bool {
	if f.catalog.Full() && !told {
		logger.Warn("Too many distinct metrics and data point attributes: what exceeds the limit is in no sum. "+
			"Keep the identity of processes on the resource, not on data points.", zap.Int("limit", series.Limit))
	}
	return f.catalog.Full()
}
