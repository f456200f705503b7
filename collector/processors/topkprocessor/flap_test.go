package topkprocessor

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"phoenix/collector/processors/internal/processtest"
)

// bursts lets processes 101 to 120 use 100 ms of CPU every 7 to 20 s, as cron-like work does.
type bursts struct {
	random *rand.Rand
	next   [20]time.Duration
}

func (b *bursts) advance(host []processtest.Process, at time.Duration) {
	for i := range b.next {
		for b.next[i] < at {
			host[100+i].User += 0.1
			b.next[i] = max(b.next[i], at) + 7*time.Second + time.Duration(b.random.Int64N(int64(13*time.Second)))
		}
	}
}

func TestCronLikeProcessesDoNotFlap(t *testing.T) {
	r := newRunner(t, func(*Config) {})
	b := bursts{random: rand.New(rand.NewPCG(1, 1))}
	host := idle(300)
	last := map[int64]bool{}
	entries := 0
	for scrape := range 72 {
		at := time.Hour + time.Duration(scrape)*5*time.Second
		b.advance(host, at)
		now := map[int64]bool{}
		for _, pid := range processtest.PIDs(r.Send(processtest.Payload(at, host...))) {
			now[pid] = true
			if scrape > 24 && !last[pid] {
				entries++
			}
		}
		last = now
	}
	assert.LessOrEqual(t, entries, 2, "in four minutes after two to warm up")
}
