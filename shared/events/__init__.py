"""The published language: one module per producing service. Services meet here and nowhere else."""

from shared.events import (
    directory,
    goals,
    leads,
    notifications,
    opportunities,
    scoring,
    signals,
    visits,
)

__all__ = [
    "directory",
    "goals",
    "leads",
    "notifications",
    "opportunities",
    "scoring",
    "signals",
    "visits",
]
