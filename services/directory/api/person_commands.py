"""Bodies about people to commands, within the caller's reach."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from services.directory.api.desk import Desk, require_grantable, require_person, require_unit
from services.directory.domain.person import (
    PERSON,
    AddPerson,
    Employed,
    GiveGrant,
    Left,
    MovePerson,
    Person,
    PersonCommand,
    PersonLeaves,
    RenamePerson,
    SetAddress,
    Unknown,
    WithdrawGrant,
)
from shared.access import Caller, Resource, Role, default_unit_id
from shared.command_handling import CommandContext, Handled
from shared.errors import NotFound
from shared.http import Body, Id, When

PersonName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
Address = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_PEOPLE = Resource.PEOPLE


class NewPerson(Body):
    """Without `unit_id` the person belongs to the unit that the caller was granted."""

    person_id: Id | None = None
    name: PersonName | None = None
    unit_id: Id | None = None
    language: Literal["zh", "en"] = "zh"
    joined_at: When | None = None


class PersonRename(Body):
    name: PersonName


class PersonMove(Body):
    unit_id: Id
    occurred_at: When | None = None


class PersonDeparture(Body):
    occurred_at: When | None = None


class GrantChange(Body):
    """Without `unit_id` the root is meant."""

    role: Role
    unit_id: Id | None = None


class AddressChange(Body):
    """`address` null: no longer reached on this channel."""

    channel: Channel
    address: Address | None


class PersonCommands:
    """Each checks whom and what the caller may touch, then hands the command on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(self, caller: Caller, body: NewPerson, context: CommandContext) -> Handled[Any]:
        organisation = await self._desk.organisation(caller)
        unit_id = body.unit_id or default_unit_id(caller, organisation) or ""
        require_unit(caller, organisation, _PEOPLE, unit_id)
        person_id = body.person_id or self._desk.given_id(context, "person")
        command = AddPerson(
            person_id=person_id,
            unit_id=unit_id,
            name=body.name,
            language=body.language,
            now=self._desk.ports.clock(),
            joined_at=self._desk.past(body.joined_at, "joined_at"),
        )
        return await self._handle(command, context)

    async def rename(
        self, caller: Caller, person_id: str, body: PersonRename, context: CommandContext
    ) -> Handled[Any]:
        await self._require(caller, person_id)
        now = self._desk.ports.clock()
        command = RenamePerson(person_id=person_id, name=body.name, now=now)
        return await self._handle(command, context)

    async def move(
        self, caller: Caller, person_id: str, body: PersonMove, context: CommandContext
    ) -> Handled[Any]:
        await self._require(caller, person_id, body.unit_id)
        moved_at = self._desk.past(body.occurred_at)
        command = MovePerson(
            person_id=person_id,
            unit_id=body.unit_id,
            now=self._desk.ports.clock(),
            moved_at=moved_at,
        )
        return await self._handle(command, replace(context, occurred_at=moved_at))

    async def leave(
        self, caller: Caller, person_id: str, body: PersonDeparture, context: CommandContext
    ) -> Handled[Any]:
        await self._require(caller, person_id)
        left_at = self._desk.past(body.occurred_at)
        command = PersonLeaves(person_id=person_id, now=self._desk.ports.clock(), left_at=left_at)
        return await self._handle(command, replace(context, occurred_at=left_at))

    async def give_grant(
        self, caller: Caller, person_id: str, body: GrantChange, context: CommandContext
    ) -> Handled[Any]:
        require_grantable(caller, await self._desk.organisation(caller), _PEOPLE, body.role)
        unit_id = await self._granted_unit(caller, person_id, body)
        now = self._desk.ports.clock()
        command = GiveGrant(person_id=person_id, role=body.role.value, unit_id=unit_id, now=now)
        return await self._handle(command, context)

    async def withdraw_grant(
        self, caller: Caller, person_id: str, body: GrantChange, context: CommandContext
    ) -> Handled[Any]:
        unit_id = await self._granted_unit(caller, person_id, body)
        now = self._desk.ports.clock()
        command = WithdrawGrant(person_id=person_id, role=body.role.value, unit_id=unit_id, now=now)
        return await self._handle(command, context)

    async def set_address(
        self, caller: Caller, person_id: str, body: AddressChange, context: CommandContext
    ) -> Handled[Any]:
        await self._require(caller, person_id)
        command = SetAddress(
            person_id=person_id,
            channel=body.channel,
            address=body.address,
            now=self._desk.ports.clock(),
        )
        return await self._handle(command, context)

    async def _granted_unit(self, caller: Caller, person_id: str, body: GrantChange) -> str:
        organisation = await self._desk.organisation(caller)
        unit_id = body.unit_id or organisation.root_id or ""
        await self._require(caller, person_id, unit_id)
        return unit_id

    async def _require(self, caller: Caller, person_id: str, unit_id: str | None = None) -> None:
        organisation = await self._desk.organisation(caller)
        if not organisation.knows_person(person_id):
            raise NotFound(f"person {person_id}")
        require_person(caller, organisation, _PEOPLE, person_id)
        if unit_id is not None:
            require_unit(caller, organisation, _PEOPLE, unit_id)

    async def _handle(self, command: PersonCommand, context: CommandContext) -> Handled[Any]:
        render = _rendering(command.person_id)
        return await self._desk.handle(PERSON, command.person_id, command, context, render)


def _rendering(person_id: str) -> Callable[[Person], Mapping[str, Any]]:
    """Without name and addresses: answers are stored."""

    def render(person: Person) -> Mapping[str, Any]:
        assert not isinstance(person, Unknown)
        known: Employed = person.last if isinstance(person, Left) else person
        return {
            "person_id": person_id,
            "unit_id": known.unit_id,
            "in_unit_since": known.in_unit_since,
            "language": known.language,
            "left_at": person.left_at if isinstance(person, Left) else None,
            "grants": [
                {"role": role, "unit_id": unit_id} for role, unit_id in sorted(known.grants)
            ],
            "channels": sorted(known.addresses),
        }

    return render
