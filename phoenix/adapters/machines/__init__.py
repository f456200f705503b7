"""Machines: what the logic of a host needs of the one it stands on, be it this one or another over SSH."""
