"""Escalations over HTTP: looked at, acknowledged, put off, handed over, resolved (N3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ValidationError

from services.notifications.api.desk import Desk
from services.notifications.domain.escalation_commands import (
    AcknowledgeEscalation,
    EscalationCommand,
    HandOverEscalation,
    ResolveEscalation,
    SnoozeEscalation,
)
from services.notifications.queries.escalations import (
    Filter,
    as_document,
    escalation_rows,
    escalations_page,
    may_see,
    page_as_documents,
    working_time_of,
)
from shared.access import Caller, Resource, Verb, may
from shared.clock import to_milliseconds
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, Malformed, NotFound, NotYetKnown
from shared.http import (
    BASE,
    Body,
    Id,
    Name,
    When,
    command_response,
    field_problems,
    json_response,
)
from shared.service import BatchCommand

_ESCALATIONS = Resource.ESCALATIONS
_MINE = (
    "Only those that you were told of or hold. A key that belongs to no person has none of its own."
)
T = TypeVar("T")
State = Literal["open", "snoozed", "acknowledged", "resolved"]
Order = Literal["due", "-due", "rule", "-rule"]
Acting = Literal["acknowledge", "snooze", "hand-over", "resolve"]


class Snooze(Body):
    until: When


class HandOver(Body):
    to_person_id: Id


class Resolve(Body):
    """`reason`: a short word of the tenant's own, such as `called-the-customer`."""

    reason: Name = "resolved-by-hand"


