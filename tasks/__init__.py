"""Tasks: one observable, idempotent step each, thin over `phoenix.services.run`."""
