"""When a webhook's delivery is tried again, and when a webhook is given up (G4)."""

from datetime import datetime, timedelta

BACK_OFF = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""Between the tries, as Standard Webhooks advise; after the last the delivery has failed."""
DISABLED_AFTER = timedelta(days=5)
"""Of nothing but failures."""


def next_try(tries: int, ended_at: datetime, retry_after_seconds: float | None) -> datetime | None:
    """After so many tries in vain; None: the delivery has failed, and waits for a replay."""
    if tries > len(BACK_OFF):
        return None
    pause = BACK_OFF[tries - 1]
    if retry_after_seconds is not None:
        pause = max(pause, timedelta(seconds=retry_after_seconds))
    return ended_at + pause


def is_given_up(failing_since: datetime | None, now: datetime) -> bool:
    """Nothing has arrived, while something was tried, for longer than `DISABLED_AFTER`."""
    return failing_since is not None and now - failing_since > DISABLED_AFTER
