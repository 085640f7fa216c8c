"""How many events a subscription takes together: the more, the fewer rows have to be written."""

from collections.abc import Iterator, Sequence

from shared.feed import BATCH
from shared.intake import Batch

AT_LEAST = 2_000
AT_MOST = 80_000
_QUICK_SECONDS = 1.0
_SLOW_SECONDS = 2.5
_MORE_STANDS_THERE = 2_000
"""So many events are worth another fetch before the next batch begins."""


class BatchSize:
    """Grows while there is a backlog. A transaction that takes long holds up others, and is held up
    by them: then it shrinks."""

    def __init__(self) -> None:
        self.at_once = BATCH

    def is_reached_by(self, batches: Sequence[Batch]) -> bool:
        return _size(batches) >= self.at_once

    def is_worth_waiting(self, arrived: Sequence[Batch], behind: int, *, is_writing: bool) -> bool:
        """For more: where a whole batch stands there, and while the one before is written anyway.

        `behind`: how many events are known to come after what has arrived.
        """
        if self.is_reached_by(arrived):
            return False
        return behind >= (_MORE_STANDS_THERE if is_writing else self.at_once)

    def parts(self, arrived: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
        """All that arrived, in order: a last part that were less than half goes with the others."""
        part: list[Batch] = []
        left = _size(arrived)
        for each in arrived:
            part.append(each)
            left -= len(each.events)
            if self.is_reached_by(part) and left >= self.at_once // 2:
                yield part
                part = []
        if part:
            yield part

    def took(self, seconds: float) -> None:
        if seconds < _QUICK_SECONDS:
            self.at_once = min(self.at_once * 2, AT_MOST)
        elif seconds > _SLOW_SECONDS:
            self.at_once = max(self.at_once // 2, AT_LEAST)


def _size(batches: Sequence[Batch]) -> int:
    return sum(len(each.events) for each in batches)
