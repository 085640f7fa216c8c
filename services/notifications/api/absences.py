"""Who is away, and who stands in meanwhile (N2)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.notifications.api.desk import Desk
from services.notifications.domain.absences import (
    ABSENCES,
    Absences,
    AnnounceAbsence,
    WithdrawAbsence,
)
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from shared.access import Caller, Resource, Verb, visible_rows
from shared.clock import to_milliseconds
from shared.errors import FieldProblem, Malformed, NotFound, NotYetKnown
from shared.events.notifications import AbsenceAnnounced
from shared.http import BASE, Body, Id, When, command_response, json_response
from shared.organisation import Organisation

_ESCALATIONS = Resource.ESCALATIONS


class NewAbsence(Body):
    """`person_id`: by default the caller. Without `stand_in_id` the nearest manager is told."""

    absence_id: Id | None = None
    person_id: Id | None = None
    stand_in_id: Id | None = None
    begins_at: When
    ends_at: When


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["on-call"])
    reading = desk.access.may(_ESCALATIONS, Verb.READ)
    writing = desk.access.may(_ESCALATIONS, Verb.WRITE)

    @routes.get("/absences")
    async def list_absences(caller: Caller = Depends(reading)) -> Response:
        """Of those whom the caller sees, by when they begin."""
        organisation = await desk.organisation(caller)
        absences = await desk.choices.absences(caller.tenant_id)
        rows = [
            asdict(each)
            for each in sorted(absences.by_id.values(), key=lambda one: one.begins_at)
            if _sees(caller, organisation, each.person_id, Verb.READ)
        ]
        return json_response({"rows": rows})

    @routes.post("/absences", status_code=201)
    async def announce_absence(
        request: Request, body: NewAbsence, caller: Caller = Depends(writing)
    ) -> Response:
        """One's own, or that of somebody in one's units."""
        organisation = await desk.organisation(caller)
        person_id = body.person_id or caller.person_id
        if person_id is None:
            problem = FieldProblem("person_id", "required", "this key stands for nobody")
            raise Malformed("who is away?", errors=[problem])
        for each in (person_id, body.stand_in_id):
            if each is not None and not organisation.knows_person(each):
                raise NotYetKnown(f"person {each}")
        if not _sees(caller, organisation, person_id, Verb.WRITE):
            raise NotFound(f"person {person_id}")
        context = await desk.context(request, caller)
        command = AnnounceAbsence(
            absence_id=body.absence_id or desk.given_id(context, "absence"),
            person_id=person_id,
            stand_in_id=body.stand_in_id,
            begins_at=to_milliseconds(body.begins_at),
            ends_at=to_milliseconds(body.ends_at),
            now=desk.ports.clock(),
        )
        render = _rendering(command.absence_id)
        handled = await desk.handle(ABSENCES, ONE_PER_TENANT, command, context, render)
        return await command_response(desk.ports, handled, created=True)

    @routes.post("/absences/{absence_id}/withdraw")
    async def withdraw_absence(
        request: Request, absence_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        organisation = await desk.organisation(caller)
        known = (await desk.choices.absences(caller.tenant_id)).by_id.get(absence_id)
        if known is not None and not _sees(caller, organisation, known.person_id, Verb.WRITE):
            raise NotFound(f"absence {absence_id}")
        context = await desk.context(request, caller)
        command = WithdrawAbsence(absence_id=absence_id, now=desk.ports.clock())
        render = _rendering(absence_id)
        handled = await desk.handle(ABSENCES, ONE_PER_TENANT, command, context, render)
        return await command_response(desk.ports, handled)

    return routes


def _sees(caller: Caller, organisation: Organisation, person_id: str, verb: Verb) -> bool:
    if person_id == caller.person_id:
        return True
    unit_id = organisation.unit_of(person_id)
    reach = visible_rows(caller, organisation, _ESCALATIONS, verb)
    return unit_id is not None and reach.includes(unit_id=unit_id)


def _rendering(absence_id: str) -> Any:
    def render(absences: Absences) -> Mapping[str, Any]:
        known: AbsenceAnnounced | None = absences.by_id.get(absence_id)
        return {"absence_id": absence_id} if known is None else asdict(known)

    return render
