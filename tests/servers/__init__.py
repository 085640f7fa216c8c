"""Real servers that tests ask for: one of each per run."""
