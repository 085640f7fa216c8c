"""People, their grants and addresses over HTTP."""

from typing import Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.directory.api.desk import Desk
from services.directory.api.person_commands import (
    AddressChange,
    GrantChange,
    NewPerson,
    PersonCommands,
    PersonDeparture,
    PersonMove,
    PersonRename,
)
from services.directory.domain.person import PERSON
from shared.access import Caller, Resource, Verb, may
from shared.batch_lines import line, line_about
from shared.errors import NotFound
from shared.http import BASE, Id, json_response
from shared.organisation import Organisation
from shared.service import BatchCommand

_PEOPLE = Resource.PEOPLE


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["people"])
    _add_reads(desk, routes)
    _add_commands(desk, routes)
    _add_grants_and_addresses(desk, routes)
    return routes


def _add_reads(desk: Desk, routes: APIRouter) -> None:
    reading = desk.access.may(_PEOPLE, Verb.READ)

    @routes.get("/people")
    async def list_people(
        caller: Caller = Depends(reading),
        unit: Id | None = None,
        limit: int = Query(100, ge=1, le=500),
        cursor: Id | None = None,
    ) -> Response:
        organisation = await desk.organisation(caller)
        if unit is not None and not organisation.knows_unit(unit):
            raise NotFound(f"unit {unit}")
        ids = sorted(organisation.people if unit is None else _people_below(organisation, unit))
        page = [person_id for person_id in ids if cursor is None or person_id > cursor][:limit]
        rows = [_person(organisation, person_id, caller) for person_id in page]
        next_cursor = page[-1] if page and page[-1] != ids[-1] else None
        return json_response({"rows": rows, "next_cursor": next_cursor})

    @routes.get("/people/{person_id}")
    async def show_person(person_id: Id, caller: Caller = Depends(reading)) -> Response:
        organisation = await desk.organisation(caller)
        if not organisation.knows_person(person_id):
            raise NotFound(f"person {person_id}")
        version = await desk.version(PERSON, caller.tenant_id, person_id)
        shown = _person(organisation, person_id, caller)
        return json_response(shown, headers={"ETag": f'"{version}"'})


def _add_commands(desk: Desk, routes: APIRouter) -> None:
    commands = PersonCommands(desk)
    writing = desk.access.may(_PEOPLE, Verb.WRITE)

    @routes.post("/people", status_code=201)
    async def add_person(
        request: Request, body: NewPerson, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.add, caller, body, created=True)

    @routes.post("/people/{person_id}/rename")
    async def rename_person(
        request: Request, person_id: Id, body: PersonRename, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.rename, caller, person_id, body)

    @routes.post("/people/{person_id}/move")
    async def move_person(
        request: Request, person_id: Id, body: PersonMove, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.move, caller, person_id, body)

    @routes.post("/people/{person_id}/leave")
    async def leave(
        request: Request,
        person_id: Id,
        body: PersonDeparture,
        caller: Caller = Depends(writing),
    ) -> Response:
        return await desk.told(request, commands.leave, caller, person_id, body)


def _add_grants_and_addresses(desk: Desk, routes: APIRouter) -> None:
    commands = PersonCommands(desk)
    writing = desk.access.may(_PEOPLE, Verb.WRITE)

    @routes.post("/people/{person_id}/give-grant")
    async def give_grant(
        request: Request, person_id: Id, body: GrantChange, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.give_grant, caller, person_id, body)

    @routes.post("/people/{person_id}/withdraw-grant")
    async def withdraw_grant(
        request: Request, person_id: Id, body: GrantChange, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.withdraw_grant, caller, person_id, body)

    @routes.post("/people/{person_id}/set-address")
    async def set_address(
        request: Request, person_id: Id, body: AddressChange, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, commands.set_address, caller, person_id, body)


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    commands = PersonCommands(desk)

    def about(body: Any, tell: Any) -> BatchCommand:
        return line_about(_PEOPLE, "person_id", body, tell)

    return {
        "add-person": line(_PEOPLE, NewPerson, commands.add),
        "rename-person": about(PersonRename, commands.rename),
        "move-person": about(PersonMove, commands.move),
        "person-leaves": about(PersonDeparture, commands.leave),
        "give-grant": about(GrantChange, commands.give_grant),
        "withdraw-grant": about(GrantChange, commands.withdraw_grant),
        "set-address": about(AddressChange, commands.set_address),
    }


def _people_below(organisation: Organisation, unit_id: str) -> set[str]:
    return {who for unit in organisation.subtree(unit_id) for who in organisation.people_in(unit)}


def _person(organisation: Organisation, person_id: str, caller: Caller) -> dict[str, Any]:
    """Colleagues see who somebody is; addresses are for those who keep them, and for oneself."""
    person = organisation.people[person_id]
    shown: dict[str, Any] = {
        "person_id": person_id,
        "name": person.name,
        "language": person.language,
        "unit_id": organisation.unit_of(person_id),
        "left_at": person.left_at,
        "grants": [{"role": role, "unit_id": unit_id} for role, unit_id in person.grants],
    }
    if may(caller, _PEOPLE, Verb.WRITE) or caller.person_id == person_id:
        shown["addresses"] = dict(person.addresses)
    return shown
