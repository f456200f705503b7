"""What every door offers, as documents: JSON-compatible in and out.

The API's routes call these in-process; `phoenix.adapters.api_client` offers the same over HTTP. The protocols are in
`phoenix.adapters.operations`; one contract suite runs over both (tests/contracts/test_operations.py).
"""
