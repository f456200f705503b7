"""The steps of one experiment while it is driven, one module a step; the tasks call them, in the flow's order.

Every step writes its intent to the ledger before it changes anything outside, and its outcome after.
"""
