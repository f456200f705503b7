package topkprocessor

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"

	"phoenix/collector/processors/internal/process"
)

// Config is what a user sets under `topk:`.
type Config struct {
	// K is how many processes to keep by CPU and, apart, how many by memory. At least 1.
	K int `mapstructure:"k"`

	// Critical is an RE2 pattern on process.executable.name: what matches is always kept and not counted in K.
	// Empty means that none is critical. It is not anchored: write ^nginx$ for that name alone.
	Critical string `mapstructure:"critical"`

	// Window is the memory of the CPU ranking: what a process used this long ago counts 1/e of what it uses now.
	// Must be positive.
	Window time.Duration `mapstructure:"window"`

	// Hysteresis is the share by which a newcomer must exceed the weakest kept process to replace it in the CPU
	// ranking. Zero means that any excess is enough.
	Hysteresis float64 `mapstructure:"hysteresis"`

	// Rest says what becomes of the others: "aggregate" folds them into one resource, "drop" forgets them.
	Rest process.Rest `mapstructure:"rest"`
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault of the configuration at once.
func (c *Config) Validate() error {
	var errs error
	if c.K < 1 {
		errs = errors.Join(errs, errors.New("k must be at least 1"))
	}
	return errors.Join(errs, process.ValidateSelection(c.Critical, c.Window, c.Hysteresis, c.Rest))
}
