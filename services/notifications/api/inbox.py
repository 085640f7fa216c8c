"""The caller's own inbox, and for administrators what no channel would take (N1, N5)."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.notifications.api.desk import Desk
from services.notifications.domain.message import MESSAGE, Message
from services.notifications.domain.message_commands import (
    ReadMessage,
)
from services.notifications.domain.message_list import MessageRow
from services.notifications.domain.message_list import row_of as message_row_of
from services.notifications.queries.messages import (
    Texts,
    inbox_page,
    message_row,
    texts_of,
    unread_of,
    with_the_operator,
)
from services.notifications.queries.pages import parsed_cursor
from shared.access import Caller, Resource, Verb
from shared.errors import NotFound
from shared.http import BASE, Id, command_response, json_response

Limit = Annotated[int, Query(ge=1, le=500)]


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["inbox"])
    reading = desk.access.may(Resource.INBOX, Verb.READ)
    writing = desk.access.may(Resource.INBOX, Verb.WRITE)
    administering = desk.access.may(Resource.POLICIES, Verb.READ)

    async def _own(caller: Caller, message_id: str) -> tuple[str, MessageRow]:
        """Whose it is, and the message."""
        person_id = caller.person_id
        row = await message_row(desk.ports, caller.tenant_id, message_id)
        if row is None or person_id is None or row.queued.person_id != person_id:
            raise NotFound(message_id)
        return person_id, row

    async def _opened(caller: Caller, rows: Sequence[MessageRow]) -> list[dict[str, Any]]:
        ids = [row.queued.message_id for row in rows]
        texts = await texts_of(desk.ports, caller.tenant_id, ids)
        return [inbox_document(row, texts) for row in rows]

    @routes.get("/inbox", dependencies=[Depends(desk.access.waited)])
    async def list_inbox(
        caller: Caller = Depends(reading),
        unread: bool = False,
        read: bool = False,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Response:
        """All, only those unread, or only those read. A key that stands for no person has an empty
        inbox."""
        if caller.person_id is None:
            return json_response({"rows": [], "next_cursor": None})
        rows, following = await inbox_page(
            desk.ports,
            caller.tenant_id,
            caller.person_id,
            limit,
            parsed_cursor(cursor),
            is_read=None if unread == read else read,
        )
        shown = await _opened(caller, rows)
        return json_response({"rows": shown, "next_cursor": following})

    @routes.get("/inbox/unread", dependencies=[Depends(desk.access.waited)])
    async def count_unread(caller: Caller = Depends(reading)) -> Response:
        """How many messages of the caller's own wait to be read."""
        person_id = caller.person_id
        unread = await unread_of(desk.ports, caller.tenant_id, person_id) if person_id else 0
        return json_response({"unread": unread})

    @routes.get("/inbox/{message_id}", dependencies=[Depends(desk.access.waited)])
    async def show_message(message_id: Id, caller: Caller = Depends(reading)) -> Response:
        """One of the caller's own inbox; showing it does not mark it read."""
        _person_id, row = await _own(caller, message_id)
        [shown] = await _opened(caller, [row])
        return json_response(shown)

    @routes.post("/inbox/{message_id}/read")
    async def read_message(
        request: Request, message_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        person_id, _row = await _own(caller, message_id)
        command = ReadMessage(message_id=message_id, by=person_id, now=desk.ports.clock())
        context = await desk.context(request, caller)
        handled = await desk.handle(MESSAGE, message_id, command, context, _read_document)
        return await command_response(desk.ports, handled)

    @routes.get("/undelivered", dependencies=[Depends(desk.access.waited)])
    async def list_undelivered(
        caller: Caller = Depends(administering), limit: Limit = 100, cursor: str | None = None
    ) -> Response:
        """Without what they say: that is for their readers."""
        rows, following = await with_the_operator(
            desk.ports, caller.tenant_id, limit, parsed_cursor(cursor)
        )
        shown = [delivery_document(row) for row in rows]
        return json_response({"rows": shown, "next_cursor": following})

    return routes


def inbox_document(row: MessageRow, texts: Texts) -> dict[str, Any]:
    queued = row.queued
    title, body = texts.get(queued.message_id, (None, None))
    return {
        "message_id": queued.message_id,
        "title": title,
        "body": body,
        "urgency": queued.urgency,
        "escalation_ids": list(queued.escalation_ids),
        "resolved_id": queued.resolved_id,
        "received_at": row.closed_at,
        "read_at": row.read_at,
    }


def delivery_document(row: MessageRow) -> dict[str, Any]:
    queued = row.queued
    return {
        "message_id": queued.message_id,
        "person_id": queued.person_id,
        "state": row.status,
        "reason": row.reason,
        "channels": list(queued.channels),
        "escalation_ids": list(queued.escalation_ids),
        "queued_at": queued.queued_at,
        "closed_at": row.closed_at,
        "attempts": [
            {
                "attempt": attempt.number,
                "channel": attempt.channel,
                "started_at": attempt.started_at,
                "outcome": attempt.outcome,
                "detail": attempt.detail,
                "ended_at": attempt.ended_at,
            }
            for attempt in row.attempts
        ],
    }


def _read_document(message: Message) -> dict[str, Any]:
    row = message_row_of(message)
    return {} if row is None else {"message_id": row.queued.message_id, "read_at": row.read_at}
