"""Takes the scrapes of a run: both variants and the kernel at one tick, on a schedule that never bunches."""
