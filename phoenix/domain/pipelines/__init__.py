"""Pipelines as a catalog describes them and documents name them: entries, typed parameters, references."""
