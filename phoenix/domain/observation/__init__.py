"""The observation: from what a variant exports and the kernel's table to a sample. `observer` is the door."""
