"""Lines of POST /commands: the same bodies and rules as the routes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from shared.access import Caller, Resource, Verb, may
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, Malformed
from shared.http import Body, Id, field_problems
from shared.service import BatchCommand

B = TypeVar("B", bound=Body)

Tell = Callable[[Caller, str, Any, CommandContext], Awaitable[Handled[Any]]]
"""Carries out what a caller's body asks of the one that is named."""


class _Named(Body):
    """The id that a route has in its path and a line among its fields."""

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


def line_about(resource: Resource, id_field: str, body: type[Body], tell: Tell) -> BatchCommand:
    """A line that names in `id_field` what a route names in its path."""

    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller, resource)
        others = {name: value for name, value in fields.items() if name != id_field}
        named = _parsed(_Named, {"id": fields.get(id_field)}, renamed={"id": id_field})
        return await tell(caller, named.id, _parsed(body, others), context)

    return told


def _parsed(
    body: type[B], fields: Mapping[str, Any], renamed: Mapping[str, str] | None = None
) -> B:
    """Raises Malformed naming every field at fault."""
    try:
        return body.model_validate(fields)
    except ValidationError as flaw:
        names = renamed or {}
        problems = [
            FieldProblem(names.get(each.field, each.field), each.code, each.message)
            for each in field_problems(flaw.errors())
        ]
        raise Malformed("the command does not fit", errors=problems) from flaw


def _permit(caller: Caller, resource: Resource) -> None:
    if not may(caller, resource, Verb.WRITE):
        raise Forbidden(f"your role may not write {resource}")
