"""What one commit of a store with partitions comes to, decided under their locks; no I/O."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.clock import moment
from shared.envelope import EncodedEvent, Position, StoredEvent
from shared.event_store import Append, CommandRecord, Outcome, Verdict
from shared.integrity import NO_HASH, event_hash


class Place(NamedTuple):
    """A partition of a log; sorted, the order in which they are locked."""

    log: str
    partition: int


class Head(NamedTuple):
    """Where a stream ends."""

    version: int
    hash: bytes


class Standing(NamedTuple):
    """Where a partition ends; `recorded_at` in milliseconds."""

    next_offset: int
    recorded_at: int


CommandKey = tuple[str, str, str]
"""Log, tenant and id of a command."""

NOTHING = Head(0, NO_HASH)


def command_key(log: str, command: CommandRecord) -> CommandKey:
    return log, command.tenant_id, command.command_id


class Appending:
    """Takes appends in order; `heads` by partition and stream; those of new streams are missing."""

    def __init__(
        self,
        standings: Mapping[Place, Standing],
        heads: Mapping[Place, Mapping[str, Head]],
        commands: Mapping[CommandKey, tuple[bytes, Outcome]],
        now: int,
    ) -> None:
        self._commands = dict(commands)
        self._heads = heads
        self._offsets = {place: standing.next_offset for place, standing in standings.items()}
        self._times = {
            place: max(standing.recorded_at, now) for place, standing in standings.items()
        }
        self._moments: dict[Place, datetime] = {
            place: moment(at) for place, at in self._times.items()
        }
        self.events: list[StoredEvent] = []
        self.remembered: list[tuple[str, CommandRecord, Outcome]] = []
        self.changed: dict[Place, dict[str, Head]] = {place: {} for place in standings}

    def standing(self, place: Place) -> Standing:
        """Where the partition ends after this commit."""
        return Standing(self._offsets[place], self._times[place])

    def take(self, append: Append, place: Place) -> Outcome:
        command = append.command
        if command is not None:
            known = self._first_outcome(append.log, command)
            if known is not None:
                return known
        changed, stored_heads = self.changed[place], self._heads[place]
        version, previous = changed.get(append.stream) or stored_heads.get(append.stream) or NOTHING
        if version != append.expected_version:
            return Outcome(Verdict.CONFLICT, version, None, (), b"")
        position: Position | None = None
        for event in append.events:
            version += 1
            stored = self._add(append, place, event, version, previous)
            position, previous = stored.position, stored.hash
        if append.events:
            changed[append.stream] = Head(version, previous)
        ids = tuple(event.event_id for event in append.events)
        answer = b"" if command is None else command.answer
        outcome = Outcome(Verdict.DONE, version, position, ids, answer)
        if command is not None:
            self._commands[command_key(append.log, command)] = (command.digest, outcome)
            self.remembered.append((append.log, command, outcome))
        return outcome

    def _first_outcome(self, log: str, command: CommandRecord) -> Outcome | None:
        known = self._commands.get(command_key(log, command))
        if known is None:
            return None
        digest, outcome = known
        if digest != command.digest:
            return Outcome(Verdict.KEY_REUSED, 0, None, (), b"")
        return outcome._replace(verdict=Verdict.DUPLICATE)

    def _add(
        self, append: Append, place: Place, event: EncodedEvent, version: int, previous: bytes
    ) -> StoredEvent:
        offset = self._offsets[place]
        self._offsets[place] = offset + 1
        envelope = event.envelope
        unhashed = (
            append.log,
            place.partition,
            offset,
            append.stream,
            version,
            event.event_id,
            event.type,
            event.schema_version,
            envelope.tenant_id,
            envelope.actor_id,
            envelope.occurred_at,
            envelope.raw_occurred_at,
            envelope.sent_at,
            envelope.entered_at,
            envelope.origin,
            self._moments[place],
            envelope.correlation_id,
            envelope.causation_id,
            envelope.command_id,
            envelope.trace_context,
            event.payload,
        )
        digest = event_hash(previous, StoredEvent._make((*unhashed, NO_HASH)))
        stored = StoredEvent._make((*unhashed, digest))
        self.events.append(stored)
        return stored
