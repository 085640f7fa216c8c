"""A made-up business on the directory's events: people join a unit, move and leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import Column, String, Table

from shared.clock import milliseconds
from shared.decider import Decider
from shared.envelope import RecordedEvent
from shared.errors import DomainError, NotFound
from shared.event_type import PersonalText
from shared.events.directory import PersonAdded, PersonLeft, PersonMoved
from shared.projecting import JournalReadModel, RowReadModel
from shared.projection import Point, Projection
from shared.read_store import METADATA

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NOWHERE = "nowhere"
"""Moving here is decided without objection and cannot be folded by the read models."""


class PersonIsHereAlready(DomainError):
    code = "person-is-here-already"


class PersonHasLeft(DomainError):
    code = "person-has-left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    person_id: str
    unit_id: str = "u1"
    name: str = "Ann Example"
    now: datetime = NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    person_id: str
    unit_id: str
    now: datetime = NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    person_id: str
    now: datetime = NOW


Command = Join | Move | Leave
StaffEvent = PersonAdded | PersonMoved | PersonLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Never heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    unit_id: str
    name: PersonalText
    moves: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Left for good."""


Person = Absent | Present | Gone


def join(command: Join, person: Person) -> Sequence[StaffEvent]:
    match person:
        case Absent():
            return [
                PersonAdded(
                    person_id=command.person_id,
                    unit_id=command.unit_id,
                    name=command.name,
                    language="en",
                    joined_at=command.now,
                )
            ]
        case Present():
            raise PersonIsHereAlready
        case Gone():
            raise PersonHasLeft
        case _:
            assert_never(person)


def move(command: Move, person: Person) -> Sequence[StaffEvent]:
    match person:
        case Absent():
            raise NotFound(command.person_id)
        case Present(unit_id=command.unit_id):
            return []
        case Present():
            moved = PersonMoved(
                person_id=command.person_id, unit_id=command.unit_id, moved_at=command.now
            )
            return [moved]
        case Gone():
            raise PersonHasLeft
        case _:
            assert_never(person)


def leave(command: Leave, person: Person) -> Sequence[StaffEvent]:
    match person:
        case Absent():
            raise NotFound(command.person_id)
        case Present():
            return [PersonLeft(person_id=command.person_id, left_at=command.now)]
        case Gone():
            return []
        case _:
            assert_never(person)


def decide(command: Command, person: Person) -> Sequence[StaffEvent]:
    match command:
        case Join():
            return join(command, person)
        case Move():
            return move(command, person)
        case Leave():
            return leave(command, person)
        case _:
            assert_never(command)


def evolve(person: Person, event: StaffEvent) -> Person:
    match event:
        case PersonAdded():
            return Present(unit_id=event.unit_id, name=event.name)
        case PersonMoved():
            assert isinstance(person, Present)
            return replace(person, unit_id=event.unit_id, moves=person.moves + 1)
        case PersonLeft():
            return Gone()
        case _:
            assert_never(event)


STAFF: Decider[Command, Person, StaffEvent] = Decider(
    "person", decide, evolve, Absent(), states=(Absent, Present, Gone)
)


# -------------------------------------------------------------------------------- read side


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    unit_id: str
    from_: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """Where a person was and is."""

    person_id: str
    stays: tuple[Stay, ...]


def evolve_row(row: StaffRow | None, recorded: RecordedEvent) -> StaffRow | None:
    """Raises ValueError for whom nobody added, and for a move to nowhere."""
    event = recorded.event
    if isinstance(event, PersonAdded):
        stay = Stay(unit_id=event.unit_id, from_=event.joined_at)
        return StaffRow(person_id=event.person_id, stays=(stay,))
    if row is None:
        raise ValueError("nobody added this person")
    match event:
        case PersonMoved(unit_id=unit_id) if unit_id == NOWHERE:
            raise ValueError("nobody can be nowhere")
        case PersonMoved():
            *before, last = row.stays
            closed = replace(last, until=event.moved_at)
            new = Stay(unit_id=event.unit_id, from_=event.moved_at)
            return replace(row, stays=(*before, closed, new))
        case PersonLeft():
            *before, last = row.stays
            return replace(row, stays=(*before, replace(last, until=event.left_at)))
        case _:
            raise AssertionError(event)


def headcount(row: StaffRow) -> Mapping[Point, int]:
    """People in a unit: +1 where a stay begins, -1 where it ends."""
    points: dict[Point, int] = {}
    for stay in row.stays:
        begun = Point("headcount", stay.unit_id, "", "", "", stay.from_)
        points[begun] = points.get(begun, 0) + 1
        if stay.until is not None:
            ended = begun._replace(at=stay.until)
            points[ended] = points.get(ended, 0) - 1
    return points


def next_talk(row: StaffRow) -> datetime | None:
    """A talk is due thirty days into the latest stay, with whoever is still there."""
    last = row.stays[-1]
    return last.from_ + timedelta(days=30) if last.until is None else None


HEADCOUNT: Projection[StaffRow] = Projection(
    name="headcount",
    version=1,
    reads=(PersonAdded, PersonMoved, PersonLeft),
    row_type=StaffRow,
    key=lambda event: event.person_id,
    evolve=evolve_row,
    columns=lambda row: {"unit_id": row.stays[-1].unit_id},
    contributions=headcount,
    next_due=next_talk,
)


def headcount_model() -> RowReadModel[StaffRow]:
    return RowReadModel(
        service="staff",
        log="directory",
        projection=HEADCOUNT,
        columns=(("unit_id", String(64)),),
        indexes=(("unit_id",),),
    )


def entries(recorded: RecordedEvent) -> Sequence[Mapping[str, Any]]:
    event = recorded.event
    if not isinstance(event, PersonMoved):
        return []
    if event.unit_id == NOWHERE:
        raise ValueError("nobody can be nowhere")
    return [
        {
            "tenant_id": recorded.tenant_id,
            "event_id": str(recorded.event_id),
            "moved_at": str(milliseconds(event.moved_at)),
        }
    ]


def moves_model() -> JournalReadModel:
    name = "staff_moves_v1"
    table = METADATA.tables.get(name)
    if table is None:
        table = Table(
            name,
            METADATA,
            Column("tenant_id", String(64), primary_key=True),
            Column("event_id", String(36), primary_key=True),
            Column("moved_at", String, nullable=False),
        )
    return JournalReadModel("staff", "directory", "moves", 1, table, entries)
