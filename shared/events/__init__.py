"""The published language: one module per producing service. Services meet here and nowhere else."""

from shared.events import (
    directory,
    leads,
    notifications,
    opportunities,
    scoring,
    signals,
    visits,
    webhooks,
)

__all__ = [
    "directory",
    "leads",
    "notifications",
    "opportunities",
    "scoring",
    "signals",
    "visits",
    "webhooks",
]
