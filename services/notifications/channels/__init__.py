"""The ways out: one file per channel, all of them listed in table.py (N1)."""
