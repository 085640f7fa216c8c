"""What becomes of one stream's appends, decided on where the stream ends; no I/O."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from kurrentdbclient import NewEvent

from shared.adapters.event_appending import NOTHING, Appending, Place, Standing, command_key
from shared.adapters.kurrentdb_event_store_events import (
    CommandMetadata,
    StreamEnd,
    command_metadata,
    new_event,
)
from shared.event_store import Append, Outcome, Verdict

NO_STREAM = StreamEnd(NOTHING, 0, {})


class StreamKey(NamedTuple):
    log: str
    stream: str


class StreamRun(NamedTuple):
    """Appends for one stream that stand next to one another in their call."""

    key: StreamKey
    appends: Sequence[Append]


class StreamDecision(NamedTuple):
    """`end`: where the stream ends when `events` are stored. Outcomes lack their positions."""

    outcomes: list[Outcome]
    events: list[NewEvent]
    end: StreamEnd

    @property
    def conflicts(self) -> bool:
        return any(outcome.verdict is Verdict.CONFLICT for outcome in self.outcomes)


def runs_of(appends: Sequence[Append]) -> list[StreamRun]:
    runs = groupby(appends, key=lambda append: StreamKey(append.log, append.stream))
    return [StreamRun(key, list(found)) for key, found in runs]


def decide(run: StreamRun, end: StreamEnd, now: int) -> StreamDecision:
    """`now` in milliseconds."""
    place = Place(run.key.log, 0)
    appending = Appending(
        {place: Standing(0, end.recorded_at)},
        {place: {run.key.stream: end.head}},
        end.commands,
        now,
    )
    outcomes = [appending.take(append, place)._replace(position=None) for append in run.appends]
    commands = dict(end.commands)
    metadata: dict[UUID, CommandMetadata] = {}
    for log, command, outcome in appending.remembered:
        if outcome.event_ids:
            last = outcome.event_ids[-1]
            metadata[last] = command_metadata(command, len(outcome.event_ids))
            kept = outcome._replace(position=None)
            commands[command_key(log, command)] = (command.digest, kept)
    if not appending.events:
        return StreamDecision(outcomes, [], end)
    events = [new_event(event, metadata.get(event.event_id)) for event in appending.events]
    head = appending.changed[place][run.key.stream]
    after = StreamEnd(head, appending.standing(place).recorded_at, commands)
    return StreamDecision(outcomes, events, after)
