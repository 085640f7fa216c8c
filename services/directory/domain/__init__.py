"""The rules of the directory; no I/O."""
