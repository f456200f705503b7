package series

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Limit bounds the catalog. The process scraper emits about 30 series a process; thousands of distinct ones mean
// that something put a process's identity on its data points.
const Limit = 1000

// Kind says how the values of several processes make one.
type Kind byte

const (
	// Counter is a monotonic cumulative sum: increments are added, so that the total never falls.
	Counter Kind = iota
	// Delta is a sum of delta temporality: what came since the last scrape is added and sent as delta.
	Delta
	// Level is a quantity that adds up at one moment: memory, threads, a utilization.
	Level
	// Unfoldable has no meaningful sum: an uptime, a priority.
	Unfoldable
)

// Role says what a series tells about the process's rank.
type Role byte

const (
	// NoRole tells nothing.
	NoRole Role = iota
	// CPU is a part of the CPU seconds used: user and system, not the time spent waiting.
	CPU
	// Memory is the resident memory.
	Memory
)

// additiveGauges are the gauges of the process scraper whose sum over processes means something.
var additiveGauges = []string{
	"process.cpu.utilization",
	"process.memory.utilization",
	"process.handles",
	"process.open_file_descriptors",
	"process.thread.count",
	"process.threads",
	"process.unix.file_descriptor.count",
}

// Series is what all processes' points of one metric with one attribute set have in common.
type Series struct {
	Metric      string
	Description string
	Unit        string
	Kind        Kind
	Role        Role
	Monotonic   bool
	Gauge       bool
	Attributes  pcommon.Map

	key string
}

// Catalog gives each distinct series a small number. It is not safe for concurrent use.
type Catalog struct {
	index   map[string]int
	all     []Series
	ordered []int
	buffer  []byte
	full    bool
}

// NewCatalog makes an empty catalog.
func NewCatalog() *Catalog { return &Catalog{index: map[string]int{}} }

// Len is the number of series known.
func (c *Catalog) Len() int { return len(c.all) }

// At returns a series by its number.
func (c *Catalog) At(i int) *Series { return &c.all[i] }

// Full reports whether a series was refused for want of room.
func (c *Catalog) Full() bool { return c.full }

// Foldable is the number of series that a fold of processes can have.
func (c *Catalog) Foldable() int {
	n := 0
	for i := range c.all {
		if c.all[i].Kind != Unfoldable {
			n++
		}
	}
	return n
}

// Ordered lists all numbers by metric name, then by attributes: the order of what is emitted.
func (c *Catalog) Ordered() []int {
	if len(c.ordered) != len(c.all) {
		c.ordered = c.ordered[:0]
		for i := range c.all {
			c.ordered = append(c.ordered, i)
		}
		slices.SortFunc(c.ordered, func(a, b int) int { return strings.Compare(c.all[a].key, c.all[b].key) })
	}
	return c.ordered
}

// Find returns the number of a point's series, registering it at first sight; false means that there is no room.
func (c *Catalog) Find(metric pmetric.Metric, dp pmetric.NumberDataPoint) (int, bool) {
	kind := kindOf(metric)
	c.writeKey(metric.Name(), kind, dp.Attributes())
	// The conversion inside the index expression does not allocate.
	if i, ok := c.index[string(c.buffer)]; ok {
		return i, true
	}
	if len(c.all) >= Limit {
		c.full = true
		return 0, false
	}
	return c.add(metric, kind, dp.Attributes()), true
}

func (c *Catalog) add(metric pmetric.Metric, kind Kind, attributes pcommon.Map) int {
	// Copies: the strings of a payload may share memory that is reused after it.
	s := Series{
		Metric:      strings.Clone(metric.Name()),
		Description: strings.Clone(metric.Description()),
		Unit:        strings.Clone(metric.Unit()),
		Kind:        kind,
		Role:        roleOf(metric.Name(), attributes),
		Monotonic:   metric.Type() == pmetric.MetricTypeSum && metric.Sum().IsMonotonic(),
		Gauge:       metric.Type() == pmetric.MetricTypeGauge,
		Attributes:  pcommon.NewMap(),
		key:         string(c.buffer),
	}
	attributes.CopyTo(s.Attributes)
	c.all = append(c.all, s)
	c.index[s.key] = len(c.all) - 1
	return len(c.all) - 1
}

// writeKey fills the buffer with name, kind and the attributes in the order of their names.
func (c *Catalog) writeKey(name string, kind Kind, attributes pcommon.Map) {
	c.buffer = append(append(c.buffer[:0], name...), 0, byte(kind))
	if attributes.Len() <= 1 {
		for k, v := range attributes.All() {
			c.writePair(k, v)
		}
		return
	}
	names := make([]string, 0, attributes.Len())
	for k := range attributes.All() {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		v, _ := attributes.Get(k)
		c.writePair(k, v)
	}
}

func (c *Catalog) writePair(name string, value pcommon.Value) {
	c.buffer = append(append(c.buffer, 0), name...)
	c.buffer = append(c.buffer, 0, byte(value.Type()))
	if value.Type() == pcommon.ValueTypeStr {
		c.buffer = append(c.buffer, value.Str()...)
		return
	}
	c.buffer = append(c.buffer, value.AsString()...)
}

func kindOf(metric pmetric.Metric) Kind {
	if metric.Type() == pmetric.MetricTypeGauge {
		if slices.Contains(additiveGauges, metric.Name()) {
			return Level
		}
		return Unfoldable
	}
	switch sum := metric.Sum(); {
	case sum.AggregationTemporality() == pmetric.AggregationTemporalityDelta:
		return Delta
	case sum.IsMonotonic():
		return Counter
	default:
		return Level
	}
}

// roleOf reads the names of the scraper at 0.159 and those of the newer conventions.
func roleOf(name string, attributes pcommon.Map) Role {
	switch name {
	case "process.memory.usage":
		return Memory
	case "process.cpu.time":
		for _, key := range []string{"state", "cpu.mode"} {
			if v, ok := attributes.Get(key); ok && v.Str() == "wait" {
				return NoRole
			}
		}
		return CPU
	default:
		return NoRole
	}
}
