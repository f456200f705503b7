"""What people see, made of plain values: of an experiment its summaries, sentences, charts and report; else documents."""
