"""Approvals that wait for me, what is due first on top: approved, or refused with a reason (O6)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import from_today, page
from services.projections.pages.lead_words import said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.setup_words import ROLES
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.waiting_approvals import approvals_waiting
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_DECISIONS = frozenset({"approve", "reject", "send_back"})
_FORM = FormFields(names=("note", "decision", "step"))
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.APPROVALS, Verb.READ)
    writing = access.may(Resource.APPROVALS, Verb.WRITE)

    @routes.get("/approvals")
    async def approvals(
        request: Request,
        whose: Literal["all"] | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        if as_file:
            return await _file(visit, whose)
        return await _list(visit, whose, _FORM.blank())

    @routes.post("/approvals/{opportunity_id}/{approval_id}")
    async def decide_approval(
        request: Request,
        opportunity_id: Id,
        approval_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        at = (opportunity_id, approval_id)
        return await sent(
            visit,
            _order(at, form),
            lambda refusal: _list(visit, None, _FORM.refused(visit, form, refusal), at),
        )

    return routes


async def _order(at: tuple[str, str], form: FormData) -> Order:
    """Raises NotFound, Malformed."""
    opportunity_id, approval_id = at
    body = {"approval_id": approval_id, **_decision(form)}
    path = f"/opportunities/{opportunity_id}/decide-approval"
    return Order(path=path, body=body, place="/approvals")


def _decision(form: FormData) -> dict[str, Any]:
    """Raises NotFound, Malformed for a refusal without a reason."""
    decision, note, step = (text_of(form, each) for each in ("decision", "note", "step"))
    if decision not in _DECISIONS:
        raise NotFound(f"no decision is called {decision!r}")
    if decision != "approve" and not note:
        problem = FieldProblem("note", "missing", "who is refused is told why")
        raise Malformed("note", errors=[problem])
    seen = {"step": int(step)} if step.isascii() and step.isdigit() else {}
    return {"decision": decision, "note": note or None, **seen}


async def _rows(visit: Visit, whose: str | None) -> list[Row]:
    """With who asked for it, and their words."""
    found = await approvals_waiting(visit.ports.read_store, visit.asker)
    rows = [row for row in found if row["mine"] or whose is not None]
    return [
        {
            **row,
            "role_named": said(visit, ROLES, row["role"]),
            "course": " → ".join(said(visit, ROLES, each) for each in row["roles"]),
        }
        for row in rows
    ]


async def _list(
    visit: Visit,
    whose: str | None,
    form: ShownForm,
    at: tuple[str, str] = ("", ""),
) -> Response:
    """`at`: the approval whose form was refused."""
    rows = await _rows(visit, whose)
    await visit.know_customers([row["customer_id"] for row in rows[:_SHOWN]])
    return page(
        visit,
        "approvals.html",
        status=form.status,
        place="/approvals",
        title=visit.words.say("Approvals"),
        crumbs=from_today(visit),
        rows=await _with_notes(visit, rows[:_SHOWN]),
        count=len(rows),
        whose=whose,
        at=at,
        form=form,
        may_decide=visit.may(Resource.APPROVALS, Verb.WRITE),
    )


async def _with_notes(visit: Visit, rows: Sequence[Row]) -> list[Row]:
    """Of the request, or of whoever approved the step before."""
    wanted = [UUID(row["anchor_event_id"]) for row in rows]
    stored = await visit.ports.event_store.find_events(wanted)
    decoded = [visit.ports.codec.decode(each) for each in stored.values()]
    opened = {each.event_id: each for each in await visit.ports.codec.open(decoded)}
    told = []
    for row, event_id in zip(rows, wanted, strict=True):
        recorded = opened.get(event_id)
        note = getattr(recorded.event, "note", None) if recorded else None
        actor = recorded.stored.actor_id if recorded else None
        told.append({**row, "note": note if isinstance(note, str) else None, "asked_by": actor})
    return told


async def _file(visit: Visit, whose: str | None) -> Response:
    say, rows = visit.words.say, await _rows(visit, whose)
    await visit.know_customers([row["customer_id"] for row in rows])
    columns = (
        *(say("Opportunity"), say("Customer"), say("What"), say("Waits for"), say("Since")),
        *(say("Hours left"), say("Amount"), say("Currency"), say("Owner"), say("Unit")),
    )
    table = [
        (
            row["opportunity_id"],
            visit.customer(row["customer_id"]),
            row["kind"],
            row["role_named"],
            visit.words.exact(row["since"]),
            row["hours_left"],
            row["amount"],
            row["currency"],
            visit.person(row["owner_id"]),
            visit.unit(row["unit_id"]),
        )
        for row in rows
    ]
    return csv_file("approvals", columns, table)
