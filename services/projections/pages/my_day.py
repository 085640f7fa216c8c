"""My day: what a rep does next, and an action logged in two taps, also without a network (O13)."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse

from services.projections.pages.business_words import action_titles
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import page
from services.projections.pages.page_route import page_router, refused
from services.projections.pages.sent_forms import Answer, FormFields, Order, ShownForm, sent
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.latest_deeds import LatestDeeds, latest_deeds
from services.projections.queries.silence_board import silence_board
from shared.access import Caller, Resource, Verb
from shared.clock import iso
from shared.errors import DomainError, FieldProblem, Malformed
from shared.http import Access, Id, Name
from shared.ports import Ports

_SHOWN = 50
_FIRST_TYPES = ("call", "visit", "message", "meeting")
_BOOKED_AT = time(18)
_BOOKABLE_DAYS = (1, 3, 5, 10)
_FORM = FormFields(
    names=("type", "opportunity_id", "summary", "next_in", "photo"),
    of_api={"evidence": "photo", "Content-Type": "photo"},
    of_codes={"not-found": "opportunity_id"},
)
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
        form = _FORM.blank(opportunity_id=opportunity or "", type=type or "")
        return await _day(visit, form, opens=bool(opportunity))

    @routes.post("/my-day/log")
    async def log_action(
        request: Request,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        wants_json = "application/json" in request.headers.get("accept", "")

        async def again(refusal: DomainError) -> Response:
            if wants_json:
                return refused(request, refusal)
            return await _day(visit, _FORM.refused(visit, form, refusal), opens=True)

        async def shown(_logged: Answer) -> Response:
            return JSONResponse({"logged": True})

        return await sent(visit, _order(visit, form), again, shown if wants_json else None)

    return routes


async def _order(visit: Visit, form: FormData) -> Order:
    """Raises ApiRefused, Malformed."""
    opportunity_id = text_of(form, "opportunity_id")
    if not opportunity_id:
        problem = FieldProblem("opportunity_id", "missing", "is needed")
        raise Malformed("opportunity_id", errors=[problem])
    occurred_at = text_of(form, "occurred_at") or None
    body: dict[str, Any] = {
        "type": text_of(form, "type"),
        "summary": text_of(form, "summary") or None,
        "occurred_at": occurred_at,
        "sent_at": text_of(form, "sent_at") or None,
        "next_action": _booked(visit, text_of(form, "next_in"), occurred_at),
        "evidence": await _evidence(visit, form),
    }
    given = {name: value for name, value in body.items() if value is not None}
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


async def _evidence(visit: Visit, form: FormData) -> list[dict[str, str]] | None:
    """A photo is uploaded once: the same bytes are the same evidence."""
    photo = form.get("photo")
    if not isinstance(photo, UploadFile) or not photo.size:
        return None
    content = await photo.read()
    kind = photo.content_type or "application/octet-stream"
    stored = await visit.api.put_bytes("/evidence", content, kind)
    return [{"sha256": stored["sha256"], "kind": "photo"}]


async def _day(visit: Visit, form: ShownForm, *, opens: bool) -> Response:
    rows = await _next_actions(visit)
    titles = await action_titles(visit)
    last_type = next((row["deeds"].action for row in rows if row["deeds"].action), None)
    chosen = dict(form.typed)
    chosen["type"] = chosen["type"] or last_type or _FIRST_TYPES[0]
    chosen["opportunity_id"] = chosen["opportunity_id"] or _recent(rows)
    return page(
        visit,
        "my_day.html",
        status=form.status,
        place="/my-day",
        title=visit.words.say("My day"),
        rows=rows,
        types=_types(titles, chosen["type"]),
        other_types=sorted(titles.items(), key=lambda each: each[1]),
        titles=titles,
        form=form,
        typed=chosen,
        opens=opens,
        bookable=_BOOKABLE_DAYS,
        next_step_days=NEXT_STEP_DAYS,
        may_log=visit.may(Resource.ACTIONS, Verb.WRITE),
    )


async def _next_actions(visit: Visit) -> list[dict[str, Any]]:
    """My open opportunities, what is due first on top: a booked action or the silence."""
    me = visit.caller.person_id
    question = Question(rep_id=me, limit=_SHOWN)
    reads, asker = visit.ports.read_store, visit.asker
    rows = (await silence_board(reads, asker, question))["rows"] if me else []
    ids = [row["opportunity_id"] for row in rows]
    deeds = await latest_deeds(reads, asker.tenant_id, ids, asker.clock)
    await visit.know_customers([row["customer_id"] for row in rows])
    for row in rows:
        row["deeds"] = found = deeds[row["opportunity_id"]]
        row["hours_left"] = _hours_left(row["hours_left"], found, asker.clock)
    rows.sort(key=lambda row: (row["hours_left"] is None, row["hours_left"] or 0.0))
    return rows


def _hours_left(silence: float | None, deeds: LatestDeeds, now: datetime) -> float | None:
    if deeds.booked_at is None:
        return silence
    booked = (deeds.booked_at - now).total_seconds() / 3600
    return booked if silence is None else min(silence, booked)


def _recent(rows: Sequence[dict[str, Any]]) -> str:
    """The opportunity that was worked on last is chosen already."""
    latest = max(rows, key=lambda row: row["deeds"].at, default=None)
    return str(latest["opportunity_id"]) if latest else ""


def _types(titles: dict[str, str], last: str) -> list[tuple[str, str]]:
    """Four with an icon, the last used first; the others are in a list."""
    names = dict.fromkeys([last, *_FIRST_TYPES])
    return [(name, titles[name]) for name in names if name in titles][: len(_FIRST_TYPES)]
