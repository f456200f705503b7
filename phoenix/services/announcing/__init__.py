"""Tells others what the ledger says: events for machines, notices for people. A run never waits for either."""
