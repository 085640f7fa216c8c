"""The rules of opportunities; no I/O."""