class Act(Body):
    """A line of POST /commands."""

    escalation_id: Id
    until: When | None = None
    to_person_id: Id | None = None
    reason: Name = "resolved-by-hand"


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["escalations"])
    reading = desk.access.may(_ESCALATIONS, Verb.READ)
    writing = desk.access.may(_ESCALATIONS, Verb.WRITE)

    @routes.get("/escalations", dependencies=[Depends(desk.access.waited)])
    async def list_escalations(
        caller: Caller = Depends(reading),
        state: Annotated[list[State] | None, Query()] = None,
        rule: Name | None = None,
        subject_id: Id | None = None,
        mine: Annotated[bool, Query(description=_MINE)] = False,
        sort: Order | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: str | None = None,
    ) -> Response:
        """The latest first, unless they are sorted; "-" before a name is downwards."""
        organisation = await desk.organisation(caller)
        wanted = Filter(
            states=tuple(state or ()),
            rule=rule,
            subject_id=subject_id,
            mine=mine,
            order=sort or "",
        )
        reads = desk.ports.read_store
        found = await escalations_page(reads, caller, organisation, wanted, limit, cursor)
        working = working_time_of(organisation, desk.ports.clock())
        shown = page_as_documents(found, working)
        return json_response({"rows": shown, "next_cursor": found.next_cursor})

    @routes.get("/escalations/{escalation_id}", dependencies=[Depends(desk.access.waited)])
    async def show_escalation(escalation_id: Id, caller: Caller = Depends(reading)) -> Response:
        organisation = await desk.organisation(caller)
        rows = await escalation_rows(desk.ports.read_store, caller.tenant_id, (escalation_id,))
        if not rows or not may_see(rows[0], caller, organisation):
            raise NotFound(escalation_id)
        working = working_time_of(organisation, desk.ports.clock())
        return json_response(as_document(rows[0], working))

    @routes.post("/escalations/{escalation_id}/acknowledge")
    async def acknowledge_escalation(
        request: Request, escalation_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        command = AcknowledgeEscalation(
            escalation_id=escalation_id, by=caller.actor_id, now=desk.ports.clock()
        )
        return await _answered(desk, request, caller, command)

    @routes.post("/escalations/{escalation_id}/snooze")
    async def snooze_escalation(
        request: Request, escalation_id: Id, body: Snooze, caller: Caller = Depends(writing)
    ) -> Response:
        command = _snoozing(desk, caller, escalation_id, body.until)
        return await _answered(desk, request, caller, command)

    @routes.post("/escalations/{escalation_id}/hand-over")
    async def hand_over_escalation(
        request: Request, escalation_id: Id, body: HandOver, caller: Caller = Depends(writing)
    ) -> Response:
        await desk.require_visible(caller, escalation_id)
        command = await _handing_over(desk, caller, escalation_id, body.to_person_id)
        return await _answered(desk, request, caller, command)

    @routes.post("/escalations/{escalation_id}/resolve")
    async def resolve_escalation(
        request: Request,
        escalation_id: Id,
        body: Resolve | None = None,
        caller: Caller = Depends(writing),
    ) -> Response:
        command = _resolving(desk, caller, escalation_id, (body or Resolve()).reason)
        return await _answered(desk, request, caller, command)

    return routes


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    return {f"{acting}-escalation": _line(desk, acting) for acting in _ACTING}


_ACTING: tuple[Acting, ...] = ("acknowledge", "snooze", "hand-over", "resolve")


def _line(desk: Desk, acting: Acting) -> BatchCommand:
    async def told(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        if not may(caller, _ESCALATIONS, Verb.WRITE):
            raise Forbidden(f"your role may not write {_ESCALATIONS}")
        try:
            body = Act.model_validate(fields)
        except ValidationError as flaw:
            problems = field_problems(flaw.errors())
            raise Malformed("the command does not fit", errors=problems) from flaw
        command = await _command_of(desk, caller, acting, body)
        return await desk.handle_escalation(caller, command, context)

    return told


async def _command_of(desk: Desk, caller: Caller, acting: Acting, body: Act) -> EscalationCommand:
    match acting:
        case "snooze":
            return _snoozing(desk, caller, body.escalation_id, _given("until", body.until))
        case "hand-over":
            to_person_id = _given("to_person_id", body.to_person_id)
            await desk.require_visible(caller, body.escalation_id)
            return await _handing_over(desk, caller, body.escalation_id, to_person_id)
        case "resolve":
            return _resolving(desk, caller, body.escalation_id, body.reason)
        case _:
            return AcknowledgeEscalation(
                escalation_id=body.escalation_id, by=caller.actor_id, now=desk.ports.clock()
            )


def _given(field: str, value: T | None) -> T:
    if value is None:
        raise Malformed(field, errors=[FieldProblem(field, "missing", "is needed")])
    return value


def _snoozing(desk: Desk, caller: Caller, escalation_id: str, until: datetime) -> SnoozeEscalation:
    return SnoozeEscalation(
        escalation_id=escalation_id,
        by=caller.actor_id,
        until=to_milliseconds(until),
        now=desk.ports.clock(),
    )


async def _handing_over(
    desk: Desk, caller: Caller, escalation_id: str, to_person_id: str
) -> HandOverEscalation:
    organisation = await desk.organisation(caller)
    if not organisation.knows_person(to_person_id):
        raise NotYetKnown(f"person {to_person_id}")
    if organisation.has_left(to_person_id):
        problem = FieldProblem("to_person_id", "has-left", "is no longer with the organisation")
        raise Malformed("to_person_id", errors=[problem])
    return HandOverEscalation(
        escalation_id=escalation_id,
        by=caller.actor_id,
        to_person_id=to_person_id,
        now=desk.ports.clock(),
    )


def _resolving(desk: Desk, caller: Caller, escalation_id: str, reason: str) -> ResolveEscalation:
    return ResolveEscalation(
        escalation_id=escalation_id,
        by=caller.actor_id or "",
        reason=reason,
        now=desk.ports.clock(),
    )


async def _answered(
    desk: Desk, request: Request, caller: Caller, command: EscalationCommand
) -> Response:
    context = await desk.context(request, caller)
    handled = await desk.handle_escalation(caller, command, context)
    return await command_response(desk.ports, handled)
