"""The port that brings a subscription its events where it does not read the store's log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.envelope import ArrivedEvent


class Delivered(NamedTuple):
    """What one fetch brought of one partition, in order.

    Events may come again, or have come before; a hole in their offsets means that one was lost.
    `next_source_offset` is where the source goes on after these. `recorded_until` is the latest
    tick among them: everything recorded before it has been delivered; None without a tick.
    `events` is empty where a fetch brought ticks alone. `behind`: how many messages after these
    are known to stand there. `skipped`: how many events came again and are not among these.
    """

    partition: int
    events: Sequence[ArrivedEvent]
    next_source_offset: int
    recorded_until: datetime | None
    behind: int = 0
    skipped: int = 0


class StartingPoint(NamedTuple):
    """Where to begin in a partition: at `source_offset` if known and still there, else wherever
    the source finds that the event with the log offset `next_offset` comes later or there (events
    before it are recognised and skipped)."""

    next_offset: int
    source_offset: int | None


class PartitionOwner(Protocol):
    """Who is told when partitions come and go; the stored offsets rule, not the source's own."""

    async def assigned(self, partitions: Collection[int]) -> Mapping[int, StartingPoint]:
        """Where to begin in each; nothing of them is fetched before this has answered."""
        ...

    async def revoked(self, partitions: Collection[int]) -> None:
        """What is in hand is finished or left; what was fetched and not taken will come again."""
        ...


class LogSource(Protocol):
    """One subscription's own reader of one log, in a group that shares the partitions.

    Raises SubscriptionStopped where what comes next is not in the source any more, when
    its partitions are not as many as the log's, and when it brings another log (`log_id`);
    StoreAway while it cannot be reached. A hole amid a partition stops that one only.
    """

    async def start(self, owner: PartitionOwner) -> None: ...

    async def fetch(self, seconds: float) -> list[Delivered]:
        """What has come by now, of several partitions, one entry each; waits at most `seconds`.

        May be called again while what it brought before is still being written.
        """
        ...

    async def seek(self, partition: int, start: StartingPoint) -> None:
        """Go on from there: what was fetched after it comes again. Nothing happens for a
        partition that is not assigned any more."""
        ...

    @property
    def stopped(self) -> Mapping[int, str]:
        """Partitions of which an event is missing, and why nothing more of them comes until they
        are assigned or sought anew."""
        ...

    async def lag(self) -> Mapping[int, int]:
        """Per assigned partition how many messages have not been fetched yet, at most: of one not
        placed yet all that ever came.

        Outside its group it may be missing anything, and so every partition counts like that; a
        member of it for whom no partition is left lags behind nothing.
        """
        ...

    async def report(self, source_offsets: Mapping[int, int]) -> None:
        """Tell where the subscription stands, for displays of lag only; failures are ignored."""
        ...

    async def close(self) -> None:
        """Leave the group, so that others take over at once."""
        ...
