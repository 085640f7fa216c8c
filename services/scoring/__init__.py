"""Scores with their reasons: health, the chance of a lead, and records that are in doubt."""
