"""Hosts: machines with slots for collectors, behind the port `phoenix.adapters.ports.Host`.

Whatever is started here outlives its starter, ends by a deadline of its own, and carries marks in its environment by
which the kernel's process table shows whose it is. Files are truth after a crash, the process table is truth always.
"""
