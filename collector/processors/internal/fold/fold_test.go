package fold_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"phoenix/collector/processors/internal/fold"
	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/processtest"
)

// world is a population that is born, works, rests and dies at random, with the increments that a true account has.
type world struct {
	random *rand.Rand
	now    time.Duration
	live   []processtest.Process
	seen   map[int64]processtest.Process
	folded map[int64]bool
	pid    int64

	keptCPU, foldedCPU   float64
	keptRead, foldedRead int64
}

func newWorld(seed uint64) *world {
	return &world{
		random: rand.New(rand.NewPCG(seed, 1)), now: 10 * time.Hour,
		seen: map[int64]processtest.Process{}, folded: map[int64]bool{},
	}
}

func (w *world) step() pmetric.Metrics {
	w.now += 5 * time.Second
	survivors := w.live[:0]
	for _, p := range w.live {
		if w.random.IntN(8) == 0 {
			delete(w.seen, p.PID)
			delete(w.folded, p.PID)
			continue
		}
		if w.random.IntN(3) > 0 {
			p.User += w.random.Float64()
			p.System += w.random.Float64()
			p.Read += w.random.Int64N(1 << 50)
		}
		survivors = append(survivors, p)
	}
	w.live = survivors
	for range w.random.IntN(4) {
		// Few pids, so that they are reused at once.
		w.pid = 1 + (w.pid+1+w.random.Int64N(3))%12
		if !w.lives(w.pid) {
			w.live = append(w.live, processtest.Process{
				PID: w.pid, Name: "p", Started: w.now - 4*time.Second, User: w.random.Float64(), Read: w.random.Int64N(99),
			})
		}
	}
	return processtest.Payload(w.now, w.live...)
}

func (w *world) lives(pid int64) bool {
	for _, p := range w.live {
		if p.PID == pid {
			return true
		}
	}
	return false
}

// account books the increments of this step by an own rule: all at first sight, else what came since; what came until
// a process is let through again is still the fold's.
func (w *world) account(isKept map[int64]bool) {
	for _, p := range w.live {
		last := w.seen[p.PID]
		cpu, read := p.User+p.System-last.User-last.System, p.Read-last.Read
		if isKept[p.PID] && !w.folded[p.PID] {
			w.keptCPU, w.keptRead = w.keptCPU+cpu, w.keptRead+read
		} else {
			w.foldedCPU, w.foldedRead = w.foldedCPU+cpu, w.foldedRead+read
		}
		w.seen[p.PID], w.folded[p.PID] = p, !isKept[p.PID]
	}
}

// FuzzIncrementsAreConserved moves processes in and out of a fold at random: the fold holds exactly the increments
// of those that were folded at the time or until then, to the byte, and never falls.
func FuzzIncrementsAreConserved(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint8(40))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint8) {
		w := newWorld(seed)
		folder := fold.New(processtest.Boot.Add(w.now), process.TableSettings{Window: time.Minute})
		group := folder.NewGroup(fold.RestAttributes(), false)
		lastCPU, lastRead := 0.0, 0.0
		for range steps {
			md := w.step()
			if folder.Read(md) == nil {
				continue
			}
			isKept := map[int64]bool{}
			folder.Settle(md, func(p *process.Process, _ pcommon.Map) *fold.Group {
				isKept[p.Key.PID] = w.random.IntN(2) == 0
				if isKept[p.Key.PID] {
					return nil
				}
				return group
			})
			folder.Emit(md, group)
			w.account(isKept)
			cpu, _ := processtest.Total(md, "(rest)", "process.cpu.time")
			read, _ := processtest.Total(md, "(rest)", "process.disk.io")
			require.InDelta(t, w.foldedCPU, cpu, 1e-6)
			require.InDelta(t, float64(w.foldedRead), read, float64(w.foldedRead)*1e-15)
			require.GreaterOrEqual(t, cpu, lastCPU)
			require.GreaterOrEqual(t, read, lastRead)
			lastCPU, lastRead = cpu, read
		}
	})
}

type folder struct {
	*fold.Fold
	group *fold.Group
}

