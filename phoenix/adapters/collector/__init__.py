"""The collector binary: found, built, checked, and asked whether it accepts a configuration."""
