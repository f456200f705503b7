package process_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/processtest"
	"phoenix/collector/processors/internal/series"
)

type table struct {
	*process.Table
	catalog *series.Catalog
}

func newTable(t *testing.T, critical string) table {
	matcher, err := process.NewMatcher(critical)
	require.NoError(t, err)
	settings := process.TableSettings{Window: time.Minute, Critical: matcher}
	return table{process.NewTable(settings), series.NewCatalog()}
}

func (tb table) scrape(t *testing.T, md pmetric.Metrics) []*process.Process {
	tb.Begin()
	var seen []*process.Process
	for _, rm := range md.ResourceMetrics().All() {
		r, _, ok := process.Read(rm, tb.catalog, nil)
		require.True(t, ok)
		p, _ := tb.Observe(&r)
		seen = append(seen, p)
	}
	tb.End()
	return seen
}

func TestAReusedPidIsAnotherProcess(t *testing.T) {
	first := processtest.Process{PID: 7, Name: "a", Started: time.Hour, User: 5}
	cases := map[string]struct {
		next processtest.Process
		same bool
	}{
		"it goes on":            {processtest.Process{PID: 7, Name: "a", Started: time.Hour, User: 6}, true},
		"its start wobbles":     {processtest.Process{PID: 7, Name: "a", Started: time.Hour + time.Second, User: 6}, true},
		"it execs":              {processtest.Process{PID: 7, Name: "b", Started: time.Hour, User: 6}, true},
		"another start":         {processtest.Process{PID: 7, Name: "a", Started: time.Hour + time.Minute, User: 6}, false},
		"its CPU time falls":    {processtest.Process{PID: 7, Name: "a", Started: time.Hour, User: 4}, false},
		"another process lives": {processtest.Process{PID: 8, Name: "a", Started: time.Hour, User: 6}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tb := newTable(t, "")
			before := tb.scrape(t, processtest.Payload(2*time.Hour, first))[0]
			after := tb.scrape(t, processtest.Payload(2*time.Hour+5*time.Second, c.next))[0]
			assert.Equal(t, c.same, before == after)
		})
	}
}

func TestWithoutAStartTimeAnotherNameIsAnotherProcess(t *testing.T) {
	tb := newTable(t, "")
	scrape := func(at time.Duration, name string) *process.Process {
		md := processtest.Payload(at, processtest.Process{PID: 7, Name: name, User: 1})
		for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			points, _ := process.NumberPoints(m)
			for _, dp := range points.All() {
				dp.SetStartTimestamp(0)
			}
		}
		return tb.scrape(t, md)[0]
	}
	assert.NotSame(t, scrape(time.Hour, "a"), scrape(time.Hour+5*time.Second, "b"))
}

func TestACPUTimeThatCouldNotBeReadIsNotZero(t *testing.T) {
	tb := newTable(t, "")
	one := processtest.Process{PID: 7, Name: "a", Started: 0, User: 5}
	before := tb.scrape(t, processtest.Payload(time.Hour, one))[0]
	md := processtest.Payload(time.Hour+5*time.Second, one)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool {
		return m.Name() == "process.cpu.time"
	})
	assert.Same(t, before, tb.scrape(t, md)[0])
	one.User = 6
	assert.Same(t, before, tb.scrape(t, processtest.Payload(time.Hour+10*time.Second, one))[0])
	assert.InDelta(t, 0.1, before.Load, 1e-9, "one second in the ten since it was last read")
}

func TestAnIdleProcessStaysTheSame(t *testing.T) {
	tb := newTable(t, "")
	var before *process.Process
	// 0.03 + (0.29 - 0.03) is above 0.29.
	for i, used := range []float64{0.03, 0.29, 0.29} {
		one := processtest.Process{PID: 7, Name: "a", Started: time.Hour, User: used}
		p := tb.scrape(t, processtest.Payload(2*time.Hour+time.Duration(i)*5*time.Second, one))[0]
		if before != nil {
			assert.Same(t, before, p, "scrape %d", i)
		}
		before = p
	}
}

// TestIdlenessAfterWorkIsNoOtherProcess works by the ticks of 10 ms in which the kernel counts, and rests after each
// step: however the steps round, only a tick less is a fall. A difference rounds only where the total more than
// doubles, as that of a young process does.
func TestIdlenessAfterWorkIsNoOtherProcess(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		tb := newTable(t, "")
		user, system := random.Int64N(10), 1+random.Int64N(10)
		at := 2 * time.Hour
		scrape := func() *process.Process {
			at += 5 * time.Second
			return tb.scrape(t, processtest.Payload(at, processtest.Process{
				PID: 7, Name: "a", Started: time.Hour, User: float64(user) / 100, System: float64(system) / 100,
			}))[0]
		}
		first := scrape()
		for range 10 {
			user, system = user+random.Int64N(5*(user+system)), system+random.Int64N(2*system)
			require.Same(t, first, scrape(), "works: %d and %d ticks", user, system)
			require.Same(t, first, scrape(), "rests: %d and %d ticks", user, system)
		}
		system--
		require.NotSame(t, first, scrape(), "falls: %d and %d ticks", user, system)
	}
}

