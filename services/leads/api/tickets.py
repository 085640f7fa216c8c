"""Tickets of service over HTTP and as lines of POST /commands (L12)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.leads.api.desk import Desk
from services.leads.domain.ticket import TICKET, Closed, CloseTicket, OpenTicket, Ticket, Unknown
from services.leads.queries.customers import is_visible
from shared.access import Caller, Resource, Role, Verb, default_unit_id, visible_rows
from shared.batch_lines import line
from shared.command_handling import CommandContext, Handled
from shared.envelope import stream_name
from shared.errors import FieldProblem, NotFound, NotYetKnown
from shared.events.leads import TicketOpened
from shared.http import (
    BASE,
    Access,
    Body,
    Id,
    Name,
    When,
    command_response,
    happened_at,
    json_response,
)
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_T = Resource.TICKETS
_KIND = Kind("/tickets", "ticket_id")
_SERVICE = frozenset({Role.SERVICE})


class NewTicket(Body):
    ticket_id: Id | None = None
    customer_id: Id
    kind: Name
    summary: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    unit_id: Id | None = None
    occurred_at: When | None = None


class TicketClosing(Body):
    outcome: Name
    occurred_at: When | None = None


class TicketWork:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def open(self, caller: Caller, body: NewTicket, context: CommandContext) -> Handled[Any]:
        """Raises NotYetKnown for a unit not heard of."""
        organisation = await self.ports.organisations.of(caller.tenant_id)
        unit_id = body.unit_id or default_unit_id(caller, organisation)
        if unit_id is None or not organisation.knows_unit(unit_id):
            problem = FieldProblem("unit_id", "not-yet-known", "we have not heard of it (yet)")
            raise NotYetKnown(f"unit {unit_id!r} is not known yet", errors=[problem])
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        ticket_id = body.ticket_id or self.desk.given_id(context, "ticket")
        command = OpenTicket(
            ticket_id=ticket_id,
            customer_id=body.customer_id,
            kind=body.kind,
            summary=body.summary,
            unit_id=unit_id,
            occurred_at=occurred_at,
        )
        context = replace(context, occurred_at=occurred_at)
        return await self._handle(ticket_id, command, context)

    async def close(
        self, caller: Caller, ticket_id: str, body: TicketClosing, context: CommandContext
    ) -> Handled[Any]:
        await self.require_visible(caller, ticket_id, Verb.WRITE)
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        command = CloseTicket(ticket_id=ticket_id, outcome=body.outcome, occurred_at=occurred_at)
        return await self._handle(ticket_id, command, replace(context, occurred_at=occurred_at))

    async def require_visible(self, caller: Caller, ticket_id: str, verb: Verb) -> None:
        """Service sees what is addressed to it, sales what its customers need (A9)."""
        stream = stream_name(caller.tenant_id, TICKET.name, ticket_id)
        _version, ticket = await self.desk.commands.load(TICKET, stream, fresh=True)
        if not isinstance(ticket, Unknown):
            organisation = await self.ports.organisations.of(caller.tenant_id)
            visibility = visible_rows(caller, organisation, _T, verb)
            if visibility.includes(unit_id=ticket.unit_id, addressed_to=_SERVICE):
                return
            if await is_visible(self.ports, caller, ticket.customer_id, verb):
                return
        raise NotFound(f"there is no ticket {ticket_id!r}")

    async def _handle(
        self, ticket_id: str, command: OpenTicket | CloseTicket, context: CommandContext
    ) -> Handled[Any]:
        def render(ticket: Ticket) -> Mapping[str, Any]:
            return {
                "ticket_id": ticket_id,
                "status": "closed" if isinstance(ticket, Closed) else "open",
            }

        return await self.desk.handle(TICKET, ticket_id, command, context, render)


def orders(work: TicketWork) -> tuple[Order, ...]:
    return (Order("close", "close-ticket", _T, TicketClosing, work.close),)


def router(work: TicketWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["tickets"])
    ports = work.ports
    reading, writing = access.may(_T, Verb.READ), access.may(_T, Verb.WRITE)

    @routes.post("/tickets", status_code=201)
    async def open_ticket(
        request: Request, body: NewTicket, caller: Caller = Depends(writing)
    ) -> Response:
        context = await work.desk.context(request, caller)
        return await command_response(ports, await work.open(caller, body, context), created=True)

    @routes.get("/tickets/{ticket_id}", dependencies=[Depends(access.waited)])
    async def show_ticket(ticket_id: Id, caller: Caller = Depends(reading)) -> Response:
        await work.require_visible(caller, ticket_id, Verb.READ)
        stored = await ports.event_store.read_stream(
            stream_name(caller.tenant_id, TICKET.name, ticket_id)
        )
        opened, *later = await ports.codec.open([ports.codec.decode(each) for each in stored])
        event: TicketOpened = opened.event
        shown = {
            "ticket_id": ticket_id,
            "customer_id": event.customer_id,
            "kind": event.kind,
            "summary": event.summary,
            "unit_id": event.unit_id,
            "opened_at": event.opened_at,
            "closed_at": later[-1].event.closed_at if later else None,
            "outcome": later[-1].event.outcome if later else None,
        }
        return json_response(shown, headers={"ETag": f'"{stored[-1].version}"'})

    for order in orders(work):
        add_order(routes, work.desk, access, _KIND, order)
    return routes


def batch_commands(work: TicketWork) -> Mapping[str, BatchCommand]:
    return {
        "open-ticket": line(_T, NewTicket, work.open),
        **order_lines(_KIND, orders(work)),
    }
