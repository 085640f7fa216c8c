"""One record of a customer: leads, opportunities, actions, tickets, shared fields, tags (L1-L3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.pages.business_words import action_titles
from services.projections.pages.catalogue import message
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import BUDGETS, needs_in_words, said, tag_in_words
from services.projections.pages.leads import shown_leads
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.timeline_words import entry_in_words
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.silence_board import silence_of
from services.projections.queries.timelines import timeline
from shared.access import Caller, Resource, Verb
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

_FORM = FormFields()
_OPPORTUNITIES_SHOWN = 20
_EVENTS_LOOKED_AT = 100
_ACTIONS_SHOWN = 8
_ROLES: Mapping[str, str] = {
    "KP": message("key person"),
    "influencer": message("influencer"),
    "user": message("user"),
}


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.CUSTOMERS, Verb.READ)
    writing = access.may(Resource.CUSTOMERS, Verb.WRITE)

    @routes.get("/customers/{customer_id}")
    async def show_customer(
        request: Request, customer_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await _one(visit, customer_id, _FORM.blank())

    @routes.post("/customers/{customer_id}/undo-merge")
    async def undo_merge(
        request: Request,
        customer_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        merged = text_of(form, "merged_customer_id") or customer_id
        return await sent(
            visit,
            _order(customer_id, merged),
            lambda refusal: _one(visit, customer_id, _FORM.refused(visit, form, refusal)),
        )

    return routes


async def _order(customer_id: str, merged: str) -> Order:
    return Order(path=f"/customers/{merged}/undo-merge", place=f"/customers/{customer_id}")


def _due_first(lead: Mapping[str, Any]) -> tuple[bool, float]:
    return (lead["hours_left"] is None, lead["hours_left"] or 0.0)


async def _one(visit: Visit, customer_id: str, form: ShownForm) -> Response:
    record = await visit.api.get(f"/customers/{customer_id}/record")
    customer = record["customer"]
    leads = sorted(await shown_leads(visit, record["leads"]), key=_due_first)
    merged = customer["merged_customer_ids"]
    await visit.know_customers([customer["customer_id"], *merged])
    return page(
        visit,
        "customer.html",
        status=form.status,
        place=f"/customers/{customer_id}",
        title=visit.customer(customer["customer_id"]),
        crumbs=[Crumb("/customers", visit.words.say("Customers"))],
        customer=customer,
        contacts=_contacts(visit, customer["contacts"]),
        leads=leads,
        fields=[_fields(visit, each) for each in leads],
        tags=[tag_in_words(visit, each) for each in _tags(leads)],
        opportunities=await _opportunities(visit, record["opportunities"]),
        opportunity_count=len(record["opportunities"]),
        actions=await _actions(visit, customer["customer_id"]),
        tickets=[_ticket(each) for each in record["tickets"]],
        merged=merged,
        form=form,
        may_write=visit.may(Resource.CUSTOMERS, Verb.WRITE),
    )


def _contacts(visit: Visit, contacts: Any) -> list[dict[str, Any]]:
    """None of somebody erased."""
    known = contacts if isinstance(contacts, list) else []
    return [{**each, "role_named": said(visit, _ROLES, each["role"])} for each in known]


def _tags(leads: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(tag for lead in leads for tag in lead["tags"]))


def _fields(visit: Visit, lead: Mapping[str, Any]) -> str:
    """What is said of it in the vocabulary that marketing, sales and service share (L2)."""
    plain = [lead[each] for each in ("industry", "size", "region") if lead[each]]
    budget = said(visit, BUDGETS, lead["budget_status"])
    if budget:
        plain.append(f"{visit.words.say('Budget')}: {budget}")
    needs = needs_in_words(visit, lead["core_needs"])
    return " · ".join([*plain, *([needs] if needs else [])])


async def _opportunities(visit: Visit, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what an open one says of its silence."""
    shown = rows[:_OPPORTUNITIES_SHOWN]
    reads, asker = visit.ports.read_store, visit.asker
    return [{**row, "now": await silence_of(reads, asker, row["opportunity_id"])} for row in shown]


async def _actions(visit: Visit, customer_id: str) -> list[Any]:
    """The latest that its timeline holds; none where the reader has no part in its deals."""
    if not visit.may(Resource.TIMELINES):
        return []
    subject = SubjectOfTimeline("customer", customer_id)
    question = Question(limit=_EVENTS_LOOKED_AT)
    try:
        found = await timeline(visit.ports, visit.asker, subject, question, newest_first=True)
    except NotFound:
        return []
    logged = [row for row in found["rows"] if row["type"].split(".")[1] == "action_logged"]
    titles = await action_titles(visit)
    return [entry_in_words(visit, row, titles) for row in logged[:_ACTIONS_SHOWN]]


def _ticket(row: Mapping[str, Any]) -> dict[str, Any]:
    closed_at = row["closed_at"]
    return {
        **row,
        "opened_at": moment_said(row["opened_at"]),
        "closed_at": moment_said(closed_at) if closed_at else None,
    }
