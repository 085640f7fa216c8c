"""Allocation in the open, over HTTP: each lead with its reasons (L5)."""

from fastapi import APIRouter, Depends, Response

from services.leads.api.desk import Desk
from services.leads.domain.allocation_book import ALLOCATION_BOOK
from services.leads.queries.leads import seen_lead
from shared.access import Caller, Resource, Verb
from shared.envelope import stream_name
from shared.events.leads import LeadAllocated
from shared.http import BASE, Access, Id, json_response


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    ports = desk.ports
    reading = access.may(Resource.LEADS, Verb.READ)

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
