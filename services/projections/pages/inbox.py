"""Inbox: what the reader was told, the unread on top; one that is opened is read (N1, N3)."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.projections.pages.escalations import shown_escalation
from services.projections.pages.layout import Crumb, from_today, page
from services.projections.pages.own_api import ApiRefused, OwnApi, moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of, wait_until_shown
from shared.access import Caller, Resource, Verb, may
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_BEHIND = 20
"""Escalations of one digest that are looked up; the list of them all is a page of its own."""
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.INBOX, Verb.READ)

    @routes.get("/inbox")
    async def inbox(
        request: Request,
        read: bool = False,
        cursor: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        """`read`: the page goes on among those that are read; what is unread comes before."""
        visit = await visit_of(ports, request, caller)
        unread: list[Row] = []
        done: list[Row] = []
        following = None
        if not read:
            unread, following = await _rows(visit, "unread", cursor)
        goes_on_unread = following is not None
        if not goes_on_unread:
            done, following = await _rows(visit, "read", cursor if read else None)
        return page(
            visit,
            "inbox.html",
            title=visit.words.say("Inbox"),
            crumbs=from_today(visit),
            unread=unread,
            done=done,
            next_read=None if goes_on_unread else "true",
            next_cursor=following,
        )

    @routes.get("/inbox/{message_id}")
    async def open_message(
        request: Request, message_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        """Opening it marks it read, for whoever may write."""
        api = OwnApi(request)
        found = await api.get(f"/inbox/{message_id}")
        if not found["read_at"] and may(caller, Resource.INBOX, Verb.WRITE):
            answer = await api.post(f"/inbox/{message_id}/read", {})
            await wait_until_shown(ports, answer.headers["Pulsetrail-Position"])
        visit = await visit_of(ports, request, caller)
        message = _shown(visit, found)
        told_of = [*message["escalation_ids"], *filter(None, [message["resolved_id"]])]
        escalations = [
            each
            for escalation_id in told_of[:_BEHIND]
            if (each := await _escalation(visit, escalation_id)) is not None
        ]
        await visit.know_customers([each["customer_id"] for each in escalations])
        return page(
            visit,
            "inbox_message.html",
            title=message["title"],
            crumbs=[*from_today(visit), Crumb("/inbox", visit.words.say("Inbox"))],
            message=message,
            escalations=escalations,
            has_more=len(told_of) > _BEHIND,
        )

    return routes


async def _rows(visit: Visit, which: str, cursor: str | None) -> tuple[list[Row], str | None]:
    query = [("limit", str(_SHOWN)), (which, "true"), *((("cursor", cursor),) if cursor else ())]
    found = await visit.api.get("/inbox", query)
    return [_shown(visit, row) for row in found["rows"]], found["next_cursor"]


def _shown(visit: Visit, row: Row) -> Row:
    """Of somebody who was erased nothing is left to be read."""
    erased = visit.words.say("erased")
    texts = {
        each: row[each] if isinstance(row[each], str) else erased for each in ("title", "body")
    }
    return {**row, **texts, "received_at": moment_said(row["received_at"])}


async def _escalation(visit: Visit, escalation_id: str) -> Row | None:
    """None where it is not the reader's to see any more."""
    try:
        return shown_escalation(visit, await visit.api.get(f"/escalations/{escalation_id}"))
    except ApiRefused as refusal:
        if refusal.refusal_status != NotFound.status:
            raise
        return None
