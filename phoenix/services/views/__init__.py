"""What people see of an experiment, made of plain values: summaries, sentences, charts, the report."""
