"""A customer's group-chat messages come in, over HTTP and as lines of POST /commands (L8)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.leads.api.desk import Desk
from services.leads.domain.customer_message import (
    CUSTOMER_MESSAGE,
    CustomerMessage,
    Received,
    ReceiveMessage,
    words_within,
)
from services.leads.marking import simplified
from services.leads.queries.customers import require_visible
from shared.access import Caller, Resource, Verb, default_unit_id, visible_rows
from shared.batch_lines import line
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, NotYetKnown
from shared.http import BASE, Access, Body, Id, When, command_response, happened_at
from shared.organisation import Organisation
from shared.service import BatchCommand

_L = Resource.LEADS


class NewMessage(Body):
    """`message_id` is the chat's own: what comes twice is taken once. `unit_id`: which unit's reps
    a lead goes to, by default the caller's."""

    message_id: Id
    customer_id: Id
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    group_id: Id | None = None
    unit_id: Id | None = None
    occurred_at: When | None = None


class MessageWork:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def receive(
        self, caller: Caller, body: NewMessage, context: CommandContext
    ) -> Handled[Any]:
        """What follows from a hot word follows on its own. Raises NotYetKnown, Forbidden for a
        unit out of sight, NotFound for such a customer."""
        organisation = await self.ports.organisations.of(caller.tenant_id)
        unit_id = _unit_of(organisation, caller, body.unit_id)
        await require_visible(self.ports, caller, body.customer_id, Verb.WRITE)
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        command = ReceiveMessage(
            message_id=body.message_id,
            customer_id=body.customer_id,
            group_id=body.group_id,
            text=body.text,
            hot_words=hot_words_of(organisation, body.text, context.occurred_at),
            unit_id=unit_id,
            unit_path=organisation.unit_path(unit_id),
            occurred_at=occurred_at,
        )

        def render(message: CustomerMessage) -> Mapping[str, Any]:
            hot_words = list(message.hot_words) if isinstance(message, Received) else []
            return {"message_id": body.message_id, "hot_words": hot_words}

        context = replace(context, occurred_at=occurred_at)
        return await self.desk.handle(CUSTOMER_MESSAGE, body.message_id, command, context, render)


def hot_words_of(organisation: Organisation, text: str, at: datetime) -> tuple[str, ...]:
    """Those of the tenant's that are said, in whatever width, case or characters."""
    setting = organisation.setting("hot_words", at)
    words = setting if isinstance(setting, list) else []
    said = words_within(simplified(text), [simplified(each) for each in words])
    return tuple(words[place] for place in said)


def _unit_of(organisation: Organisation, caller: Caller, named: str | None) -> str:
    unit_id = named or default_unit_id(caller, organisation)
    if unit_id is None or not organisation.knows_unit(unit_id):
        problem = FieldProblem("unit_id", "not-yet-known", "we have not heard of it (yet)")
        raise NotYetKnown(f"unit {unit_id!r} is not known yet", errors=[problem])
    sight = visible_rows(caller, organisation, _L, Verb.WRITE)
    if named is not None and not sight.includes(unit_id=named):
        raise Forbidden("a lead goes where who sends the message may see it")
    return unit_id


def router(work: MessageWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    writing = access.may(_L, Verb.WRITE)

    @routes.post("/messages", status_code=201)
    async def receive_message(
        request: Request, body: NewMessage, caller: Caller = Depends(writing)
    ) -> Response:
        context = await work.desk.context(request, caller)
        handled = await work.receive(caller, body, context)
        return await command_response(work.ports, handled, created=True)

    return routes


def batch_commands(work: MessageWork) -> Mapping[str, BatchCommand]:
    return {"receive-message": line(_L, NewMessage, work.receive)}
