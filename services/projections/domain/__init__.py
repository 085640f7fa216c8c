"""The read models and their figures; no I/O."""
