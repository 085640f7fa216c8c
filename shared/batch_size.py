"""How many events a subscription takes together: the more, the fewer rows have to be written."""

from collections.abc import Sequence

from shared.feed import BATCH
from shared.intake import Batch

AT_LEAST = 2_000
AT_MOST = 80_000
_QUICK_SECONDS = 1.0
_SLOW_SECONDS = 2.5
_MORE_STANDS_THERE = 2_000
"""A fetch that brought so many events will be followed by another at once."""


class BatchSize:
    """Grows while there is a backlog. A transaction that takes long holds up others, and is held up
    by them: then it shrinks."""

    def __init__(self) -> None:
        self.at_once = BATCH

    def is_reached_by(self, batches: Sequence[Batch]) -> bool:
        return _size(batches) >= self.at_once

    def is_worth_waiting(self, fetched: Sequence[Batch], arrived: Sequence[Batch]) -> bool:
        """For more, while the batch before is written anyway."""
        return _size(fetched) >= _MORE_STANDS_THERE and not self.is_reached_by(arrived)

    def took(self, seconds: float) -> None:
        if seconds < _QUICK_SECONDS:
            self.at_once = min(self.at_once * 2, AT_MOST)
        elif seconds > _SLOW_SECONDS:
            self.at_once = max(self.at_once // 2, AT_LEAST)


def _size(batches: Sequence[Batch]) -> int:
    return sum(len(each.events) for each in batches)
