"""Visits, door codes and customer types over HTTP (O4)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from services.opportunities.api import visit_bodies as bodies
from services.opportunities.api.desk import Desk
from services.opportunities.api.visit_work import DoorWork
from services.opportunities.domain.customer_type import (
    CUSTOMER_TYPES,
    CustomerTypes,
    DefineCustomerTypes,
)
from services.opportunities.domain.opportunity_state import action_of
from services.opportunities.visit_cards import card_of, cards_passed_on_to
from shared.access import Caller, Resource, Verb
from shared.batch_lines import line
from shared.command_handling import CommandContext, Handled
from shared.envelope import stream_name
from shared.events.visits import CustomerTypeDefinition
from shared.http import BASE, Access, Id, command_response, json_response
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_ACTIONS = Resource.ACTIONS
_TYPES = Resource.ACTION_TYPES
_DOORS = Resource.DOOR_CODES
_KIND = Kind("/doors", "door_id")


def _door_orders(desk: Desk) -> tuple[Order, ...]:
    work = DoorWork(desk)
    withdrawal = bodies.DoorCodeWithdrawal
    return (Order("withdraw-code", "withdraw-door-code", _DOORS, withdrawal, work.withdraw),)


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["visits"])
    doors = DoorWork(desk)
    reading, reading_types = access.may(_ACTIONS, Verb.READ), access.may(_TYPES, Verb.READ)
    writing_types, writing_doors = access.may(_TYPES, Verb.WRITE), access.may(_DOORS, Verb.WRITE)

    @routes.get("/opportunities/{opportunity_id}/visits/{visit_id}")
    async def show_visit(
        opportunity_id: Id, visit_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        _version, known = await desk.seen(caller, opportunity_id, _ACTIONS, Verb.READ)
        action = action_of(known, visit_id)
        card = await card_of(desk.ports, caller.tenant_id, opportunity_id, visit_id)
        shown = {
            "visit_id": visit_id,
            "actor_id": action.actor_id,
            "visited_at": action.happened_at,
            "complete": action.counts,
            "missing": action.invalid_reasons,
            **card,
        }
        return json_response(shown)

    @routes.get("/visit-cards", dependencies=[Depends(access.waited)])
    async def list_cards_passed_on(caller: Caller = Depends(reading)) -> Response:
        """Those that colleagues passed on to the caller."""
        rows: list[dict[str, Any]] = []
        if caller.person_id is not None:
            rows = await cards_passed_on_to(desk.ports, caller.tenant_id, caller.person_id)
        return json_response({"rows": rows})

    @routes.post("/doors", status_code=201)
    async def issue_door_code(
        request: Request, body: bodies.NewDoorCode, caller: Caller = Depends(writing_doors)
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await doors.issue(caller, body, context)
        return await command_response(desk.ports, handled, created=True)

    @routes.get("/customer-types")
    async def list_customer_types(caller: Caller = Depends(reading_types)) -> Response:
        stream = stream_name(caller.tenant_id, CUSTOMER_TYPES.name, caller.tenant_id)
        _version, types = await desk.commands.load(CUSTOMER_TYPES, stream)
        found = types.definitions
        return json_response({"rows": [_shown_type(found[name]) for name in sorted(found)]})

    @routes.post("/customer-types", status_code=201)
    async def define_customer_type(
        request: Request, body: bodies.CustomerTypeBody, caller: Caller = Depends(writing_types)
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await _defining(desk, body, context)
        return await command_response(desk.ports, handled, created=True)

    for order in _door_orders(desk):
        add_order(routes, desk, access, _KIND, order)
    return routes


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    async def define(
        _caller: Caller, body: bodies.CustomerTypeBody, context: CommandContext
    ) -> Handled[Any]:
        return await _defining(desk, body, context)

    return {
        "issue-door-code": line(_DOORS, bodies.NewDoorCode, DoorWork(desk).issue),
        "define-customer-type": line(_TYPES, bodies.CustomerTypeBody, define),
        **order_lines(_KIND, _door_orders(desk)),
    }


async def _defining(
    desk: Desk, body: bodies.CustomerTypeBody, context: CommandContext
) -> Handled[Any]:
    definition = body.definition()
    command = DefineCustomerTypes(definitions=(definition,), now=context.occurred_at)

    def render(types: CustomerTypes) -> Mapping[str, Any]:
        return _shown_type(types.definitions[definition.type])

    return await desk.handle(CUSTOMER_TYPES, context.tenant_id, command, context, render)


def _shown_type(definition: CustomerTypeDefinition) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(definition)
    return shown