func TestDeltasAddUpToTheTotal(t *testing.T) {
	tb := newTable(t, "")
	scrape := func(at time.Duration, used float64, temporality pmetric.AggregationTemporality) *process.Process {
		md := processtest.Payload(at, processtest.Process{PID: 7, Name: "a", User: used})
		cpu := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
		cpu.Sum().SetAggregationTemporality(temporality)
		return tb.scrape(t, md)[0]
	}
	before := scrape(time.Hour, 36, pmetric.AggregationTemporalityCumulative)
	assert.Same(t, before, scrape(time.Hour+5*time.Second, 2.5, pmetric.AggregationTemporalityDelta), "a delta is no fall")
	assert.InDelta(t, 0.5, before.Load, 1e-9)
	assert.Same(t, before, scrape(time.Hour+10*time.Second, 41, pmetric.AggregationTemporalityCumulative))
	assert.InDelta(t, 0.5, before.Load, 1e-9, "41 less 36 and the delta")
}

func TestLoadFades(t *testing.T) {
	tb := newTable(t, "")
	at := 10 * time.Hour
	one := processtest.Process{PID: 7, Name: "a", User: 36000 * 0.25}
	load := func() float64 { return tb.scrape(t, processtest.Payload(at, one))[0].Load }
	assert.InDelta(t, 0.25, load(), 1e-9, "the first scrape judges by the whole life")
	for range 12 {
		at, one.User = at+5*time.Second, one.User+2.5
		assert.InDelta(t, 0.5, load(), 1e-9, "from the second one on only what was measured counts")
	}
	for range 12 {
		at += 5 * time.Second
		load()
	}
	// One window of work at 0.5, then one of rest: the mean weighted by e^-age/window.
	assert.InDelta(t, 0.5*0.36788/(1+0.36788), load(), 1e-4)
}

func TestANewbornIsJudgedByItsCPUSeconds(t *testing.T) {
	tb := newTable(t, "")
	one := processtest.Process{PID: 7, Name: "a", Started: time.Hour, User: 0.1}
	p := tb.scrape(t, processtest.Payload(time.Hour+100*time.Millisecond, one))[0]
	assert.InDelta(t, 0.1/60, p.Load, 1e-5, "a tenth of a second within the minute, not a whole core")
}

func TestTheAbsentAreForgotten(t *testing.T) {
	tb := newTable(t, "")
	one := processtest.Process{PID: 7, Name: "a", User: 1}
	other := processtest.Process{PID: 8, Name: "b", User: 1}
	before := tb.scrape(t, processtest.Payload(time.Hour, one, other))[0]
	for i := range 3 {
		tb.scrape(t, processtest.Payload(time.Hour+time.Duration(i+1)*time.Second, other))
	}
	assert.Same(t, before, tb.scrape(t, processtest.Payload(time.Hour+4*time.Second, one, other))[0])
	for i := range 6 {
		tb.scrape(t, processtest.Payload(time.Hour+time.Duration(i+5)*time.Second, other))
	}
	count := 0
	for range tb.Remembered {
		count++
	}
	assert.Equal(t, 1, count)
}

func TestCriticalIsByName(t *testing.T) {
	tb := newTable(t, "^nginx$")
	seen := tb.scrape(t, processtest.Payload(time.Hour,
		processtest.Process{PID: 1, Name: "nginx"}, processtest.Process{PID: 2, Name: "nginx-debug"}))
	assert.True(t, seen[0].Critical)
	assert.False(t, seen[1].Critical)
}

func TestTheNewNamesAreReadToo(t *testing.T) {
	md := processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a", User: 1, System: 2})
	cpu := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	for i, mode := range []string{"user", "system", "wait"} {
		cpu.At(i).Attributes().Clear()
		cpu.At(i).Attributes().PutStr("cpu.mode", mode)
	}
	cpu.At(2).SetDoubleValue(100)
	r, _, _ := process.Read(md.ResourceMetrics().At(0), series.NewCatalog(), nil)
	assert.InDelta(t, 3.0, r.CPU, 1e-9, "waiting is no use of a CPU")
}
