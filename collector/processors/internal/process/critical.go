package process

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"
)

// Matcher tells critical processes by their executable name.
type Matcher struct{ pattern *regexp.Regexp }

// NewMatcher compiles an RE2 pattern; an empty one matches no process.
func NewMatcher(pattern string) (Matcher, error) {
	if pattern == "" {
		return Matcher{}, nil
	}
	compiled, err := regexp.Compile(pattern)
	return Matcher{pattern: compiled}, err
}

// Match reports whether a process of this name is critical.
func (m Matcher) Match(name string) bool {
	return m.pattern != nil && m.pattern.MatchString(name)
}

// Rest says what becomes of the processes that are not kept.
type Rest string

const (
	// RestAggregate folds them into one resource.
	RestAggregate Rest = "aggregate"
	// RestDrop forgets them.
	RestDrop Rest = "drop"
)

// ValidateCritical checks the pattern that every processor takes.
func ValidateCritical(pattern string) error {
	if _, err := NewMatcher(pattern); err != nil {
		return fmt.Errorf("critical is not an RE2 pattern: %w", err)
	}
	return nil
}

// ValidateSelection checks, all at once, the fields that the selecting processors have in common.
func ValidateSelection(critical string, window time.Duration, hysteresis float64, rest Rest) error {
	errs := ValidateCritical(critical)
	if window <= 0 {
		errs = errors.Join(errs, errors.New("window must be positive"))
	}
	if hysteresis < 0 || math.IsNaN(hysteresis) || math.IsInf(hysteresis, 0) {
		errs = errors.Join(errs, errors.New("hysteresis must be a number of at least 0"))
	}
	if rest != RestAggregate && rest != RestDrop {
		errs = errors.Join(errs, fmt.Errorf("rest must be %q or %q, not %q", RestAggregate, RestDrop, rest))
	}
	return errs
}
