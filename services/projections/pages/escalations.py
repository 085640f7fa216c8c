"""Escalations: the list, and one with what can be done about it (N3)."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.behind_escalations import behind
from services.projections.pages.business_words import (
    next_step_in_words,
    rule_in_words,
    state_in_words,
)
from services.projections.pages.choices import named
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.readable import readable
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.tables import Lines, every_page, whole_file
from services.projections.pages.typed_times import typed_times
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.explanations import why
from shared.access import Caller, Resource, Verb
from shared.business_time import tomorrow_at
from shared.clock import iso
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_STATES = ("open", "snoozed", "acknowledged", "resolved")
_FORM = FormFields(names=("until", "to_person_id", "reason"))
_TIMES = ("due_at", "opened_at", "last_told_at", "snoozed_until", "acknowledged_at", "resolved_at")
_MORNING = time(9)
Sort = Literal["", "due", "-due", "rule", "-rule"]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.ESCALATIONS, Verb.READ)
    writing = access.may(Resource.ESCALATIONS, Verb.WRITE)

    @routes.get("/escalations")
    async def list_escalations(
        request: Request,
        state: Annotated[str | None, Query(pattern=f"^({'|'.join(_STATES)})$")] = None,
        sort: Sort = "",
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        if as_file:
            return await _file(visit, state, sort)
        found = await _found(visit, state, sort, cursor, _SHOWN)
        await visit.know_customers([row["customer_id"] for row in found["rows"]])
        return page(
            visit,
            "escalations.html",
            title=visit.words.say("Escalations"),
            crumbs=[Crumb("/", visit.words.say("Today"))],
            rows=[shown_escalation(visit, row) for row in found["rows"]],
            next_cursor=found["next_cursor"],
            state=state,
            states=[(each, state_in_words(visit, each)) for each in _STATES],
            order=sort,
            has_incomplete=any(row["incomplete"] for row in found["rows"]),
        )

    @routes.get("/escalations/{escalation_id}")
    async def show_escalation(
        request: Request, escalation_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await _one(visit, escalation_id, _FORM.blank())

    @routes.post("/escalations/{escalation_id}/{deed}")
    async def act_on_escalation(
        request: Request,
        escalation_id: Id,
        deed: str,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await sent(
            visit,
            _order(visit, escalation_id, deed, form),
            lambda refusal: _one(visit, escalation_id, _FORM.refused(visit, form, refusal, deed)),
        )

    return routes


async def _found(
    visit: Visit, state: str | None, sort: Sort, cursor: str | None, limit: int
) -> dict[str, Any]:
    query = [("limit", str(limit)), *((("cursor", cursor),) if cursor else ())]
    query += [("sort", sort)] if sort else []
    asked = (state,) if state else ("open", "snoozed")
    return await visit.api.get("/escalations", [*query, *(("state", each) for each in asked)])


async def _order(visit: Visit, escalation_id: str, deed: str, form: FormData) -> Order:
    """Raises NotFound, Malformed."""
    here = f"/escalations/{escalation_id}"
    place = "/" if text_of(form, "back") == "/" else here
    return Order(path=f"{here}/{deed}", body=_body(visit, deed, form), place=place)


def _body(visit: Visit, deed: str, form: FormData) -> dict[str, Any]:
    """What the API is to be told. Raises NotFound, Malformed."""
    match deed:
        case "acknowledge":
            return {}
        case "snooze":
            return {"until": _until(visit, text_of(form, "until"))}
        case "hand-over":
            return {"to_person_id": text_of(form, "to_person_id")}
        case "resolve":
            return {"reason": text_of(form, "reason") or "resolved-by-hand"}
        case _:
            raise NotFound(f"nothing is called {deed!r} here")


def _until(visit: Visit, chosen: str) -> str:
    """An hour from now, nine o'clock of tomorrow, or the time that was typed."""
    now = visit.asker.clock
    if chosen == "hour":
        return iso(now + timedelta(hours=1))
    if chosen == "tomorrow":
        return iso(tomorrow_at(now, visit.organisation.zone(now), _MORNING))
    return typed_times(visit, {"until": chosen})["until"]


def shown_escalation(visit: Visit, row: dict[str, Any]) -> dict[str, Any]:
    times = {name: moment_said(row[name]) if row.get(name) else None for name in _TIMES}
    next_step_at = row.get("next_step_at")
    return {
        **row,
        **times,
        "next_step_at": moment_said(next_step_at) if next_step_at else None,
        "title": rule_in_words(visit, row["rule"]),
        "advice": next_step_in_words(visit, row["rule"]),
        "state_named": state_in_words(visit, row["state"]),
    }


async def _one(visit: Visit, escalation_id: str, form: ShownForm) -> Response:
    row = await visit.api.get(f"/escalations/{escalation_id}")
    await visit.know_customers([row["customer_id"]])
    told = await why(visit.ports, visit.asker, escalation_id, visit.words.language)
    return page(
        visit,
        "escalation.html",
        status=form.status,
        place=f"/escalations/{escalation_id}",
        title=rule_in_words(visit, row["rule"]),
        crumbs=[Crumb("/escalations", visit.words.say("Escalations"))],
        one=shown_escalation(visit, row),
        behind=behind(visit, row, told.get("settings", {})),
        sentences=[readable(visit, each) for each in told["sentences"]],
        colleagues=_colleagues(visit, row["unit_id"]),
        form=form,
        may_act=visit.may(Resource.ESCALATIONS, Verb.WRITE),
    )


def _colleagues(visit: Visit, unit_id: str) -> list[tuple[str, str]]:
    """To whom it may be handed over: everybody on the way up from its unit, and in it."""
    me = visit.caller.person_id
    return named(visit, (each for each in visit.organisation.around(unit_id) if each != me))


async def _file(visit: Visit, state: str | None, sort: Sort) -> Response:
    say = visit.words.say
    columns = (
        *(say("Id"), say("What is wrong"), say("Customer"), say("Owner"), say("Unit")),
        *(say("State"), say("Due"), say("Next step")),
        say("Incomplete"),
    )

    async def ask(cursor: str | None, limit: int) -> dict[str, Any]:
        return await _found(visit, state, sort, cursor, limit)

    async def lines(rows: list[dict[str, Any]]) -> Lines:
        await visit.know_customers([row["customer_id"] for row in rows])
        return [_line(visit, shown_escalation(visit, row)) for row in rows]

    return await whole_file(visit, "escalations", columns, every_page(ask), lines)


def _line(visit: Visit, row: dict[str, Any]) -> Sequence[object]:
    return (
        row["escalation_id"],
        row["title"],
        visit.customer(row["customer_id"]),
        visit.person(row["owner_id"]) if row["owner_id"] else "",
        visit.unit(row["unit_id"]),
        row["state_named"],
        visit.words.exact(row["due_at"]),
        row["advice"],
        visit.words.say("an event is missing") if row["incomplete"] else "",
    )
