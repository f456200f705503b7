package aggregateprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"phoenix/collector/processors/internal/processtest"
)

var (
	faulty = map[string]any{
		"group_by": []string{"a", "a", ""}, "critical": "(", "max_groups": -1, "idle_timeout": "-1s",
	}
	faults = []string{"no empty one", "twice", "critical is not", "max_groups must", "idle_timeout must"}
)

func newRunner(t *testing.T, change func(*Config)) *processtest.Runner {
	return processtest.NewRunner(t, NewFactory(), change)
}

func cpu(t *testing.T, r *processtest.Runner, at time.Duration, name string, live ...processtest.Process) float64 {
	total, found := processtest.Total(r.Send(processtest.Payload(at, live...)), name, "process.cpu.time")
	require.True(t, found, "no group %s", name)
	return total
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"sums_by_name"} {
		t.Run(name, func(t *testing.T) {
			newRunner(t, func(c *Config) { c.Critical = "^nginx$" }).Golden(t, "testdata/"+name)
		})
	}
}

func TestASumIsTheKernelsTotalAndOutlivesItsProcesses(t *testing.T) {
	r := newRunner(t, func(*Config) {})
	one := processtest.Process{PID: 1, Name: "worker", User: 3, System: 1}
	two := processtest.Process{PID: 2, Name: "worker", User: 2}
	sleeper := processtest.Process{PID: 3, Name: "sleeper"}
	assert.InDelta(t, 6.0, cpu(t, r, time.Hour, "worker", one, two, sleeper), 1e-9)
	two.User = 2.5
	assert.InDelta(t, 6.5, cpu(t, r, time.Hour+5*time.Second, "worker", two, sleeper), 1e-9)
	assert.InDelta(t, 6.5, cpu(t, r, time.Hour+10*time.Second, "worker", sleeper), 1e-9)
	next := processtest.Process{PID: 1, Name: "worker", Started: time.Hour + 11*time.Second, User: 1}
	assert.InDelta(t, 7.5, cpu(t, r, time.Hour+15*time.Second, "worker", next, sleeper), 1e-9)
}

func TestAnExecMovesWhatComesAfterIt(t *testing.T) {
	r := newRunner(t, func(*Config) {})
	one := processtest.Process{PID: 1, Name: "sh", User: 3}
	cpu(t, r, time.Hour, "sh", one)
	one.Name, one.User = "java", 5
	assert.InDelta(t, 2.0, cpu(t, r, time.Hour+5*time.Second, "java", one), 1e-9)
}

func TestCriticalProcessesAreInNoSum(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Critical = "^nginx$" })
	md := r.Send(processtest.Payload(time.Hour,
		processtest.Process{PID: 1, Name: "nginx", User: 1}, processtest.Process{PID: 2, Name: "a", User: 2}))
	assert.Equal(t, []int64{1}, processtest.PIDs(md))
	_, found := processtest.Total(md, "nginx", "process.cpu.time")
	assert.False(t, found)
}

func TestFurtherGroupsAreSummedInOther(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.MaxGroups = 2 })
	var live []processtest.Process
	for i := range 5 {
		live = append(live, processtest.Process{PID: int64(i + 1), Name: fmt.Sprintf("p%d", i), User: 1})
	}
	assert.InDelta(t, 3.0, cpu(t, r, time.Hour, "(other)", live...), 1e-9)
	assert.InDelta(t, 3.0, cpu(t, r, time.Hour+5*time.Second, "(other)", live[0]), 1e-9)
}

func TestAnIdleGroupIsNotSentButGoesOn(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.IdleTimeout = time.Minute })
	worker := processtest.Process{PID: 1, Name: "worker", User: 3}
	sleeper := processtest.Process{PID: 3, Name: "sleeper"}
	cpu(t, r, time.Hour, "worker", worker, sleeper)
	assert.InDelta(t, 3.0, cpu(t, r, time.Hour+time.Minute, "worker", sleeper), 1e-9)
	md := r.Send(processtest.Payload(time.Hour+2*time.Minute, sleeper))
	_, found := processtest.Total(md, "worker", "process.cpu.time")
	assert.False(t, found)
	next := processtest.Process{PID: 2, Name: "worker", Started: time.Hour, User: 1}
	assert.InDelta(t, 4.0, cpu(t, r, time.Hour+3*time.Minute, "worker", next, sleeper), 1e-9)
}

func TestAnIdleGroupGivesItsPlaceToANewOne(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.IdleTimeout, c.MaxGroups = time.Minute, 1 })
	cpu(t, r, time.Hour, "old", processtest.Process{PID: 1, Name: "old", User: 3})
	late := processtest.Process{PID: 2, Name: "new", Started: time.Hour, User: 1}
	cpu(t, r, time.Hour+30*time.Second, "(other)", late)
	late.User = 2
	assert.InDelta(t, 1.0, cpu(t, r, time.Hour+2*time.Minute, "new", late), 1e-9, "what came since it has a place")
}