func newFolder() folder {
	f := fold.New(processtest.Boot.Add(time.Hour), process.TableSettings{Window: time.Minute})
	return folder{f, f.NewGroup(fold.RestAttributes(), false)}
}

// all folds every process of the payload.
func (f folder) all(md pmetric.Metrics) pmetric.Metrics {
	f.Read(md)
	f.Settle(md, func(*process.Process, pcommon.Map) *fold.Group { return f.group })
	f.Emit(md, f.group)
	return md
}

func TestAnExitTakesNothingFromACounterButFreesMemory(t *testing.T) {
	f := newFolder()
	one := processtest.Process{PID: 1, Name: "a", User: 3, Memory: 100}
	two := processtest.Process{PID: 2, Name: "b", User: 4, Memory: 200}
	f.all(processtest.Payload(time.Hour, one, two))
	md := f.all(processtest.Payload(time.Hour+5*time.Second, two))
	cpu, _ := processtest.Total(md, "(rest)", "process.cpu.time")
	memory, _ := processtest.Total(md, "(rest)", "process.memory.usage")
	count, _ := processtest.Total(md, "(rest)", fold.CountMetric)
	assert.InDelta(t, 7.0, cpu, 1e-9)
	assert.InDelta(t, 200.0, memory, 0)
	assert.InDelta(t, 1.0, count, 0)
}

func TestTheBurstForWhichAProcessIsLetThroughIsSeen(t *testing.T) {
	f := newFolder()
	other := processtest.Process{PID: 2, Name: "other", User: 1, Memory: 7}
	send := func(scrape int, used float64, isKept bool) (cpu float64, md pmetric.Metrics) {
		one := processtest.Process{PID: 1, Name: "burst", User: used, Memory: 100}
		md = processtest.Payload(time.Hour+time.Duration(scrape)*5*time.Second, one, other)
		f.Read(md)
		f.Settle(md, func(p *process.Process, _ pcommon.Map) *fold.Group {
			if p.Name == "burst" && isKept {
				return nil
			}
			return f.group
		})
		f.Emit(md, f.group)
		cpu, _ = processtest.Total(md, "(rest)", "process.cpu.time")
		return cpu, md
	}
	before, _ := send(0, 10, false)
	came, md := send(1, 13, true)
	assert.InDelta(t, 3.0, came-before, 1e-9, "its own counter starts with 13: nobody else tells of these")
	memory, _ := processtest.Total(md, "(rest)", "process.memory.usage")
	count, _ := processtest.Total(md, "(rest)", fold.CountMetric)
	assert.InDelta(t, 7.0, memory, 0, "what it holds now is not in two places")
	assert.InDelta(t, 1.0, count, 0)
	stayed, _ := send(2, 14, true)
	assert.InDelta(t, 0.0, stayed-came, 1e-9, "its own counter tells")
	went, _ := send(3, 16, false)
	assert.InDelta(t, 2.0, went-stayed, 1e-9)
}

