package aggregateprocessor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"phoenix/collector/processors/internal/process"
)

// Config is what a user sets under `aggregate:`.
type Config struct {
	// GroupBy lists the resource attributes whose values make a group. At least one.
	GroupBy []string `mapstructure:"group_by"`

	// Critical is an RE2 pattern on process.executable.name: what matches is kept as it is and is in no sum.
	// Empty means that none is critical. It is not anchored: write ^nginx$ for that name alone.
	Critical string `mapstructure:"critical"`

	// MaxGroups bounds the groups; processes of further ones are summed in "(other)". Zero means no bound.
	MaxGroups int `mapstructure:"max_groups"`

	// IdleTimeout is for how long the counters of a group without a live process are still sent. They are
	// remembered beyond it, and go on from there when the group comes back. Zero means for ever.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault of the configuration at once.
func (c *Config) Validate() error {
	var errs error
	if len(c.GroupBy) == 0 || slices.Contains(c.GroupBy, "") {
		errs = errors.Join(errs, errors.New("group_by must name at least one resource attribute, and no empty one"))
	}
	for i, name := range c.GroupBy {
		if slices.Contains(c.GroupBy[:i], name) {
			errs = errors.Join(errs, fmt.Errorf("group_by names %q twice", name))
		}
	}
	if c.MaxGroups < 0 {
		errs = errors.Join(errs, errors.New("max_groups must not be negative"))
	}
	if c.IdleTimeout < 0 {
		errs = errors.Join(errs, errors.New("idle_timeout must not be negative"))
	}
	return errors.Join(errs, process.ValidateCritical(c.Critical))
}
