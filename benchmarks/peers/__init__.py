"""Other systems that do the same work, each in an environment of its own, made on demand."""
