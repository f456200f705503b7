"""Load simulation: profiles, what they come to, and load runs."""
