"""Leads over HTTP and as lines of POST /commands."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.leads.api import lead_bodies as bodies
from services.leads.api.lead_work import LeadWork
from services.leads.domain.lead_commands import QualifyLead, ReleaseLead, ReturnLead
from services.leads.domain.lead_list import row_of
from services.leads.queries.lead_pages import (
    LeadFilter,
    cursor_at,
    lead_page,
    listed_leads,
    place_at,
)
from services.leads.queries.leads import seen_lead, shown_leads
from shared.access import Caller, Resource, Verb
from shared.batch_lines import line
from shared.http import BASE, Access, Id, command_response, json_response
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_L = Resource.LEADS

Status = Literal[
    "captured", "assigned", "contacted", "qualified", "returned", "converted", "disqualified"
]


Sort = Literal["captured", "-captured", "status", "-status"]
_KIND = Kind("/leads", "lead_id")


def orders(work: LeadWork) -> tuple[Order, ...]:
    told = (
        Order("change-fields", "change-lead-fields", _L, bodies.FieldsChange, work.change_fields),
        Order(
            "note-behaviour", "note-lead-behaviour", _L, bodies.NewBehaviour, work.note_behaviour
        ),
        Order("assign", "assign-lead", _L, bodies.Assignment, work.assign),
        Order("contact", "contact-lead", _L, bodies.NewContact, work.contact),
        Order("appeal", "appeal-lead", _L, bodies.Appeal, work.appeal),
        Order("decide-appeal", "decide-lead-appeal", _L, bodies.AppealDecision, work.decide_appeal),
        Order("qualify", "qualify-lead", _L, bodies.Nothing, work.plainly(QualifyLead)),
        Order("return", "return-lead", _L, bodies.Nothing, work.plainly(ReturnLead)),
        Order("release", "release-lead", _L, bodies.Nothing, work.plainly(ReleaseLead)),
        Order("disqualify", "disqualify-lead", _L, bodies.Disqualification, work.disqualify),
        Order("convert", "convert-lead", _L, bodies.Conversion, work.convert),
    )
    return tuple(order._replace(tell=work.repeatable(order.tell)) for order in told)


def router(work: LeadWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    desk, ports = work.desk, work.ports
    reading, writing = access.may(_L, Verb.READ), access.may(_L, Verb.WRITE)

    @routes.post("/leads", status_code=201)
    async def capture_lead(
        request: Request, body: bodies.NewLead, caller: Caller = Depends(writing)
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await work.capture(caller, body, context)
        return await command_response(ports, handled, created=True)

    @routes.get("/leads", dependencies=[Depends(access.waited)])
    async def show_leads(
        status: Annotated[list[Status] | None, Query(max_length=7)] = None,
        owner_id: Id | None = None,
        unit_id: Id | None = None,
        limit: int = Query(100, ge=1, le=500),
        cursor: str | None = Query(None, max_length=200),
        sort: Sort = "captured",
        caller: Caller = Depends(reading),
    ) -> Response:
        """Those in sight, the oldest first unless they are sorted ("-" before a name is
        downwards): a rep's inbox, a manager's leads that wait. By status: then by the time that
        is left for the contact that is due."""
        wanted = LeadFilter(statuses=status or (), owner_id=owner_id, unit_id=unit_id, order=sort)
        page = await lead_page(ports, caller, wanted, place_at(cursor, sort), limit)
        organisation = await ports.organisations.of(caller.tenant_id)
        shown = listed_leads(page, organisation, ports)
        return json_response({"rows": shown, "next_cursor": cursor_at(page.after)})

    @routes.get("/leads/{lead_id}", dependencies=[Depends(access.waited)])
    async def show_lead(lead_id: Id, caller: Caller = Depends(reading)) -> Response:
        version, known = await seen_lead(ports, caller, lead_id, Verb.READ)
        organisation = await ports.organisations.of(caller.tenant_id)
        row = row_of(known)
        assert row is not None
        [shown] = shown_leads([row], organisation, ports)
        return json_response({**shown, "version": version}, headers={"ETag": f'"{version}"'})

    for order in orders(work):
        add_order(routes, desk, access, _KIND, order)
    return routes


def batch_commands(work: LeadWork) -> Mapping[str, BatchCommand]:
    return {
        "capture-lead": line(_L, bodies.NewLead, work.capture),
        **order_lines(_KIND, orders(work)),
    }
