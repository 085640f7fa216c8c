"""Work on visits within the caller's sight, node by node (O4)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from services.opportunities.api.action_work import acting_person
from services.opportunities.api.desk import Desk
from services.opportunities.api.opportunity_answers import with_action
from services.opportunities.api.visit_bodies import (
    DoorCodeWithdrawal,
    NewDoorCode,
    VisitBooking,
    VisitFilling,
    VisitPassing,
    VisitStart,
    VisitSummary,
)
from services.opportunities.api.visit_facts import VisitFacts
from services.opportunities.domain.door import DOOR, Door, IssueDoorCode, Known, WithdrawDoorCode
from services.opportunities.domain.door_code import DoorCode
from services.opportunities.domain.opportunity_state import Opened, action_of
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    PassOnVisit,
    StartVisit,
    SummariseVisit,
    VisitCommand,
)
from shared.access import Caller, Resource, Verb
from shared.clock import to_milliseconds
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, NotYetKnown

VISIT = "visit"
"""The action type that a visit in nodes is of."""
_SECONDS_A_DAY = 24 * 3600


class VisitWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._facts = VisitFacts(desk)

    async def start(
        self, caller: Caller, opportunity_id: str, body: VisitStart, context: CommandContext
    ) -> Handled[Any]:
        """Raises what is wrong with the door code: forged, another tenant's, expired, replaced."""
        known = await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        organisation = await self._desk.organisation(caller)
        actor_id = acting_person(caller, organisation, body.actor_id)
        unit_id = organisation.unit_of(actor_id, timed.occurred_at) if actor_id else None
        code, customer_id = await self._facts.scanned_door(body.door_code, timed)
        days = organisation.number_setting("visit_next_action_days", timed.occurred_at)
        command = StartVisit(
            opportunity_id=opportunity_id,
            action_id=body.visit_id or self._desk.given_id(context, "action"),
            definition=await self._desk.action_type(caller.tenant_id, VISIT),
            asked=await self._facts.asked_of(caller.tenant_id, known.situation.customer_type),
            door_id=code.door_id,
            code_id=code.code_id,
            door_customer_id=customer_id,
            place=await self._facts.place_of(caller.tenant_id, code.door_id, code.code_id),
            position=None if body.position is None else body.position.place(),
            next_action_within_seconds=int(days * _SECONDS_A_DAY),
            contact_id=body.contact_id,
            actor_id=actor_id,
            actor_unit_id=unit_id,
            actor_unit_path=organisation.unit_path(unit_id) if unit_id else (),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, timed)

    async def fill(
        self, caller: Caller, opportunity_id: str, body: VisitFilling, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        command = FillVisit(
            opportunity_id=opportunity_id,
            action_id=body.visit_id,
            fields=dict(body.fields),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, timed)

    async def book(
        self, caller: Caller, opportunity_id: str, body: VisitBooking, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        command = BookVisitNextAction(
            opportunity_id=opportunity_id,
            action_id=body.visit_id,
            next_action=body.next_action.next_action(),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, timed)

    async def summarise(
        self, caller: Caller, opportunity_id: str, body: VisitSummary, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        command = SummariseVisit(
            opportunity_id=opportunity_id,
            action_id=body.visit_id,
            definition=await self._desk.action_type(caller.tenant_id, VISIT),
            summary=body.summary,
            customer_tags=tuple(body.customer_tags),
            promises=tuple(each.promise() for each in body.promises),
            open_points=tuple(body.open_points),
            pain_point=body.pain_point,
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, timed)

    async def pass_on(
        self, caller: Caller, opportunity_id: str, body: VisitPassing, context: CommandContext
    ) -> Handled[Any]:
        """One tap: without names to everybody of the visitor's unit. Raises NotYetKnown."""
        known = await self._seen(caller, opportunity_id)
        organisation = await self._desk.organisation(caller)
        visitor = action_of(known, body.visit_id).actor_id
        if body.to is None:
            unit_id = organisation.unit_of(visitor) if visitor else None
            colleagues = organisation.people_in(unit_id or known.situation.unit_id)
            to = tuple(each for each in colleagues if each not in (visitor, caller.person_id))
        else:
            to = tuple(body.to)
        for index, person_id in enumerate(to):
            if not organisation.knows_person(person_id):
                message = "we have not heard of this person (yet)"
                problem = FieldProblem(f"to[{index}]", "not-yet-known", message)
                raise NotYetKnown(f"person {person_id!r} is not known yet", errors=[problem])
        command = PassOnVisit(
            opportunity_id=opportunity_id,
            action_id=body.visit_id,
            passed_on_by=caller.person_id,
            to=to,
            now=context.occurred_at,
        )
        return await self._tell(command, context)

    async def _seen(self, caller: Caller, opportunity_id: str) -> Opened:
        _version, known = await self._desk.seen(
            caller, opportunity_id, Resource.ACTIONS, Verb.WRITE
        )
        return known

    async def _tell(self, command: VisitCommand, context: CommandContext) -> Handled[Any]:
        render = with_action(command.action_id)
        return await self._desk.handle_opportunity(command.opportunity_id, command, context, render)


class DoorWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._facts = VisitFacts(desk)

    async def issue(
        self, caller: Caller, body: NewDoorCode, context: CommandContext
    ) -> Handled[Any]:
        """What is to be printed is told here alone: no event and no stored answer holds it."""
        organisation = await self._desk.organisation(caller)
        days = organisation.number_setting("door_code_days", context.occurred_at)
        until = body.expires_at or context.occurred_at + timedelta(days=days)
        door_id = body.door_id or body.customer_id
        code = DoorCode(door_id=door_id, code_id=self._desk.given_id(context, "door_code"))
        command = IssueDoorCode(
            door_id=door_id,
            code_id=code.code_id,
            customer_id=body.customer_id,
            place=None if body.place is None else body.place.place(),
            issued_by=caller.person_id,
            expires_at=to_milliseconds(until),
            now=context.occurred_at,
        )

        def render(door: Door) -> Mapping[str, Any]:
            return {**shown_door(door_id, door), "code_id": code.code_id}

        handled = await self._desk.handle(DOOR, door_id, command, context, render)
        text = await self._facts.printed_code(caller.tenant_id, code)
        told = {**msgspec.json.decode(handled.answer), "door_code": text}
        return replace(handled, answer=msgspec.json.encode(told))

    async def withdraw(
        self, caller: Caller, door_id: str, body: DoorCodeWithdrawal, context: CommandContext
    ) -> Handled[Any]:
        command = WithdrawDoorCode(door_id=door_id, now=context.occurred_at)
        return await self._desk.handle(
            DOOR, door_id, command, context, lambda door: shown_door(door_id, door)
        )


def shown_door(door_id: str, door: Door) -> dict[str, Any]:
    assert isinstance(door, Known)
    code = None if door.code_id is None else door.codes[door.code_id]
    return {
        "door_id": door_id,
        "customer_id": door.customer_id,
        "expires_at": None if code is None else code.expires_at,
        "withdrawn": code is None,
    }
