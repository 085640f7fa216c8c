"""Faults under load, and after each the comparison with a pure fold of the log."""
