"""What every route about customers and leads needs: context, ids, answers, lines of a batch."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi import Body as FromBody
from pydantic import ValidationError

from services.leads.marking import Marking
from services.leads.queries.customers import LOG_NAME
from shared.access import Caller, Resource, Verb, may
from shared.command_handling import CommandContext, Handled
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import DomainError, Forbidden, Malformed
from shared.http import (
    Access,
    Body,
    Id,
    Times,
    answering,
    command_context,
    command_digest,
    command_response,
    field_problems,
)
from shared.ports import Ports
from shared.service import BatchCommand

B = TypeVar("B", bound=Body)

Tell = Callable[[Caller, str, Any, CommandContext], Awaitable[Handled[Any]]]
"""Carries out what a caller's body asks of the one that is named."""


class Desk:
    """One per process: its command handling caches the streams of customers and leads."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.commands = ports.commands(LOG_NAME)
        self.marking = Marking(ports)

    async def context(self, request: Request, caller: Caller) -> CommandContext:
        digest = command_digest(request.url.path, await request.body())
        return command_context(request, caller, digest, Times(self.ports.clock()))

    def given_id(self, context: CommandContext, kind: str) -> str:
        """An id of ours; the same one when the same command comes again."""
        if context.idempotency_key is None:
            return str(self.ports.new_id())
        return context.given_id(kind)

    async def handle(
        self,
        decider: Decider[Any, Any, Any],
        aggregate_id: str,
        command: Any,
        context: CommandContext,
        render: Callable[[Any], Mapping[str, Any]],
    ) -> Handled[Any]:
        """The answer is stored with the command: it holds no personal data."""
        return await self.commands.handle(
            decider, aggregate_id, command, context, answering(render)
        )

    async def answered(
        self,
        context: CommandContext,
        stream: tuple[Decider[Any, Any, Any], str],
        telling: Awaitable[Handled[Any]],
    ) -> Handled[Any]:
        """What was accepted once is answered again, also where it would be refused by now."""
        try:
            return await telling
        except DomainError:
            decider, aggregate_id = stream
            name = stream_name(context.tenant_id, decider.name, aggregate_id)
            first = await self.commands.first_answer(context, name)
            if first is None:
                raise
            return first


class Order(NamedTuple):
    """A command about one of a kind: `POST /<kind>s/{id}/<name>`; `line` in a batch."""

    name: str
    line: str
    body: type[Body]
    tell: Tell


class Kind(NamedTuple):
    """Whom orders are about: `id_field` names one in paths and lines."""

    path: str
    id_field: str
    resource: Resource


def add_order(routes: APIRouter, desk: Desk, access: Access, kind: Kind, order: Order) -> None:
    """Its route. A body without fields may be left out."""
    writing = access.may(kind.resource, Verb.WRITE)
    may_be_left_out = not order.body.model_fields
    sent = FromBody(None) if may_be_left_out else FromBody()
    in_path = Path(alias=kind.id_field)

    async def give_order(
        request: Request,
        named_id: Id = in_path,
        body: Any = sent,
        caller: Caller = Depends(writing),
    ) -> Response:
        context = await desk.context(request, caller)
        said = order.body() if body is None else body
        handled = await order.tell(caller, named_id, said, context)
        return await command_response(desk.ports, handled)

    body_type: Any = order.body | None if may_be_left_out else order.body
    give_order.__annotations__["body"] = body_type
    give_order.__name__ = order.line.replace("-", "_")
    routes.post(f"{kind.path}/{{{kind.id_field}}}/{order.name}")(give_order)


class Named(Body):
    """Whom a line is about, as a route has it in its path."""

    id: Id


def line(
    resource: Resource,
    body: type[B],
    tell: Callable[[Caller, B, CommandContext], Awaitable[Handled[Any]]],
) -> BatchCommand:
    """A line that carries everything in its fields."""

    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller, resource)
        return await tell(caller, _parsed(body, fields), context)

    return told


def line_about(kind: Kind, order: Order) -> BatchCommand:
    """A line that names in `id_field` whom a route names in its path."""
    id_field = kind.id_field

    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller, kind.resource)
        others = {name: value for name, value in fields.items() if name != id_field}
        try:
            named = Named.model_validate({"id": fields.get(id_field)})
        except ValidationError as flaw:
            problems = [
                type(each)(id_field, each.code, each.message)
                for each in field_problems(flaw.errors())
            ]
            raise Malformed("the command does not fit", errors=problems) from flaw
        return await order.tell(caller, named.id, _parsed(order.body, others), context)

    return told


def _parsed(body: type[B], fields: Mapping[str, Any]) -> B:
    """Raises Malformed naming every field at fault."""
    try:
        return body.model_validate(fields)
    except ValidationError as flaw:
        problems = field_problems(flaw.errors())
        raise Malformed("the command does not fit", errors=problems) from flaw


def _permit(caller: Caller, resource: Resource) -> None:
    if not may(caller, resource, Verb.WRITE):
        raise Forbidden(f"your role may not write {resource}")
