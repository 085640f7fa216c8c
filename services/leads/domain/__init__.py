"""The rules of customers; no I/O."""
