"""PRESENCE: whether a rep is there: seen lately, or marked on duty (L5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.decider import Decider
from shared.envelope import RecordedEvent
from shared.events.leads import RepSeen, RepWentOffDuty, RepWentOnDuty
from shared.projection import Projection

RECORDED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePresence:
    """`on_duty` None: as marked before."""

    person_id: str
    on_duty: bool | None
    now: datetime


PresenceEvent = RepSeen | RepWentOnDuty | RepWentOffDuty


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    seen_at: datetime | None = None
    on_duty: bool = False


def note(command: NotePresence, presence: Presence) -> Sequence[PresenceEvent]:
    """Being seen is recorded once a minute."""
    person_id, now = command.person_id, command.now
    events: list[PresenceEvent] = []
    if presence.seen_at is None or now - presence.seen_at >= RECORDED_EVERY:
        events.append(RepSeen(person_id=person_id, seen_at=now))
    if command.on_duty is not None and command.on_duty != presence.on_duty:
        if command.on_duty:
            events.append(RepWentOnDuty(person_id=person_id, went_on_duty_at=now))
        else:
            events.append(RepWentOffDuty(person_id=person_id, went_off_duty_at=now))
    return events


def evolve(presence: Presence, event: PresenceEvent) -> Presence:
    match event:
        case RepSeen():
            return replace(presence, seen_at=event.seen_at)
        case RepWentOnDuty():
            return replace(presence, on_duty=True)
        case RepWentOffDuty():
            return replace(presence, on_duty=False)
        case _:
            assert_never(event)


PRESENCE: Decider[NotePresence, Presence, PresenceEvent] = Decider(
    "presence", note, evolve, Presence()
)


def _row(row: Presence | None, recorded: RecordedEvent) -> Presence:
    return evolve(row or Presence(), recorded.event)


def _person_id(event: PresenceEvent) -> str:
    return event.person_id


PRESENCE_LIST: Projection[Presence] = Projection(
    name="presence_list",
    version=1,
    reads=(RepSeen, RepWentOnDuty, RepWentOffDuty),
    row_type=Presence,
    key=_person_id,
    evolve=_row,
)
