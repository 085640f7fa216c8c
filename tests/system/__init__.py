"""The whole system in one process, from the outside."""
