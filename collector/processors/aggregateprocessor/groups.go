package aggregateprocessor

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"phoenix/collector/processors/internal/fold"
)

// otherValue is what each grouping attribute says on the group of all that found no place.
const otherValue = "(other)"

// groups finds the group of a process by its grouping attributes. A group once made keeps its place, so that its
// counters go on when its processes come back; a place is taken from an idle group only where there is no other.
type groups struct {
	config  *Config
	fold    *fold.Fold
	byKey   map[string]*fold.Group
	ordered []string
	other   *fold.Group
	evicted bool
	buffer  []byte
}

func newGroups(config *Config, f *fold.Fold) *groups {
	return &groups{config: config, fold: f, byKey: map[string]*fold.Group{}}
}

// of returns the group of a process with these resource attributes.
func (g *groups) of(attributes pcommon.Map) *fold.Group {
	g.writeKey(attributes)
	if group, ok := g.byKey[string(g.buffer)]; ok {
		return group
	}
	if g.config.MaxGroups > 0 && len(g.byKey) >= g.config.MaxGroups && !g.evict() {
		return g.theOther()
	}
	key := string(g.buffer)
	// A group that comes back after it lost its place counts from zero: a later start says so.
	group := g.fold.NewGroup(g.pick(attributes), g.evicted)
	g.byKey[key] = group
	at, _ := slices.BinarySearch(g.ordered, key)
	g.ordered = slices.Insert(g.ordered, at, key)
	return group
}

// toEmit returns the groups to send, by key: those with a live process and those that had one lately.
func (g *groups) toEmit() []*fold.Group {
	var sent []*fold.Group
	for _, key := range g.ordered {
		if group := g.byKey[key]; !g.isIdle(group) {
			sent = append(sent, group)
		}
	}
	if g.other != nil {
		sent = append(sent, g.other)
	}
	return sent
}

func (g *groups) isIdle(group *fold.Group) bool {
	if g.config.IdleTimeout == 0 || group.Active > g.fold.Newest() {
		return false
	}
	return time.Duration(g.fold.Newest()-group.Active) > g.config.IdleTimeout
}

// evict drops the group that has been idle for longest; false means that none is idle.
func (g *groups) evict() bool {
	oldest := ""
	for _, key := range g.ordered {
		if g.isIdle(g.byKey[key]) && (oldest == "" || g.byKey[key].Active < g.byKey[oldest].Active) {
			oldest = key
		}
	}
	if oldest == "" {
		return false
	}
	delete(g.byKey, oldest)
	g.ordered = slices.DeleteFunc(g.ordered, func(key string) bool { return key == oldest })
	g.evicted = true
	return true
}

func (g *groups) theOther() *fold.Group {
	if g.other == nil {
		attributes := pcommon.NewMap()
		for _, name := range g.config.GroupBy {
			attributes.PutStr(name, otherValue)
		}
		g.other = g.fold.NewGroup(attributes, false)
	}
	return g.other
}

func (g *groups) writeKey(attributes pcommon.Map) {
	g.buffer = g.buffer[:0]
	for _, name := range g.config.GroupBy {
		if value, ok := attributes.Get(name); ok {
			g.buffer = append(g.buffer, byte(value.Type())+1)
			g.buffer = append(g.buffer, value.AsString()...)
		}
		g.buffer = append(g.buffer, 0)
	}
}

// pick copies the grouping attributes; one that a process does not have is absent on its group too.
func (g *groups) pick(attributes pcommon.Map) pcommon.Map {
	picked := pcommon.NewMap()
	for _, name := range g.config.GroupBy {
		if value, ok := attributes.Get(name); ok {
			if value.Type() == pcommon.ValueTypeStr {
				picked.PutStr(name, strings.Clone(value.Str()))
				continue
			}
			value.CopyTo(picked.PutEmpty(name))
		}
	}
	return picked
}
