"""The HTTP door: everything the command line can do, under /api/v1, behind sign-in and roles.

gate/    who asks, from where, and whether he may: before a body, a path or a header of the request is looked at
routes/  one module for each noun; thin over phoenix.services.operations
live/    the ledger as it grows, over a WebSocket
"""
