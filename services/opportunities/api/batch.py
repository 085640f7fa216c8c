"""Lines of POST /commands: the same bodies and rules as the routes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from services.opportunities.api.desk import Desk, Tell
from shared.access import Caller, Resource, Verb, may
from shared.command_handling import CommandContext, Handled
from shared.errors import Forbidden, Malformed
from shared.http import Body, Id, field_problems
from shared.service import BatchCommand

B = TypeVar("B", bound=Body)


class _Named(Body):
    opportunity_id: Id


def line(
    desk: Desk,
    resource: Resource,
    body: type[B],
    tell: Callable[[Caller, B, CommandContext], Awaitable[Handled[Any]]],
) -> BatchCommand:
    """A line that carries everything in its fields."""

    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller, resource)
        return await desk.answered(context, tell(caller, parsed(body, fields), context))

    return told


def line_about(
    desk: Desk,
    resource: Resource,
    body: type[Body],
    tell: Tell,
) -> BatchCommand:
    """A line that names the opportunity, as a route has it in its path."""

    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller, resource)
        others = {name: value for name, value in fields.items() if name != "opportunity_id"}
        named = parsed(_Named, {"opportunity_id": fields.get("opportunity_id")})
        telling = tell(caller, named.opportunity_id, parsed(body, others), context)
        return await desk.answered(context, telling, named.opportunity_id)

    return told


def parsed(body: type[B], fields: Mapping[str, Any]) -> B:
    """Raises Malformed naming every field at fault."""
    try:
        return body.model_validate(fields)
    except ValidationError as flaw:
        problems = field_problems(flaw.errors())
        raise Malformed("the command does not fit", errors=problems) from flaw


def _permit(caller: Caller, resource: Resource) -> None:
    if not may(caller, resource, Verb.WRITE):
        raise Forbidden(f"your role may not write {resource}")