func TestAReusedPidCountsInFull(t *testing.T) {
	f := newFolder()
	f.all(processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a", User: 3}))
	next := processtest.Process{PID: 1, Name: "a", Started: time.Hour, User: 5}
	md := f.all(processtest.Payload(time.Hour+5*time.Second, next))
	cpu, _ := processtest.Total(md, "(rest)", "process.cpu.time")
	assert.InDelta(t, 8.0, cpu, 1e-9)
}

func TestAnIdleProcessIsNotCountedAgain(t *testing.T) {
	f := newFolder()
	send := func(scrape int, used float64, read int64) float64 {
		one := processtest.Process{PID: 1, Name: "a", User: used, Read: read}
		total, _ := processtest.Total(
			f.all(processtest.Payload(time.Hour+time.Duration(scrape)*5*time.Second, one)), "(rest)", "process.disk.io")
		return total
	}
	assert.InDelta(t, 1000, send(0, 0.03, 1000), 0)
	assert.InDelta(t, 4000, send(1, 0.29, 4000), 0)
	assert.InDelta(t, 4000, send(2, 0.29, 4000), 0, "nothing was read")
}

func TestAProcessSentTwiceCountsOnce(t *testing.T) {
	f := newFolder()
	one := processtest.Process{PID: 1, Name: "a", User: 3, Memory: 100}
	md := f.all(processtest.Payload(time.Hour, one, one))
	memory, _ := processtest.Total(md, "(rest)", "process.memory.usage")
	assert.InDelta(t, 100.0, memory, 0)
}

func TestAnOlderPayloadIsNotCountedAgain(t *testing.T) {
	f := newFolder()
	f.all(processtest.Payload(time.Hour+5*time.Second, processtest.Process{PID: 1, Name: "a", User: 3}))
	md := f.all(processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a", User: 2}))
	cpu, _ := processtest.Total(md, "(rest)", "process.cpu.time")
	assert.InDelta(t, 3.0, cpu, 1e-9)
}

func TestDeltasAreSummedAsDeltas(t *testing.T) {
	f := newFolder()
	send := func(at time.Duration) pmetric.Metrics {
		md := processtest.Payload(at, processtest.Process{PID: 1, Name: "a", User: 2}, processtest.Process{PID: 2, Name: "b", User: 3})
		for _, rm := range md.ResourceMetrics().All() {
			rm.ScopeMetrics().At(0).Metrics().At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		return f.all(md)
	}
	send(time.Hour)
	md := send(time.Hour + 5*time.Second)
	cpu, _ := processtest.Total(md, "(rest)", "process.cpu.time")
	assert.InDelta(t, 5.0, cpu, 1e-9, "those of this scrape, not of both")
	sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum()
	assert.Equal(t, pmetric.AggregationTemporalityDelta, sum.AggregationTemporality())
	assert.Equal(t, 5*time.Second, time.Duration(sum.DataPoints().At(0).Timestamp()-sum.DataPoints().At(0).StartTimestamp()))
}

func TestWhatIsNoNumberOrNoProcessPassesUntouched(t *testing.T) {
	f := newFolder()
	md := processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a", User: 2})
	histogram := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	histogram.SetName("process.latency")
	histogram.SetEmptyHistogram().DataPoints().AppendEmpty()
	host := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	host.SetName("system.cpu.load_average.1m")
	host.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(1)
	f.all(md)
	require.Equal(t, 3, md.ResourceMetrics().Len())
	left := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	require.Equal(t, 1, left.Len())
	assert.Equal(t, "process.latency", left.At(0).Name())
	assert.Equal(t, "system.cpu.load_average.1m", md.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().At(0).Name())
}

func TestOnlyGaugesThatAddUpAreFolded(t *testing.T) {
	f := newFolder()
	md := processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a"}, processtest.Process{PID: 2, Name: "a"})
	for _, rm := range md.ResourceMetrics().All() {
		for _, name := range []string{"process.uptime", "process.cpu.utilization"} {
			m := rm.ScopeMetrics().At(0).Metrics().AppendEmpty()
			m.SetName(name)
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(0.25)
		}
	}
	f.all(md)
	utilization, _ := processtest.Total(md, "(rest)", "process.cpu.utilization")
	_, hasUptime := processtest.Total(md, "(rest)", "process.uptime")
	assert.InDelta(t, 0.5, utilization, 1e-9)
	assert.False(t, hasUptime)
}

func TestTheFoldHasWhatAllProcessesShare(t *testing.T) {
	md := newFolder().all(processtest.Payload(time.Hour, processtest.Process{PID: 1, Name: "a"}))
	assert.Equal(t, map[string]any{
		"host.name": "testhost", "phoenix.folded": true, "process.executable.name": "(rest)",
	}, md.ResourceMetrics().At(0).Resource().Attributes().AsRaw())
}

func BenchmarkFoldOf1500(b *testing.B) {
	f := newFolder()
	processes := make([]processtest.Process, 1500)
	for i := range processes {
		processes[i] = processtest.Process{PID: int64(i + 1), Name: "idle", User: 1, Memory: 1 << 20}
	}
	at := time.Hour
	for b.Loop() {
		b.StopTimer()
		at += 5 * time.Second
		md := processtest.Payload(at, processes...)
		b.StartTimer()
		f.all(md)
	}
}
