"""A tenant's organisation as every service keeps it, folded from the directory's events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never, get_args

from shared.envelope import RecordedEvent
from shared.errors import NotYetKnown
from shared.event_type import PersonalText
from shared.events import directory
from shared.projection import Projection
from shared.tenant_time import CalendarYear, TenantTime

ORGANISATION_KEY = "organisation"
MANAGING_ROLES = ("store_supervisor", "manager", "director")
"""Who is somebody's manager, the nearer first where several hold the same unit."""


@dataclass(slots=True, kw_only=True)
class UnitOfTree:
    name: str
    kind: str
    parent_id: str | None
    children: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class PersonOfTenant:
    """`unit_history`: (since when, unit), oldest first; `grants`: (role, unit)."""

    name: PersonalText
    language: str
    unit_history: list[tuple[datetime, str]]
    left_at: datetime | None = None
    grants: list[tuple[str, str]] = field(default_factory=list)
    addresses: dict[str, PersonalText] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ApiKeyOfTenant:
    key_id: str
    role: str
    unit_id: str
    person_id: str | None
    name: str
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    is_session: bool = False


@dataclass(slots=True, kw_only=True)
class Organisation(TenantTime):
    """One row per tenant, changed in place: it holds thousands of people, an event touches one.

    Children, `members` (unit → people) and `granted` (unit → role → people) repeat what parents,
    people and grants say, so that no question has to look at everybody. People may be heard of
    before their unit: streams are in order, logs with several partitions are not.
    """

    root_id: str | None = None
    units: dict[str, UnitOfTree] = field(default_factory=dict)
    people: dict[str, PersonOfTenant] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    granted: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    api_keys: dict[str, ApiKeyOfTenant] = field(default_factory=dict)

    def knows_unit(self, unit_id: str) -> bool:
        return unit_id in self.units

    def knows_person(self, person_id: str) -> bool:
        return person_id in self.people

    def has_left(self, person_id: str) -> bool:
        return person_id in self.people and self.people[person_id].left_at is not None

    def unit_path(self, unit_id: str) -> tuple[str, ...]:
        """The unit and everything above it, root first. Raises NotYetKnown for an unknown unit."""
        if unit_id not in self.units:
            raise NotYetKnown(f"unit {unit_id}")
        return tuple(self._upward(unit_id))[::-1]

    def subtree(self, unit_id: str) -> frozenset[str]:
        """The unit and everything below it; empty for an unknown unit."""
        found: set[str] = set()
        waiting = [unit_id] if unit_id in self.units else []
        while waiting:
            unit = waiting.pop()
            found.add(unit)
            waiting.extend(self.units[unit].children)
        return frozenset(found)

    def children(self, unit_id: str) -> tuple[str, ...]:
        unit = self.units.get(unit_id)
        return tuple(sorted(unit.children)) if unit else ()

    def people_in(self, unit_id: str) -> tuple[str, ...]:
        """Who belongs to exactly this unit now."""
        return tuple(sorted(self.members.get(unit_id, ())))

    def unit_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """The person's unit at the end `at` of what came before; None for an unknown person.

        Before the first known unit, that one: an imported rep belonged somewhere all along.
        """
        person = self.people.get(person_id)
        if person is None:
            return None
        unit_id = person.unit_history[0][1]
        for since, later_unit_id in person.unit_history[1:]:
            if at is None or since < at:
                unit_id = later_unit_id
        return unit_id

    def holders(self, role: str, unit_id: str) -> tuple[str, ...]:
        """Who holds the role on exactly this unit and has not left, by id."""
        return tuple(sorted(self.granted.get(unit_id, {}).get(role, ())))

    def managers_upward(self, subject_id: str) -> tuple[tuple[str, ...], ...]:
        """The managers of a person or unit, nearest first: each step who manages on one level.

        A person is never their own manager, and nobody appears twice.
        """
        is_person = subject_id in self.people
        unit_id = self.unit_of(subject_id) if is_person else subject_id
        passed = {subject_id} if is_person else set()
        steps = []
        for level in self._upward(unit_id):
            for role in MANAGING_ROLES:
                step = tuple(who for who in self.holders(role, level) if who not in passed)
                if step:
                    steps.append(step)
                    passed.update(step)
        return tuple(steps)

    def manager_of(self, subject_id: str) -> str | None:
        """The nearest manager of a person or unit, the first by id among equals."""
        steps = self.managers_upward(subject_id)
        return steps[0][0] if steps else None

    def around(self, unit_id: str) -> tuple[str, ...]:
        """Who manages the unit, nearest first, and who belongs to it; nobody who has left."""
        managers = [each for step in self.managers_upward(unit_id) for each in step]
        found = dict.fromkeys([*managers, *self.people_in(unit_id)])
        return tuple(each for each in found if not self.has_left(each))

    def called(self, person_id: str) -> str:
        """The person's name; the id where there is none."""
        known = self.people.get(person_id)
        name = known.name if known else None
        return name if isinstance(name, str) else person_id

    def _upward(self, unit_id: str | None) -> Iterator[str]:
        while unit_id is not None and unit_id in self.units:
            yield unit_id
            unit_id = self.units[unit_id].parent_id


