"""My day: what a rep does next, and an action logged in two taps, also without a network (O13)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData
from starlette.responses import JSONResponse

from services.projections.pages.action_form import (
    ACCEPTED,
    FIELD,
    SLOTS,
    UNKNOWN_TYPE,
    Types,
    asks_in_words,
    fields_of_form,
    kinds_in_words,
    own_fields,
    own_values,
    refuse_incomplete,
    stored_evidence,
)
from services.projections.pages.business_words import titles_of
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import page
from services.projections.pages.next_actions import asked_of, next_actions, worked_on_last
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.refusals import field_in_words, refusal_in_words
from services.projections.pages.sent_forms import Answer, Order, ShownForm, sent
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.clock import iso
from shared.errors import DomainError, FieldProblem, Malformed
from shared.http import Access, Id, Name
from shared.ports import Ports
from shared.problems import problem_response

_FIRST_TYPES = ("call", "visit", "message", "meeting")
_BOOKED_AT = time(18)
_BOOKABLE_DAYS = (1, 3, 5, 10)
_SENT_BEFORE = "idempotency-key-reused"
"""An entry's key is its own: sent again since its answer was lost, it differs by `sent_at` only."""
NEXT_STEP_DAYS = 3


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.ACTIONS, Verb.READ)
    writing = access.may(Resource.ACTIONS, Verb.WRITE)

    @routes.get("/my-day")
    async def my_day(
        request: Request,
        opportunity: Id | None = None,
        type: Name | None = None,  # as the address names it
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        types = await _types_of(visit)
        form = fields_of_form(types).blank(opportunity_id=opportunity or "", type=type or "")
        return await _day(visit, types, form, opens=bool(opportunity))

    @routes.post("/my-day/log")
    async def log_action(
        request: Request,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        wants_json = "application/json" in request.headers.get("accept", "")
        types = await _types_of(visit)

        async def again(refusal: DomainError) -> Response:
            if wants_json and status_and_code(refusal)[1] == _SENT_BEFORE:
                return JSONResponse({"logged": True})
            again_shown = fields_of_form(types).refused(visit, form, refusal)
            if wants_json:
                return _said(visit, again_shown, refusal)
            return await _day(visit, types, again_shown, opens=True)

        async def shown(_logged: Answer) -> Response:
            return JSONResponse({"logged": True})

        return await sent(visit, _order(visit, types, form), again, shown if wants_json else None)

    return routes


def _said(visit: Visit, form: ShownForm, refusal: DomainError) -> Response:
    """In the reader's words, at the fields as the form names them: a script shows it there."""
    _status, code = status_and_code(refusal)
    language = visit.words.language
    errors = tuple(
        FieldProblem(name, each.code, field_in_words(each.code, language))
        for name, each in form.problems.items()
    )
    detail = form.said or refusal_in_words(code, language)
    return problem_response(form.status, code, detail, errors)


async def _types_of(visit: Visit) -> Types:
    return {row["type"]: row for row in (await visit.api.get("/action-types"))["rows"]}


async def _order(visit: Visit, types: Types, form: FormData) -> Order:
    """Raises ApiRefused, Malformed."""
    opportunity_id = text_of(form, "opportunity_id")
    if not opportunity_id:
        problem = FieldProblem("opportunity_id", "missing", "is needed")
        raise Malformed("opportunity_id", errors=[problem])
    occurred_at = text_of(form, "occurred_at") or None
    chosen = types.get(text_of(form, "type"), UNKNOWN_TYPE)
    body: dict[str, Any] = {
        "type": text_of(form, "type"),
        "summary": text_of(form, "summary") or None,
        "occurred_at": occurred_at,
        "sent_at": text_of(form, "sent_at") or None,
        "next_action": _booked(visit, text_of(form, "next_in"), occurred_at),
        "fields": own_values(chosen, form),
    }
    refuse_incomplete(chosen, body)
    asked = await asked_of(visit, types, opportunity_id, body["type"])
    body["evidence"] = await stored_evidence(visit, form, asked)
    given = {name: value for name, value in body.items() if value not in (None, [], {})}
    return Order(
        path=f"/opportunities/{opportunity_id}/log-action",
        body=given,
        place="/my-day#sent",
        once=text_of(form, "key") or None,
    )


def _booked(visit: Visit, days: str, occurred_at: str | None) -> dict[str, Any] | None:
    """So many working days after it happened, by the end of that day's business."""
    if days not in {str(each) for each in _BOOKABLE_DAYS}:
        return None
    calendar = visit.organisation.calendar(visit.asker.clock)
    zone = ZoneInfo(calendar.zone)
    try:
        happened = datetime.fromisoformat(occurred_at) if occurred_at else visit.asker.clock
    except ValueError:
        problem = FieldProblem("occurred_at", "no-time", "is no time")
        raise Malformed("occurred_at", errors=[problem]) from None
    day = happened.astimezone(zone).date()
    for _ in range(int(days)):
        day = calendar.next_working_day(day)
    return {"due_at": iso(datetime.combine(day, _BOOKED_AT, zone))}


async def _day(visit: Visit, types: Types, form: ShownForm, *, opens: bool) -> Response:
    rows = await next_actions(visit, types)
    titles = titles_of(visit, list(types.values()))
    for row in rows:
        row["asks"] = asks_in_words(visit, row["stage"], row["deeds"].asked, titles)
    typed = _prefilled(form.typed, rows)
    asked = {kind for row in rows for kinds in row["asked"].values() for kind in kinds}
    return page(
        visit,
        "my_day.html",
        status=form.status,
        place="/my-day",
        title=visit.words.say("My day"),
        rows=rows,
        types=_types(titles, typed["type"]),
        other_types=sorted(titles.items(), key=lambda each: each[1]),
        titles=titles,
        form=form,
        typed=typed,
        opens=opens,
        slots=SLOTS,
        accepted=ACCEPTED,
        kinds=kinds_in_words(visit, asked),
        own_fields=own_fields(visit, types),
        own_is_open=any(name.startswith(FIELD) for name in form.problems),
        bookable=_BOOKABLE_DAYS,
        next_step_days=NEXT_STEP_DAYS,
        may_log=visit.may(Resource.ACTIONS, Verb.WRITE),
        refused_otherwise=refusal_in_words("refused", visit.words.language),
        too_large=refusal_in_words("too-large", visit.words.language),
    )


def _prefilled(typed: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The customer worked on last, and what the last action with them says of the next (O13)."""
    chosen = dict(typed)
    recent = worked_on_last(rows)
    recent_id = recent["opportunity_id"] if recent else ""
    chosen["opportunity_id"] = chosen["opportunity_id"] or recent_id
    row = next((each for each in rows if each["opportunity_id"] == chosen["opportunity_id"]), None)
    last_type = row["deeds"].last_type if row else None
    chosen["type"] = chosen["type"] or last_type or _FIRST_TYPES[0]
    said = row["said"] if row and chosen["type"] == last_type else {}
    return chosen | {name: chosen.get(name) or value for name, value in said.items()}


def _types(titles: dict[str, str], last: str) -> list[tuple[str, str]]:
    """Four with an icon, the last used first; the others are in a list."""
    names = dict.fromkeys([last, *_FIRST_TYPES])
    return [(name, titles[name]) for name in names if name in titles][: len(_FIRST_TYPES)]
