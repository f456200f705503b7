"""YAML documents of people: read with a guard, written to be read."""