DirectoryEvent = (
    directory.TenantCreated
    | directory.SettingsChanged
    | directory.HistoryClockMoved
    | directory.TenantWentLive
    | directory.CalendarDaysSet
    | directory.UnitAdded
    | directory.UnitRenamed
    | directory.UnitMoved
    | directory.PersonAdded
    | directory.PersonRenamed
    | directory.PersonMoved
    | directory.PersonLeft
    | directory.GrantGiven
    | directory.GrantWithdrawn
    | directory.AddressSet
    | directory.ApiKeyCreated
    | directory.ApiKeyRevoked
)


def evolve(row: Organisation | None, recorded: RecordedEvent) -> Organisation:
    organisation = Organisation(tenant_id=recorded.tenant_id) if row is None else row
    return changed(organisation, recorded.event)


def changed(organisation: Organisation, event: DirectoryEvent) -> Organisation:
    """The same one, changed in place."""
    match event:
        case directory.TenantCreated():
            organisation.change_setting("zone", event.zone, None)
        case directory.SettingsChanged():
            for name, value in event.settings.items():
                organisation.change_setting(name, value, event.effective_at)
        case directory.HistoryClockMoved():
            organisation.clock_at = event.clock_at
        case directory.TenantWentLive():
            organisation.live_at = event.live_at
        case directory.CalendarDaysSet():
            organisation.years[event.year] = CalendarYear(
                days=dict(event.days), provisional=event.provisional, source=event.source
            )
        case directory.UnitAdded() | directory.UnitRenamed() | directory.UnitMoved():
            _evolve_unit(organisation, event)
        case directory.ApiKeyCreated() | directory.ApiKeyRevoked():
            _evolve_key(organisation, event)
        case _:
            _evolve_person(organisation, event)
    return organisation


def _evolve_unit(
    organisation: Organisation,
    event: directory.UnitAdded | directory.UnitRenamed | directory.UnitMoved,
) -> None:
    units = organisation.units
    match event:
        case directory.UnitAdded():
            units[event.unit_id] = UnitOfTree(
                name=event.name, kind=event.kind, parent_id=event.parent_id
            )
            if event.parent_id is None:
                organisation.root_id = event.unit_id
            else:
                units[event.parent_id].children.append(event.unit_id)
        case directory.UnitRenamed():
            units[event.unit_id].name = event.name
        case directory.UnitMoved():
            unit = units[event.unit_id]
            if unit.parent_id is not None:
                units[unit.parent_id].children.remove(event.unit_id)
            unit.parent_id = event.parent_id
            units[event.parent_id].children.append(event.unit_id)
        case _:
            assert_never(event)


def _evolve_key(
    organisation: Organisation, event: directory.ApiKeyCreated | directory.ApiKeyRevoked
) -> None:
    match event:
        case directory.ApiKeyCreated():
            organisation.api_keys[event.key_hash] = ApiKeyOfTenant(
                key_id=event.key_id,
                role=event.role,
                unit_id=event.unit_id,
                person_id=event.person_id,
                name=event.name,
                created_at=event.created_at,
                expires_at=event.expires_at,
                is_session=event.is_session,
            )
        case directory.ApiKeyRevoked():
            for key in organisation.api_keys.values():
                if key.key_id == event.key_id:
                    key.revoked_at = event.revoked_at
        case _:
            assert_never(event)


def _evolve_person(
    organisation: Organisation,
    event: directory.PersonAdded
    | directory.PersonRenamed
    | directory.PersonMoved
    | directory.PersonLeft
    | directory.GrantGiven
    | directory.GrantWithdrawn
    | directory.AddressSet,
) -> None:
    person_id = event.person_id
    if isinstance(event, directory.PersonAdded):
        organisation.people[person_id] = PersonOfTenant(
            name=event.name,
            language=event.language,
            unit_history=[(event.joined_at, event.unit_id)],
        )
        organisation.members.setdefault(event.unit_id, []).append(person_id)
        return
    person = organisation.people[person_id]
    match event:
        case directory.PersonRenamed():
            person.name = event.name
        case directory.PersonMoved():
            organisation.members[person.unit_history[-1][1]].remove(person_id)
            organisation.members.setdefault(event.unit_id, []).append(person_id)
            person.unit_history.append((event.moved_at, event.unit_id))
        case directory.PersonLeft():
            person.left_at = event.left_at
            organisation.members[person.unit_history[-1][1]].remove(person_id)
            for role, unit_id in person.grants:
                organisation.granted[unit_id][role].remove(person_id)
        case directory.GrantGiven():
            person.grants.append((event.role, event.unit_id))
            holders = organisation.granted.setdefault(event.unit_id, {})
            holders.setdefault(event.role, []).append(person_id)
        case directory.GrantWithdrawn():
            person.grants.remove((event.role, event.unit_id))
            if person.left_at is None:
                organisation.granted[event.unit_id][event.role].remove(person_id)
        case directory.AddressSet():
            person.addresses[event.channel] = event.address
        case _:
            assert_never(event)


def _one_row_per_tenant(event: DirectoryEvent) -> str:
    return ORGANISATION_KEY


ORGANISATION: Projection[Organisation] = Projection(
    name="organisation",
    version=1,
    reads=get_args(DirectoryEvent),
    row_type=Organisation,
    key=_one_row_per_tenant,
    evolve=evolve,
)
