"""Position tokens, and waiting until read models contain a write."""

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence

from shared.envelope import Position
from shared.errors import DomainError, FieldProblem, Malformed
from shared.event_store import EventStore
from shared.subscription import Kept, Reaction

_POLL_SECONDS = 0.25


class NotReachedYet(DomainError):
    """The read model did not reach the write within the time allowed: 504, saying how far it is."""

    code = "not-reached-yet"
    status = 504


def token(log_id: str, position: Position) -> str:
    """An opaque text that names a position; it says nothing to clients and is not a secret."""
    plain = f"{log_id}:{position.log}:{position.partition}:{position.offset}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


class Progress:
    """How far subscriptions are, of this process or of others."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._subscriptions: dict[str, Kept] = {}

    def follow(self, subscriptions: Sequence[Kept]) -> None:
        self._subscriptions.update({each.target.name: each for each in subscriptions})

    @property
    def subscriptions(self) -> Mapping[str, Kept]:
        return self._subscriptions

    async def token_of(self, position: Position) -> str:
        return token(await self._store.log_id(position.log), position)

    async def wait_for(self, wanted: str, *, seconds: float = 5.0) -> None:
        """Until every read model of the token's log contains it.

        Raises Malformed for a token that is none of ours, NotReachedYet after `seconds`.
        """
        position = await self._position(wanted)
        place = (position.log, position.partition)
        late = await self._late({place: position.offset + 1}, seconds)
        if late is not None:
            raise NotReachedYet(
                f"{late.name} is at {await late.position(position.partition)} of"
                f" {position.log}/{position.partition}, the write is at {position.offset}"
            )

    async def reached(self, ends: Mapping[tuple[str, int], int], *, seconds: float) -> bool:
        """Until every read model contains what lies before these offsets of log and partition;
        False where one did not within that time."""
        return await self._late(ends, seconds) is None

    async def _late(self, ends: Mapping[tuple[str, int], int], seconds: float) -> Kept | None:
        deadline = asyncio.get_running_loop().time() + seconds
        for (log, partition), end in ends.items():
            for reader in self._subscriptions.values():
                if reader.log != log or isinstance(reader.target, Reaction):
                    continue
                while await reader.position(partition) < end:
                    left = deadline - asyncio.get_running_loop().time()
                    if left <= 0:
                        return reader
                    await reader.wait_until_moved(min(left, _POLL_SECONDS))
        return None

    async def _position(self, wanted: str) -> Position:
        try:
            plain = base64.urlsafe_b64decode(wanted + "=" * (-len(wanted) % 4)).decode()
            log_id, log, partition, offset = plain.split(":")
            position = Position(log, int(partition), int(offset))
            known = await self._store.log_id(log)
        except (ValueError, binascii.Error, TypeError, IndexError) as flaw:
            raise _foreign_token() from flaw
        if known != log_id or not 0 <= position.partition < self._store.partitions:
            raise _foreign_token()
        return position


def _foreign_token() -> Malformed:
    problem = FieldProblem("Pulsetrail-Wait-For", "unknown-token", "not a position of this system")
    return Malformed("the position token is not ours", errors=[problem])
