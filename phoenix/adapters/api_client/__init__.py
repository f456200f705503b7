"""A Phoenix server over HTTP: the same protocols as in-process (`phoenix.adapters.operations`), by httpx.

client   one request: retries, idempotency keys, and problem details turned back into our errors
problems what an answer that is no success means
...      one module a noun; thin
"""
