package adaptivefilterprocessor

// wish is one process that exceeds the thresholds.
type wish struct {
	// series is what it costs.
	series int
	// visible is true if a backend counts its series already, for it was sent lately.
	visible bool
}

// spend grants wishes, given from best to worst, within a capacity in series.
//
// A process that stops being sent still costs until the backend forgets it, so there are two limits: all that is
// wanted must fit, and a newcomer must fit beside everything that is still visible. A weaker process therefore goes
// first, and the stronger one follows when the room is really there.
//
// Visible is the sum of the series that a backend counts already, those of the visible wishes included.
func spend(wishes []wish, capacity, visible int) []bool {
	granted := make([]bool, len(wishes))
	wanted := 0
	for i, w := range wishes {
		if wanted+w.series > capacity {
			continue
		}
		wanted += w.series
		switch {
		case w.visible:
			granted[i] = true
		case visible+w.series <= capacity:
			granted[i] = true
			visible += w.series
		}
	}
	return granted
}
