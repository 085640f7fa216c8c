"""Who may do what (A9), as data: what a role may read and write, and which rows a caller sees."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.organisation import Organisation


class Role(StrEnum):
    REP = "rep"
    MANAGER = "manager"
    DIRECTOR = "director"
    SALES_BP = "sales_bp"
    STORE_SUPERVISOR = "store_supervisor"
    STORE_CLERK = "store_clerk"
    MARKETING = "marketing"
    PARTNER = "partner"
    SERVICE = "service"
    DELIVERY = "delivery"
    LEGAL = "legal"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


class Resource(StrEnum):
    """The first group holds rows of units and people, the second what is set up for a tenant."""

    OPPORTUNITIES = "opportunities"
    ACTIONS = "actions"
    TASKS = "tasks"
    LEADS = "leads"
    INTAKE = "intake"
    CUSTOMERS = "customers"
    TICKETS = "tickets"
    COMMITMENTS = "commitments"
    APPROVALS = "approvals"
    GOALS = "goals"
    EVIDENCE = "evidence"
    TIMELINES = "timelines"
    BOARDS = "boards"
    SIGNALS = "signals"
    ESCALATIONS = "escalations"
    INBOX = "inbox"
    AUTHENTICITY = "authenticity"

    EVENTS = "events"
    UNITS = "units"
    PEOPLE = "people"
    KEYS = "keys"
    SETTINGS = "settings"
    CALENDARS = "calendars"
    PIPELINES = "pipelines"
    ACTION_TYPES = "action_types"
    DOOR_CODES = "door_codes"
    POLICIES = "policies"
    IMPORTS = "imports"

    TENANTS = "tenants"
    INSTALLATION = "installation"


class Verb(StrEnum):
    READ = "read"
    WRITE = "write"


_R = Resource
_SALES_ROWS = frozenset(
    {
        _R.OPPORTUNITIES,
        _R.ACTIONS,
        _R.TASKS,
        _R.LEADS,
        _R.CUSTOMERS,
        _R.TICKETS,
        _R.COMMITMENTS,
        _R.APPROVALS,
        _R.EVIDENCE,
        _R.TIMELINES,
        _R.BOARDS,
        _R.SIGNALS,
        _R.ESCALATIONS,
        _R.INBOX,
    }
)
_LED = frozenset({_R.GOALS, _R.DOOR_CODES})
"""What those who lead others set for them: nobody sets goals or prints doors for themselves."""
_LED_ROWS = _SALES_ROWS | {_R.AUTHENTICITY}
"""Nobody judges, or is shown, the doubts about their own records (S4)."""
_CLERK_ROWS = frozenset({_R.ACTIONS, _R.TASKS, _R.EVIDENCE, _R.INBOX, _R.ESCALATIONS})
_MARKETING_ROWS = frozenset({_R.LEADS, _R.CUSTOMERS, _R.TIMELINES, _R.INBOX, _R.ESCALATIONS})
_ADDRESSED_ROWS = frozenset(
    {
        _R.TICKETS,
        _R.COMMITMENTS,
        _R.APPROVALS,
        _R.OPPORTUNITIES,
        _R.EVIDENCE,
        _R.TIMELINES,
        _R.INBOX,
        _R.ESCALATIONS,
    }
)
_SHARED_SETUP = frozenset({_R.UNITS, _R.PEOPLE, _R.CALENDARS, _R.PIPELINES, _R.ACTION_TYPES})
_SETUP = _SHARED_SETUP | {_R.KEYS, _R.SETTINGS, _R.POLICIES, _R.IMPORTS}
_INSTALLATION = frozenset({_R.TENANTS, _R.INSTALLATION})
_NOTHING: frozenset[Resource] = frozenset()


class Permissions(NamedTuple):
    read: frozenset[Resource]
    write: frozenset[Resource]


def _works_on(rows: frozenset[Resource]) -> Permissions:
    """Who may see a row may also act on it; what is set up for all may be looked at."""
    return Permissions(read=rows | _SHARED_SETUP, write=rows)


def _leads(rows: frozenset[Resource]) -> Permissions:
    works = _works_on(rows)
    return Permissions(read=works.read | _LED, write=works.write | _LED)


PERMISSIONS: Mapping[Role, Permissions] = {
    Role.REP: _works_on(_SALES_ROWS),
    Role.MANAGER: _leads(_LED_ROWS),
    Role.DIRECTOR: _leads(_LED_ROWS),
    Role.SALES_BP: _leads(_LED_ROWS),
    Role.STORE_SUPERVISOR: _leads(_LED_ROWS),
    Role.STORE_CLERK: _works_on(_CLERK_ROWS),
    Role.MARKETING: _works_on(_MARKETING_ROWS),
    Role.PARTNER: Permissions(read=_NOTHING, write=frozenset({_R.INTAKE})),
    Role.SERVICE: _works_on(_ADDRESSED_ROWS),
    Role.DELIVERY: _works_on(_ADDRESSED_ROWS),
    Role.LEGAL: _works_on(_ADDRESSED_ROWS),
    Role.FINANCE: _works_on(_ADDRESSED_ROWS),
    Role.AUDITOR: Permissions(read=_LED_ROWS | _SETUP | _LED | {_R.EVENTS}, write=_NOTHING),
    Role.ADMINISTRATOR: Permissions(read=_SETUP | _LED, write=_SETUP | _LED),
    Role.OPERATOR: Permissions(read=_INSTALLATION, write=_INSTALLATION),
}

_SUBTREE_ROLES = frozenset(
    {Role.MANAGER, Role.DIRECTOR, Role.SALES_BP, Role.STORE_SUPERVISOR, Role.ADMINISTRATOR}
)
_OWN_ROW_ROLES = frozenset({Role.REP, Role.STORE_CLERK})
_ADDRESSED_ROLES = frozenset({Role.SERVICE, Role.DELIVERY, Role.LEGAL, Role.FINANCE})
_ROWS_OF_MARKETING = frozenset({_R.LEADS, _R.CUSTOMERS})
"""Of the rest it sees what it was itself told: a timeline may hold opportunities."""


OWN_GRANTS = "own-grants"
"""In place of a key's role: whatever its person is granted when it is used."""


