package adaptivefilterprocessor

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"

	"phoenix/collector/processors/internal/process"
)

// Config is what a user sets under `adaptive_filter:`.
type Config struct {
	// MaxSeries is the budget: active series as a backend sees them, those of critical processes, of the rest and
	// of recently dropped processes included. At least 1.
	MaxSeries int `mapstructure:"max_series"`

	// Critical is an RE2 pattern on process.executable.name: what matches is always kept, even over the budget.
	// Empty means that none is critical. It is not anchored: write ^nginx$ for that name alone.
	Critical string `mapstructure:"critical"`

	// MinCPU is the CPU use, in cores, from which a process is kept on a quiet host. Zero keeps every process
	// as far as the budget reaches.
	MinCPU float64 `mapstructure:"min_cpu"`

	// MinMemory is the resident memory, in bytes, from which a process is kept on a quiet host. Zero keeps every
	// process as far as the budget reaches.
	MinMemory int64 `mapstructure:"min_memory"`

	// ReferenceProcesses is the population up to which the thresholds stay as set; with twice as many processes
	// they are twice as high. Zero means that the population does not move them.
	ReferenceProcesses int `mapstructure:"reference_processes"`

	// LoadScale says how far CPU load raises the thresholds: they are multiplied by 1 + LoadScale x (cores in use
	// by all processes / cores of the host). Zero means that load does not move them.
	LoadScale float64 `mapstructure:"load_scale"`

	// Window is the memory of the CPU score: what a process used this long ago counts 1/e of what it uses now.
	// Must be positive.
	Window time.Duration `mapstructure:"window"`

	// Hysteresis is the share by which the thresholds are lower, and the rank is higher, for a kept process.
	Hysteresis float64 `mapstructure:"hysteresis"`

	// Retain is for how many scrapes a backend still counts a series after its last point (2.5 rounds up to 3 for
	// the Prometheus exporter as Phoenix sets it). Zero means that a dropped series is gone at once.
	Retain int `mapstructure:"retain"`

	// Rest says what becomes of the others: "aggregate" folds them into one resource, "drop" forgets them.
	Rest process.Rest `mapstructure:"rest"`
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault of the configuration at once.
func (c *Config) Validate() error {
	var errs error
	if c.MaxSeries < 1 {
		errs = errors.Join(errs, errors.New("max_series must be at least 1"))
	}
	if c.MinCPU < 0 || c.MinMemory < 0 {
		errs = errors.Join(errs, errors.New("min_cpu and min_memory must not be negative"))
	}
	if c.ReferenceProcesses < 0 || c.LoadScale < 0 || c.Retain < 0 {
		errs = errors.Join(errs, errors.New("reference_processes, load_scale and retain must not be negative"))
	}
	return errors.Join(errs, process.ValidateSelection(c.Critical, c.Window, c.Hysteresis, c.Rest))
}
