package process

import (
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"phoenix/collector/processors/internal/series"
)

// forgetAfter is for how many scrapes an absent process is remembered. The scraper misses one now and then (a read
// that failed); forgetting it at once would count its whole past a second time when it comes back.
const forgetAfter = 5

// startTolerance bridges the wobble of a start time that is computed from the boot time, which the kernel gives in
// whole seconds. A pid that is reused within it must also have used less CPU to be told apart.
const startTolerance = pcommon.Timestamp(2 * time.Second)

// Process is one process for as long as it lives.
type Process struct {
	Key      Key
	Name     string
	Critical bool
	// Load is the CPU use in cores, fading: what was used one window ago counts 1/e.
	Load float64
	// Memory is the resident memory in bytes.
	Memory float64
	// Count is the number of series it sent in the last scrape.
	Count int
	// Kept, ByCPU and ByMemory are for the processor to set: whether it let the process through the last time, and
	// by which ranking.
	Kept, ByCPU, ByMemory bool
	// Exported is for the processor to set: the last scrape in which it let the process through, zero for never.
	Exported uint64
	// Holder is for the fold to set: the group that took the process the last time, nil if it was let through.
	Holder any
	// Last holds the last values of its counters, by series number; Known tells which were seen.
	Last []Mark

	created string
	started pcommon.Timestamp
	seen    pcommon.Timestamp
	// measured is when cpu was read: a read that failed leaves it behind seen.
	measured pcommon.Timestamp
	// cpu is the last cumulative reading, plus the deltas since.
	cpu    float64
	fading fading
	scrape uint64
}

// Mark is a counter's last value, if there was one.
type Mark struct {
	Value series.Number
	Known bool
}

// Table holds the live processes. It is not safe for concurrent use.
type Table struct {
	window  float64
	matcher Matcher
	retain  uint64
	live    map[Key]*Process
	// gone holds those whose pid or name went to another while a backend may still count their series.
	gone   []*Process
	scrape uint64
}

// TableSettings says what a table remembers and marks.
type TableSettings struct {
	// Window is the memory of Load.
	Window time.Duration
	// Critical marks processes by name.
	Critical Matcher
	// Retain is for how many scrapes an absent process must at least be remembered.
	Retain int
}

// NewTable makes an empty table.
func NewTable(settings TableSettings) *Table {
	return &Table{
		window:  settings.Window.Seconds(),
		matcher: settings.Critical,
		retain:  uint64(max(settings.Retain+1, forgetAfter)),
		live:    map[Key]*Process{},
	}
}

// Scrape numbers the scrapes from one.
func (t *Table) Scrape() uint64 { return t.scrape }

// Begin starts a scrape.
func (t *Table) Begin() { t.scrape++ }

// Observe enters a reading. Fresh is false if the process was already observed in this scrape, or if the reading is
// older than the last one: neither must be counted again.
func (t *Table) Observe(r *Reading) (p *Process, fresh bool) {
	p, known := t.live[r.Key]
	if known && r.Newest < p.seen {
		return p, false
	}
	if known && (p.isReplacedBy(r) || p.Name != r.Name) {
		t.remember(*p)
	}
	if !known || p.isReplacedBy(r) {
		p = &Process{Key: Key{Host: strings.Clone(r.Key.Host), PID: r.Key.PID}, created: strings.Clone(r.Created)}
		t.live[p.Key] = p
		t.rename(p, r.Name)
	}
	if p.Name != r.Name {
		t.rename(p, r.Name)
	}
	fresh = p.scrape != t.scrape
	p.update(r, t.window)
	p.scrape = t.scrape
	return p, fresh
}

// End forgets the processes that were absent for long.
func (t *Table) End() {
	for key, p := range t.live {
		if t.scrape-p.scrape >= t.retain {
			delete(t.live, key)
		}
	}
	t.gone = slices.DeleteFunc(t.gone, func(p *Process) bool { return t.scrape-p.scrape >= t.retain })
}

