package adaptivefilterprocessor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/processtest"
)

var (
	faulty = map[string]any{
		"max_series": 0, "critical": "(", "min_cpu": -1, "load_scale": -1, "window": "0s", "hysteresis": -1, "rest": "sum",
	}
	faults = []string{"max_series must", "critical is not", "min_cpu and", "load_scale and", "window must", "rest must"}
)

func newRunner(t testing.TB, change func(*Config)) *processtest.Runner {
	return processtest.NewRunner(t, NewFactory(), change)
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"keeps_above_thresholds"} {
		t.Run(name, func(t *testing.T) {
			newRunner(t, func(c *Config) { c.Critical, c.MinMemory, c.LoadScale = "^nginx$", 1000, 0 }).Golden(t, "testdata/"+name)
		})
	}
}

func population(n int, userPerSecond float64, age time.Duration) []processtest.Process {
	live := make([]processtest.Process, n)
	for i := range live {
		live[i] = processtest.Process{PID: int64(i + 1), Name: fmt.Sprintf("p%d", i), User: userPerSecond * age.Seconds()}
	}
	return live
}

func TestThresholdsRiseWithThePopulation(t *testing.T) {
	kept := func(n int) int {
		r := newRunner(t, func(c *Config) { c.MinCPU, c.ReferenceProcesses, c.LoadScale = 0.01, 50, 0 })
		live := population(n, 0.015, time.Hour)
		return len(processtest.PIDs(r.Send(processtest.Payload(time.Hour, live...))))
	}
	assert.Equal(t, 50, kept(50))
	assert.Equal(t, 0, kept(100), "with twice the population 0.02 cores are needed")
}

func TestThresholdsRiseWithTheLoad(t *testing.T) {
	busy := []*process.Process{{Load: 1}, {Load: 1}}
	config := createDefaultConfig().(*Config)
	config.MinCPU, config.MinMemory, config.LoadScale = 0.01, 1000, 3
	assert.InDelta(t, 0.01, thresholdsFor(config, nil, 2).cpu, 1e-9)
	assert.InDelta(t, 0.04, thresholdsFor(config, busy, 2).cpu, 1e-9)
	assert.InDelta(t, 2500, thresholdsFor(config, busy, 4).memory, 1e-9)
}

func TestHysteresisKeepsWhatIsJustBelow(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.MinMemory, c.LoadScale = 1000, 0 })
	one := processtest.Process{PID: 1, Name: "a", Memory: 1000}
	send := func(at, memory int64) int {
		one.Memory = memory
		return len(processtest.PIDs(r.Send(processtest.Payload(time.Hour+time.Duration(at)*time.Second, one))))
	}
	assert.Equal(t, []int{1, 1, 0, 0, 1}, []int{send(0, 1000), send(5, 900), send(10, 800), send(15, 900), send(20, 1000)})
}

func TestCriticalProcessesWinOverTheBudget(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Critical, c.MaxSeries = "^p[0-3]$", 12 })
	md := r.Send(processtest.Payload(time.Hour, population(20, 0.5, time.Hour)...))
	assert.Equal(t, []int64{1, 2, 3, 4}, processtest.PIDs(md))
	assert.Equal(t, 4*processtest.SeriesPerProcess, processtest.Series(md), "no rest either")
}

func TestSpend(t *testing.T) {
	old, fresh := wish{series: 5, visible: true}, wish{series: 5}
	cases := map[string]struct {
		wishes            []wish
		capacity, visible int
		want              []bool
	}{
		"all fit":                               {[]wish{old, fresh}, 10, 5, []bool{true, true}},
		"the best come first":                   {[]wish{fresh, fresh, fresh}, 12, 0, []bool{true, true, false}},
		"a newcomer waits for what was dropped": {[]wish{fresh}, 10, 10, []bool{false}},
		"the weaker makes room for it":          {[]wish{fresh, old}, 5, 5, []bool{false, false}},
		"nothing fits":                          {[]wish{old}, -3, 5, []bool{false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, spend(c.wishes, c.capacity, c.visible)) })
	}
}

// backend counts active series as a Prometheus exporter does: until 2.5 intervals after their last point.
type backend struct {
	seen map[string]int
	now  int
}

func (b *backend) receive(md pmetric.Metrics) int {
	b.now++
	for _, rm := range md.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			points, _ := process.NumberPoints(m)
			for _, dp := range points.All() {
				b.seen[fmt.Sprint(rm.Resource().Attributes().AsRaw(), m.Name(), dp.Attributes().AsRaw())] = b.now
			}
		}
	}
	active := 0
	for _, last := range b.seen {
		if b.now-last < 3 {
			active++
		}
	}
	return active
}

// FuzzTheBudgetHolds lets a population live at random: what a backend counts stays within the budget, and every
// critical process is sent.
func FuzzTheBudgetHolds(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(60), uint8(60))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps, budget uint8) {
		random := rand.New(rand.NewPCG(seed, 2))
		maxSeries := 40 + int(budget)
		r := newRunner(t, func(c *Config) { c.MaxSeries, c.MinCPU, c.Critical = maxSeries, 0.01, "^vital$" })
		b := backend{seen: map[string]int{}}
		vital := processtest.Process{PID: 1, Name: "vital"}
		live := map[int64]processtest.Process{}
		for step := range int(steps) {
			at := time.Hour + time.Duration(step)*5*time.Second
			payload := []processtest.Process{vital}
			for pid := int64(2); pid < 60; pid++ {
				p, lives := live[pid]
				switch {
				case !lives && random.IntN(5) == 0:
					p = processtest.Process{PID: pid, Name: fmt.Sprint("p", pid), Started: at - time.Second}
				case !lives || random.IntN(20) == 0:
					delete(live, pid)
					continue
				}
				p.User += random.Float64() * random.Float64()
				live[pid] = p
				payload = append(payload, p)
			}
			md := r.Send(processtest.Payload(at, payload...))
			require.LessOrEqual(t, b.receive(md), maxSeries)
			require.Contains(t, processtest.PIDs(md), int64(1))
		}
	})
}
