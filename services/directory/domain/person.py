"""A person of a tenant: unit, language, grants and addresses, until they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from shared.access import Role
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.event_type import PersonalText, Withheld
from shared.events.directory import (
    AddressSet,
    GrantGiven,
    GrantWithdrawn,
    PersonAdded,
    PersonLeft,
    PersonMoved,
    PersonRenamed,
)

LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPerson:
    """`joined_at`: since when the person belongs to the unit; by default now."""

    person_id: str
    unit_id: str
    name: str | None
    language: str
    now: datetime
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePerson:
    person_id: str
    name: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePerson:
    person_id: str
    unit_id: str
    now: datetime
    moved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLeaves:
    person_id: str
    now: datetime
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveGrant:
    person_id: str
    role: str
    unit_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawGrant:
    person_id: str
    role: str
    unit_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAddress:
    """`address` None: no longer reached on this channel."""

    person_id: str
    channel: str
    address: str | None
    now: datetime


PersonCommand = (
    AddPerson | RenamePerson | MovePerson | PersonLeaves | GiveGrant | WithdrawGrant | SetAddress
)
PersonEvent = (
    PersonAdded
    | PersonRenamed
    | PersonMoved
    | PersonLeft
    | GrantGiven
    | GrantWithdrawn
    | AddressSet
)


class PersonAlreadyExists(DomainError):
    code = "person-already-exists"


class PersonHasLeft(DomainError):
    code = "person-has-left"


class ChangeIsOutOfDate(DomainError):
    """The person came to the present unit later than they are said to have moved on or left."""

    code = "out-of-date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Employed:
    """`grants`: (role, unit), each once."""

    name: PersonalText
    language: str
    unit_id: str
    in_unit_since: datetime
    grants: frozenset[tuple[str, str]] = frozenset()
    addresses: Mapping[str, PersonalText] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What they were stays known: a grant can still be withdrawn, a name corrected."""

    last: Employed
    left_at: datetime


Person = Unknown | Employed | Left


def decide(command: PersonCommand, person: Person) -> Sequence[PersonEvent]:
    match command:
        case AddPerson():
            return add(command, person)
        case RenamePerson():
            return rename(command, person)
        case MovePerson():
            return move(command, person)
        case PersonLeaves():
            return leave(command, person)
        case GiveGrant():
            return give_grant(command, person)
        case WithdrawGrant():
            return withdraw_grant(command, person)
        case SetAddress():
            return set_address(command, person)
        case _:
            assert_never(command)


def add(command: AddPerson, person: Person) -> Sequence[PersonEvent]:
    if command.language not in LANGUAGES:
        expected = f"must be one of {', '.join(LANGUAGES)}"
        raise Malformed("person", errors=[FieldProblem("language", "out-of-range", expected)])
    match person:
        case Unknown():
            return [
                PersonAdded(
                    person_id=command.person_id,
                    unit_id=command.unit_id,
                    name=command.name,
                    language=command.language,
                    joined_at=command.joined_at or command.now,
                )
            ]
        case Employed():
            same_place = (person.unit_id, person.language) == (command.unit_id, command.language)
            if same_place and _is_said_already(person.name, command.name):
                return []
            raise PersonAlreadyExists(command.person_id)
        case Left():
            raise PersonHasLeft(command.person_id)
        case _:
            assert_never(person)


def _is_said_already(known: PersonalText, said: str | None) -> bool:
    """A name that is withheld from us, sealed or erased, is taken to be the one said again."""
    return isinstance(known, Withheld) or known == said


def rename(command: RenamePerson, person: Person) -> Sequence[PersonEvent]:
    if _known(command.person_id, person).name == command.name:
        return []
    return [PersonRenamed(person_id=command.person_id, name=command.name)]


def move(command: MovePerson, person: Person) -> Sequence[PersonEvent]:
    employed = _employed(command.person_id, person)
    moved_at = command.moved_at or command.now
    if employed.unit_id == command.unit_id:
        return []
    _refuse_what_is_out_of_date(moved_at, employed)
    return [PersonMoved(person_id=command.person_id, unit_id=command.unit_id, moved_at=moved_at)]


def leave(command: PersonLeaves, person: Person) -> Sequence[PersonEvent]:
    match person:
        case Unknown():
            raise NotFound(f"person {command.person_id}")
        case Employed():
            left_at = command.left_at or command.now
            _refuse_what_is_out_of_date(left_at, person)
            return [PersonLeft(person_id=command.person_id, left_at=left_at)]
        case Left():
            return []
        case _:
            assert_never(person)


def _refuse_what_is_out_of_date(changed_at: datetime, person: Employed) -> None:
    if changed_at < person.in_unit_since:
        raise ChangeIsOutOfDate(f"in unit {person.unit_id} since {person.in_unit_since}")


def give_grant(command: GiveGrant, person: Person) -> Sequence[PersonEvent]:
    employed = _employed(command.person_id, person)
    if command.role not in list(Role):
        expected = f"must be one of {', '.join(Role)}"
        raise Malformed("grant", errors=[FieldProblem("role", "out-of-range", expected)])
    if (command.role, command.unit_id) in employed.grants:
        return []
    return [GrantGiven(person_id=command.person_id, role=command.role, unit_id=command.unit_id)]


def withdraw_grant(command: WithdrawGrant, person: Person) -> Sequence[PersonEvent]:
    known = _known(command.person_id, person)
    if (command.role, command.unit_id) not in known.grants:
        return []
    return [GrantWithdrawn(person_id=command.person_id, role=command.role, unit_id=command.unit_id)]


def set_address(command: SetAddress, person: Person) -> Sequence[PersonEvent]:
    employed = _employed(command.person_id, person)
    if not command.channel.strip():
        problem = FieldProblem("channel", "missing", "must not be empty")
        raise Malformed("address", errors=[problem])
    if employed.addresses.get(command.channel) == command.address:
        return []
    return [
        AddressSet(person_id=command.person_id, channel=command.channel, address=command.address)
    ]


def _known(person_id: str, person: Person) -> Employed:
    match person:
        case Unknown():
            raise NotFound(f"person {person_id}")
        case Employed():
            return person
        case Left():
            return person.last
        case _:
            assert_never(person)


def _employed(person_id: str, person: Person) -> Employed:
    if isinstance(person, Left):
        raise PersonHasLeft(person_id)
    return _known(person_id, person)


def evolve(person: Person, event: PersonEvent) -> Person:
    if isinstance(event, PersonAdded):
        return Employed(
            name=event.name,
            language=event.language,
            unit_id=event.unit_id,
            in_unit_since=event.joined_at,
        )
    known = _known(event.person_id, person)
    match event:
        case PersonLeft():
            return Left(last=known, left_at=event.left_at)
        case PersonRenamed():
            changed = replace(known, name=event.name)
        case PersonMoved():
            changed = replace(known, unit_id=event.unit_id, in_unit_since=event.moved_at)
        case GrantGiven():
            changed = replace(known, grants=known.grants | {(event.role, event.unit_id)})
        case GrantWithdrawn():
            changed = replace(known, grants=known.grants - {(event.role, event.unit_id)})
        case AddressSet():
            addresses = {**known.addresses, event.channel: event.address}
            changed = replace(known, addresses=addresses)
        case _:
            assert_never(event)
    return replace(person, last=changed) if isinstance(person, Left) else changed


PERSON: Decider[PersonCommand, Person, PersonEvent] = Decider(
    name="person", decide=decide, evolve=evolve, initial=Unknown(), states=(Unknown, Employed, Left)
)
