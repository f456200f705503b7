"""Who may do what: roles, people, their sessions and tokens, and what is written down about it. Values only."""
