"""Flows: order, concurrency, retries and compensation. No arithmetic and no clients here."""