class Grant(NamedTuple):
    """A role on a unit and everything below it."""

    role: Role
    unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a person, or a key of a machine that stands for nobody in particular."""

    tenant_id: str
    person_id: str | None
    key_id: str | None
    grants: tuple[Grant, ...]

    @property
    def actor_id(self) -> str | None:
        """Who is written into the events' envelope."""
        return self.person_id or self.key_id

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(grant.role for grant in self.grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Which rows of a resource a caller sees: all, a unit's, own ones, some by role.

    `addressed_units`: for a role granted on a part of the tree, with each unit of that part.
    """

    everything: bool = False
    unit_ids: frozenset[str] = frozenset()
    own_person_id: str | None = None
    addressed_roles: frozenset[Role] = frozenset()
    addressed_units: frozenset[tuple[Role, str]] = frozenset()

    @property
    def by_address(self) -> bool:
        return bool(self.addressed_roles or self.addressed_units)

    @property
    def nothing(self) -> bool:
        return not (self.everything or self.unit_ids or self.own_person_id or self.by_address)

    def includes(
        self,
        *,
        unit_id: str | None,
        owner_id: str | None = None,
        actor_id: str | None = None,
        actor_ids: Collection[str] = (),
        addressed_to: frozenset[Role] = frozenset(),
    ) -> bool:
        """`unit_id`: the row's unit now; `actor_id`: whose act it is, `actor_ids`: who acted on it;
        `addressed_to`: roles asked to do something about it."""
        if self.everything or unit_id in self.unit_ids:
            return True
        own = self.own_person_id
        if own is not None and (own in (owner_id, actor_id) or own in actor_ids):
            return True
        return any(
            role in self.addressed_roles or (role, unit_id) in self.addressed_units
            for role in addressed_to
        )


def may(caller: Caller, resource: Resource, verb: Verb) -> bool:
    """Whether any of the caller's roles has that verb on that resource (A9)."""
    return any(_role_may(grant.role, resource, verb) for grant in caller.grants)


def _role_may(role: Role, resource: Resource, verb: Verb) -> bool:
    permissions = PERMISSIONS[role]
    return resource in (permissions.read if verb is Verb.READ else permissions.write)


def visible_rows(
    caller: Caller,
    organisation: Organisation,
    resource: Resource,
    verb: Verb = Verb.READ,
) -> Visibility:
    """The rows of `resource` that the caller may read, or act on, as the tree stands now (A9)."""
    everything = False
    unit_ids: set[str] = set()
    own_person_id: str | None = None
    addressed: set[Role] = set()
    addressed_units: set[tuple[Role, str]] = set()
    for grant in caller.grants:
        if not _role_may(grant.role, resource, verb):
            continue
        if grant.role in _SUBTREE_ROLES and grant.unit_id != organisation.root_id:
            unit_ids.update(organisation.subtree(grant.unit_id))
        elif grant.role in _OWN_ROW_ROLES:
            own_person_id = caller.person_id
        elif grant.role in _ADDRESSED_ROLES and grant.unit_id == organisation.root_id:
            addressed.add(grant.role)
        elif grant.role in _ADDRESSED_ROLES:
            addressed_units |= {(grant.role, each) for each in organisation.subtree(grant.unit_id)}
        elif grant.role is not Role.MARKETING or resource in _ROWS_OF_MARKETING:
            everything = True
    return Visibility(
        everything=everything,
        unit_ids=frozenset(unit_ids),
        own_person_id=own_person_id,
        addressed_roles=frozenset(addressed),
        addressed_units=frozenset(addressed_units),
    )


def visible_units(caller: Caller, organisation: Organisation) -> frozenset[str] | None:
    """The units whose figures the caller is shown; None: all. Reps see only their own figures."""
    visibility = visible_rows(caller, organisation, Resource.BOARDS)
    return None if visibility.everything else visibility.unit_ids


def default_unit_id(caller: Caller, organisation: Organisation) -> str | None:
    """Where a thing belongs that names neither owner nor unit: the caller's granted unit (A9)."""
    if caller.grants:
        return caller.grants[0].unit_id
    return organisation.unit_of(caller.person_id) if caller.person_id else organisation.root_id
