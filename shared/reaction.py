"""Side effects on the events of a log: what they are, and poison among what they are given."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.envelope import RecordedEvent
from shared.errors import PoisonMessage
from shared.read_model import Flaw, keep_first

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A side effect on the events of a log that it reads: `react` gets them in batches and sends
    commands, which are recognised when they come again (their ids derive from the events'). A new
    one starts at the head of the log unless `from_beginning`. It may raise PoisonMessage, after
    which the batch comes again event by event; anything else is tried again as it is."""

    name: str
    log: str
    react: Callable[[Sequence[RecordedEvent]], Awaitable[None]]
    reads: tuple[type, ...]
    from_beginning: bool = True
    version: int = 1

    async def take(self, events: Sequence[RecordedEvent]) -> list[Flaw]:
        """React to those that it reads, a thousand at once; answers which were poison."""
        flaws: dict[str, Flaw] = {}
        wanted = [each for each in events if isinstance(each.event, self.reads)]
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            unparked = [each for each in part if each.stored.stream not in flaws]
            keep_first(flaws, await self._together(unparked))
        return list(flaws.values())

    async def _together(self, events: Sequence[RecordedEvent]) -> list[Flaw]:
        """Where one is poison, each by itself."""
        flaws: dict[str, Flaw] = {}
        try:
            if events:
                await self.react(events)
        except PoisonMessage as flaw:
            if len(events) == 1:
                return [Flaw(events[0], str(flaw))]
            for each in events:
                if each.stored.stream not in flaws:
                    keep_first(flaws, await self._together([each]))
        return list(flaws.values())
