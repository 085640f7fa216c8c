"""The rules of escalating and delivering; no I/O."""
