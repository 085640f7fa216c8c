"""A runner waits until it is shown what it has written, and no longer."""

from types import SimpleNamespace
from typing import Any, cast

from shared.own_writes import OwnWrites
from shared.ports import Ports


class Shown:
    """A log of two partitions, and a read model that follows it."""

    def __init__(self) -> None:
        self.heads = [3, 5]
        self.reached = [3, 5]

    @property
    def writes(self) -> OwnWrites:
        async def head(_log: str, partition: int) -> int:
            return self.heads[partition]

        async def position(partition: int) -> int:
            return self.reached[partition]

        kept = SimpleNamespace(position=position)
        ports: Any = SimpleNamespace(
            event_store=SimpleNamespace(partitions=2, head=head),
            progress=SimpleNamespace(subscriptions={"letters.pending": kept}),
        )
        return OwnWrites(cast("Ports", ports), "letters", "letters.pending")


async def test_who_begins_waits_for_what_was_written_before() -> None:
    shown = Shown()
    shown.reached = [3, 4]
    writes = shown.writes

    assert not await writes.are_shown()
    shown.reached = [3, 5]
    assert await writes.are_shown()


async def test_what_others_write_meanwhile_is_not_waited_for() -> None:
    shown = Shown()
    writes = shown.writes
    assert await writes.are_shown()

    shown.heads = [30, 50]

    assert await writes.are_shown()


async def test_after_a_write_it_is_waited_for() -> None:
    shown = Shown()
    writes = shown.writes
    assert await writes.are_shown()

    shown.heads = [3, 6]
    writes.wrote()

    assert not await writes.are_shown()
    shown.heads, shown.reached = [3, 60], [3, 6]
    assert await writes.are_shown()
