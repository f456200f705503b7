"""The decision: from scrapes to a verdict, pure. `comparison.compare` is the door; docs/statistics.md the method."""
