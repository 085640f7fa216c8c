"""Allocation in the open, over HTTP: each lead with its reasons, each month's figures (L7)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import StringConstraints

from services.leads.api.desk import Desk
from services.leads.domain.allocation_book import ALLOCATION_BOOK
from services.leads.queries.fairness import allocation_board
from services.leads.queries.leads import seen_lead
from shared.access import Caller, Resource, Verb
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.events.leads import LeadAllocated
from shared.http import BASE, Access, Id, json_response

Month = Annotated[str, StringConstraints(pattern=r"^(?:19[7-9]|20\d|21\d)\d-(?:0[1-9]|1[0-2])$")]


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    ports = desk.ports
    reading = access.may(Resource.LEADS, Verb.READ)

    @routes.get("/allocations", dependencies=[Depends(access.waited)])
    async def show_allocations(
        unit_id: Id | None = None,
        month: Annotated[Month | None, Query()] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        """A unit's month, by default the root's running one: open to all who work with leads."""
        organisation = await ports.organisations.of(caller.tenant_id)
        unit = unit_id or organisation.root_id
        if unit is None or not organisation.knows_unit(unit):
            raise NotFound(f"there is no unit {unit!r}")
        today = organisation.calendar().day_of(organisation.clock(ports.clock()))
        chosen = month or today.isoformat()[:7]
        return json_response(await allocation_board(ports, organisation, unit, chosen))

    @routes.get("/leads/{lead_id}/allocation", dependencies=[Depends(access.waited)])
    async def show_allocation(lead_id: Id, caller: Caller = Depends(reading)) -> Response:
        """Who was eligible, every weight, why the others were passed over, why this rep (L5)."""
        _version, known = await seen_lead(ports, caller, lead_id, Verb.READ)
        stream = stream_name(caller.tenant_id, ALLOCATION_BOOK.name, known.facts.unit_id)
        rows = []
        for stored in await ports.event_store.read_stream(stream):
            event = ports.codec.decode(stored).event
            if isinstance(event, LeadAllocated) and event.lead_id == lead_id:
                rows.append(event)
        return json_response({"lead_id": lead_id, "rows": rows})

    return routes
