"""The rules of scoring; no I/O."""
