package topkprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"phoenix/collector/processors/internal/process"
	"phoenix/collector/processors/internal/processtest"
)

var (
	faulty = map[string]any{"k": 0, "critical": "(", "window": "0s", "hysteresis": -1, "rest": "sum"}
	faults = []string{"k must", "critical is not", "window must", "hysteresis must", "rest must"}
)

func newRunner(t *testing.T, change func(*Config)) *processtest.Runner {
	return processtest.NewRunner(t, NewFactory(), change)
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"folds_the_rest"} {
		t.Run(name, func(t *testing.T) {
			newRunner(t, func(c *Config) { c.K, c.Critical = 1, "^nginx$" }).Golden(t, "testdata/"+name)
		})
	}
}

// idle is a host on which nothing happens yet: processes 1 to n, all of one size and an hour old.
func idle(n int) []processtest.Process {
	processes := make([]processtest.Process, n)
	for i := range processes {
		processes[i] = processtest.Process{PID: int64(i + 1), Name: fmt.Sprintf("idle%d", i), Memory: 1 << 20}
	}
	return processes
}

func TestTheBusiestAndTheLargestAreKeptFromTheSecondScrape(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K = 4 })
	host := idle(300)
	host[9].User = 3000 // it was busy long ago
	for i := range 4 {
		host[100+i].Memory = int64(50-i) << 20
	}
	r.Send(processtest.Payload(time.Hour, host...))
	for i := range 4 {
		host[200+i].User += 0.1 * float64(i+1)
		host[100+i].Memory += 4096
	}
	md := r.Send(processtest.Payload(time.Hour+5*time.Second, host...))
	assert.ElementsMatch(t, []int64{101, 102, 103, 104, 201, 202, 203, 204}, processtest.PIDs(md))
}

func TestTheFirstScrapeRanksByTheWholeLife(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K = 1 })
	old := processtest.Process{PID: 1, Name: "old", User: 100}
	young := processtest.Process{PID: 2, Name: "young", Started: 55 * time.Minute, User: 90}
	md := r.Send(processtest.Payload(time.Hour, old, young, processtest.Process{PID: 3, Name: "large", Memory: 9}))
	assert.Equal(t, []int64{2, 3}, processtest.PIDs(md))
}

func TestAClearlyLargerProcessIsKeptAtOnce(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K, c.Hysteresis = 1, 10 })
	one := processtest.Process{PID: 1, Name: "a", User: 1, Memory: 100 << 20}
	two := processtest.Process{PID: 2, Name: "b", Memory: 1 << 20}
	r.Send(processtest.Payload(time.Hour, one, two))
	two.Memory = 102 << 20
	assert.Equal(t, []int64{1, 2}, processtest.PIDs(r.Send(processtest.Payload(time.Hour+5*time.Second, one, two))))
}

func TestCriticalProcessesAreKeptAndNotCounted(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K, c.Critical = 1, "^idle[0-4]$" })
	host := idle(20)
	host[0].User, host[0].Memory = 99, 1<<30
	md := r.Send(processtest.Payload(time.Hour, host...))
	assert.Equal(t, []int64{1, 2, 3, 4, 5, 6}, processtest.PIDs(md))
}

func TestEqualProcessesDoNotTakeTurns(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K = 5 })
	host := idle(50)
	var first []int64
	for scrape := range 40 {
		for i := range host {
			// All use the same in the long run, and each is ahead at times.
			host[i].User += 0.5 + 0.02*float64((i*7+scrape*13)%10)
			host[i].Memory = 1<<20 + int64((i*3+scrape)%3)*1024
		}
		md := r.Send(processtest.Payload(time.Hour+time.Duration(scrape)*5*time.Second, host...))
		if scrape == 1 {
			first = processtest.PIDs(md)
		}
		if scrape > 1 {
			assert.Equal(t, first, processtest.PIDs(md))
		}
	}
}

func TestTheRestCanBeDropped(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.K, c.Rest = 1, process.RestDrop })
	md := r.Send(processtest.Payload(time.Hour, idle(5)...))
	assert.Equal(t, 1, md.ResourceMetrics().Len())
}

func TestAPayloadWithoutProcessesIsNoScrape(t *testing.T) {
	r := newRunner(t, func(*Config) {})
	assert.Equal(t, 0, r.Send(processtest.Payload(time.Hour)).ResourceMetrics().Len())
}
