"""Commands about one thing that exists: a route each, and a line of POST /commands each."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi import Body as FromBody

from shared.access import Caller, Resource, Verb
from shared.batch_lines import Tell, line_about
from shared.command_desk import CommandDesk
from shared.http import Access, Body, Id, command_response
from shared.service import BatchCommand


class Kind(NamedTuple):
    """Whom orders are about: `POST <path>/{<id_field>}/<name>`."""

    path: str
    id_field: str


class Order(NamedTuple):
    """A command about one of a kind; `line` is its name in a batch."""

    name: str
    line: str
    resource: Resource
    body: type[Body]
    tell: Tell


def add_order(
    routes: APIRouter, desk: CommandDesk, access: Access, kind: Kind, order: Order
) -> None:
    """Its route. A body without required fields may be left out."""
    writing = access.may(order.resource, Verb.WRITE)
    may_be_left_out = not any(each.is_required() for each in order.body.model_fields.values())
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


def order_lines(kind: Kind, orders: Iterable[Order]) -> dict[str, BatchCommand]:
    return {
        order.line: line_about(order.resource, kind.id_field, order.body, order.tell)
        for order in orders
    }
