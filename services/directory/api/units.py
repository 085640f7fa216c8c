"""The unit tree over HTTP."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.directory.api.desk import Desk, require_unit
from services.directory.domain.unit_tree import (
    UNIT_TREE,
    AddUnit,
    MoveUnit,
    RenameUnit,
    Standing,
    UnitTree,
)
from shared.access import Caller, Resource, Verb
from shared.batch_lines import line, line_about
from shared.command_handling import CommandContext, Handled
from shared.errors import NotFound
from shared.http import BASE, Body, Id, json_response
from shared.organisation import Organisation
from shared.service import BatchCommand

UnitName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_UNITS = Resource.UNITS


class NewUnit(Body):
    """Without `parent_id` the unit goes below the root."""

    unit_id: Id | None = None
    name: UnitName
    parent_id: Id | None = None
    kind: str = "team"


class UnitMove(Body):
    parent_id: Id


class UnitRename(Body):
    name: UnitName


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["units"])
    telling = _Telling(desk)
    reading = desk.access.may(_UNITS, Verb.READ)
    writing = desk.access.may(_UNITS, Verb.WRITE)

    @routes.get("/units")
    async def list_units(caller: Caller = Depends(reading)) -> Response:
        organisation = await desk.organisation(caller)
        rows = [_unit(organisation, unit_id) for unit_id in sorted(organisation.units)]
        version = await desk.version(UNIT_TREE, caller.tenant_id, caller.tenant_id)
        return json_response({"rows": rows}, headers={"ETag": f'"{version}"'})

    @routes.get("/units/{unit_id}")
    async def show_unit(unit_id: Id, caller: Caller = Depends(reading)) -> Response:
        organisation = await desk.organisation(caller)
        if not organisation.knows_unit(unit_id):
            raise NotFound(f"unit {unit_id}")
        return json_response(_unit(organisation, unit_id))

    @routes.post("/units", status_code=201)
    async def add_unit(
        request: Request, body: NewUnit, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, telling.add, caller, body, created=True)

    @routes.post("/units/{unit_id}/move")
    async def move_unit(
        request: Request, unit_id: Id, body: UnitMove, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, telling.move, caller, unit_id, body)

    @routes.post("/units/{unit_id}/rename")
    async def rename_unit(
        request: Request, unit_id: Id, body: UnitRename, caller: Caller = Depends(writing)
    ) -> Response:
        return await desk.told(request, telling.rename, caller, unit_id, body)

    return routes


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    telling = _Telling(desk)
    return {
        "add-unit": line(_UNITS, NewUnit, telling.add),
        "move-unit": line_about(_UNITS, "unit_id", UnitMove, telling.move),
        "rename-unit": line_about(_UNITS, "unit_id", UnitRename, telling.rename),
    }


class _Telling:
    """Bodies to commands, within the caller's reach."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(self, caller: Caller, body: NewUnit, context: CommandContext) -> Handled[Any]:
        organisation = await self._desk.organisation(caller)
        parent_id = body.parent_id or organisation.root_id
        if parent_id is not None:
            require_unit(caller, organisation, _UNITS, parent_id)
        unit_id = body.unit_id or self._desk.given_id(context, "unit")
        command = AddUnit(
            unit_id=unit_id,
            name=body.name,
            parent_id=parent_id,
            kind=body.kind,
            now=self._desk.ports.clock(),
        )
        return await self._handle(caller, command, context)

    async def move(
        self, caller: Caller, unit_id: str, body: UnitMove, context: CommandContext
    ) -> Handled[Any]:
        organisation = await self._desk.organisation(caller)
        if organisation.knows_unit(unit_id):
            require_unit(caller, organisation, _UNITS, unit_id)
            require_unit(caller, organisation, _UNITS, body.parent_id)
        now = self._desk.ports.clock()
        command = MoveUnit(unit_id=unit_id, parent_id=body.parent_id, now=now)
        return await self._handle(caller, command, context)

    async def rename(
        self, caller: Caller, unit_id: str, body: UnitRename, context: CommandContext
    ) -> Handled[Any]:
        organisation = await self._desk.organisation(caller)
        if organisation.knows_unit(unit_id):
            require_unit(caller, organisation, _UNITS, unit_id)
        now = self._desk.ports.clock()
        command = RenameUnit(unit_id=unit_id, name=body.name, now=now)
        return await self._handle(caller, command, context)

    async def _handle(
        self,
        caller: Caller,
        command: AddUnit | MoveUnit | RenameUnit,
        context: CommandContext,
    ) -> Handled[Any]:
        render = _rendering(command.unit_id)
        return await self._desk.handle(UNIT_TREE, caller.tenant_id, command, context, render)


def _rendering(unit_id: str) -> Callable[[UnitTree], Mapping[str, Any]]:
    def render(tree: UnitTree) -> Mapping[str, Any]:
        assert isinstance(tree, Standing)
        unit = tree.units[unit_id]
        return {
            "unit_id": unit_id,
            "name": unit.name,
            "parent_id": unit.parent_id,
            "kind": unit.kind,
        }

    return render


def _unit(organisation: Organisation, unit_id: str) -> dict[str, Any]:
    unit = organisation.units[unit_id]
    return {
        "unit_id": unit_id,
        "name": unit.name,
        "parent_id": unit.parent_id,
        "kind": unit.kind,
        "path": organisation.unit_path(unit_id),
        "people": len(organisation.people_in(unit_id)),
    }
