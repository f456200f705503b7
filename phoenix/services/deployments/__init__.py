"""Pipelines on hosts: deploy, look, compare, go back, delete, and finish what nobody drives any more.

    verbs.py      Deployments: what the doors call
    holding.py    one host is ours while something is changed there, and clean afterwards
    rollout.py    the same on many hosts, a few at once
    deploying.py  rolling_back.py  deleting.py    one host each
    drift.py      what serves on a host, held against the ledger
    status.py     how what serves is doing
    recovery.py   what a lost driver or an unreachable host left

Every verb gives values; doors print them. The hand-over itself is `phoenix.services.handover`.
"""
