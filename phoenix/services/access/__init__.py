"""The verbs about people: signing in and out, users, tokens, the audit. What is done is written down by the door."""