func (t *Table) remember(p Process) {
	if p.Exported > 0 {
		t.gone = append(t.gone, &p)
	}
}

// Remembered yields every process known, present or not, in no order; one that was renamed comes under each name.
func (t *Table) Remembered(yield func(*Process) bool) {
	for _, p := range t.gone {
		if !yield(p) {
			return
		}
	}
	for _, p := range t.live {
		if !yield(p) {
			return
		}
	}
}

func (t *Table) rename(p *Process, name string) {
	p.Name = strings.Clone(name)
	p.Critical = t.matcher.Match(name)
}

// isReplacedBy reports whether the pid went to another process.
func (p *Process) isReplacedBy(r *Reading) bool {
	switch {
	case p.created != r.Created && p.created != "" && r.Created != "":
		return true
	case r.HasCPU && !r.CPUIsDelta && r.CPU < p.cpu:
		return true
	case p.started != 0 && r.Started != 0:
		// A known start decides: an exec changes the name of a process that lives on, with its counters.
		return max(p.started, r.Started)-min(p.started, r.Started) > startTolerance
	default:
		return p.Name != r.Name
	}
}

func (p *Process) update(r *Reading, window float64) {
	p.Count = r.Count
	if r.HasMemory {
		p.Memory = r.Memory
	}
	if r.Started != 0 {
		p.started = r.Started
	}
	if r.HasCPU {
		p.updateLoad(r, window)
	}
	p.seen = r.Newest
}

func (p *Process) updateLoad(r *Reading, window float64) {
	used := r.CPU
	if r.CPUIsDelta {
		p.cpu += r.CPU
	} else {
		// Taken as it is: adding up what was used rounds, and the least bit above the reading would make the same
		// reading a fall, hence another process.
		used -= p.cpu
		p.cpu = r.CPU
	}
	if p.measured == 0 {
		p.fading = firstSight(r.CPU, seconds(p.started, r.Newest), window)
	} else if elapsed := seconds(p.measured, r.Newest); elapsed > 0 {
		p.fading.add(used, elapsed, window)
	}
	p.Load = p.fading.load()
	p.measured = r.Newest
}

// seconds is the time between two stamps; zero if the first is unknown or not earlier.
func seconds(from, to pcommon.Timestamp) float64 {
	if from == 0 || to <= from {
		return 0
	}
	return time.Duration(to - from).Seconds()
}

// fading is an exponentially weighted mean over the time that is known about.
type fading struct {
	sum      float64
	weight   float64
	lifetime float64
}

// firstSight judges by the whole life. Of one shorter than the window everything is known; a longer one says little
// about the present and yields to the first measured interval.
func firstSight(cpu, age, window float64) fading {
	switch {
	case age == 0:
		return fading{lifetime: cpu / window}
	case age > window:
		return fading{lifetime: cpu / age}
	default:
		return fading{sum: cpu / age * -math.Expm1(-age/window), weight: 1}
	}
}

func (f *fading) add(used, elapsed, window float64) {
	kept := math.Exp(-elapsed / window)
	f.sum = f.sum*kept + used/elapsed*(1-kept)
	f.weight = f.weight*kept + (1 - kept)
}

func (f *fading) load() float64 {
	if f.weight == 0 {
		return f.lifetime
	}
	return f.sum / f.weight
}

// Advance remembers a counter's value and returns what came since the last one: all of it at first sight, and after
// a fall, which means that it started anew.
func (p *Process) Advance(point Point) series.Number {
	for len(p.Last) <= point.Series {
		p.Last = append(p.Last, Mark{})
	}
	last := &p.Last[point.Series]
	increment := point.Value
	if last.Known && !point.Value.Less(last.Value) {
		increment = point.Value.Minus(last.Value)
	}
	*last = Mark{Value: point.Value, Known: true}
	return increment
}
