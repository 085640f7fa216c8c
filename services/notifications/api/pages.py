"""The pages behind the links of messages: buttons to act; a look changes nothing (N3)."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from jinja2 import Environment

from services.notifications.api.desk import Desk
from services.notifications.api.page_template import TEMPLATE, WORDS
from services.notifications.domain.escalation import (
    ESCALATION,
    EscalationIsResolved,
)
from services.notifications.domain.escalation_commands import (
    AcknowledgeEscalation,
    ResolveEscalation,
    SnoozeEscalation,
)
from services.notifications.domain.escalation_list import EscalationRow
from services.notifications.domain.message_list import MessageRow
from services.notifications.domain.person_link import (
    LinkHasExpired,
    LinkIsNotOurs,
    PersonLink,
    read,
    tenant_named_in,
)
from services.notifications.queries.escalations import escalation_rows, may_see
from services.notifications.queries.messages import message_row, shown
from shared.access import Caller, Resource, Verb, may
from shared.command_handling import CommandContext
from shared.errors import (
    DomainError,
    Forbidden,
    IdempotencyKeyReused,
    NotFound,
    Unauthenticated,
)
from shared.http_commands import correlation_id
from shared.own_page import from_own_page

Action = Literal["acknowledge", "snooze", "resolve"]
Acting = AcknowledgeEscalation | SnoozeEscalation | ResolveEscalation
SNOOZED_FOR = timedelta(hours=4)

_PAGE = Environment(autoescape=True).from_string(TEMPLATE)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
}


class LinkWasUsed(DomainError):
    code = "link-was-used"
    status = 410


def router(desk: Desk) -> APIRouter:
    """Outside the API's base: for people who follow a link, not for programs."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/act/{token}")
    async def show_linked(token: str) -> Response:
        try:
            link, row = await _linked(desk, token)
        except DomainError as refusal:
            return _refused(refusal)
        return await _page(desk, link.tenant_id, row, await _escalations(desk, link.tenant_id, row))

    @routes.post("/act/{token}")
    async def act_by_link(token: str, action: Annotated[Action, Form()]) -> Response:
        try:
            link, row = await _linked(desk, token)
            await _act_once(desk, link, row, action, token)
        except DomainError as refusal:
            return _refused(refusal)
        return await _page(desk, link.tenant_id, row, (), done=action)

    @routes.get("/told/{message_id}")
    async def show_told(request: Request, message_id: str) -> Response:
        try:
            caller, row, escalations = await _told(desk, request, message_id)
        except DomainError as refusal:
            return _refused(refusal)
        return await _page(desk, caller.tenant_id, row, escalations)

    @routes.post("/told/{message_id}")
    async def act_when_signed_in(
        request: Request, message_id: str, action: Annotated[Action, Form()]
    ) -> Response:
        try:
            _require_own_page(request)
            caller, row, escalations = await _told(desk, request, message_id)
            for each in escalations:
                command = _command(desk, each.course.opened.escalation_id, caller.actor_id, action)
                await _handle(desk, caller.tenant_id, command, None, b"")
        except DomainError as refusal:
            return _refused(refusal)
        return await _page(desk, caller.tenant_id, row, (), done=action)

    return routes


async def _linked(desk: Desk, token: str) -> tuple[PersonLink, MessageRow]:
    """Raises LinkIsNotOurs, LinkHasExpired; also for a message that is not the person's."""
    tenant_id = tenant_named_in(token)
    if tenant_id not in await desk.ports.organisations.tenants():
        raise LinkIsNotOurs
    key = await desk.choices.link_key(tenant_id)
    if key is None:
        raise LinkIsNotOurs
    link = read(token, key, desk.ports.clock())
    organisation = await desk.ports.organisations.of(tenant_id)
    row = await message_row(desk.ports, tenant_id, link.message_id)
    if row is None or row.queued.person_id != link.person_id:
        raise LinkIsNotOurs
    if not organisation.knows_person(link.person_id) or organisation.has_left(link.person_id):
        raise LinkHasExpired
    return link, row


async def _act_once(
    desk: Desk, link: PersonLink, row: MessageRow, action: Action, token: str
) -> None:
    """The token is the commands' idempotency key: what comes again under it is recognised.

    Raises LinkWasUsed.
    """
    token_id = hashlib.sha256(token.encode()).hexdigest()[:32]
    for escalation_id in row.queued.escalation_ids:
        command = _command(desk, escalation_id, link.person_id, action)
        key = f"{token_id}:{escalation_id}"
        try:
            is_repeat = await _handle(desk, link.tenant_id, command, key, action.encode())
        except IdempotencyKeyReused as used:
            raise LinkWasUsed from used
        if is_repeat:
            raise LinkWasUsed


async def _handle(
    desk: Desk,
    tenant_id: str,
    command: Acting,
    key: str | None,
    digest: bytes,
) -> bool:
    """Whether it had been commanded before. What is resolved already needs nothing."""
    by = command.by
    context = CommandContext(
        tenant_id=tenant_id,
        actor_id=by,
        caller=f"link:{by}",
        occurred_at=command.now,
        correlation_id=correlation_id(),
        idempotency_key=key,
        digest=digest,
    )
    try:
        handled = await desk.commands.handle(ESCALATION, command.escalation_id, command, context)
    except EscalationIsResolved:
        return False
    return handled.duplicate


def _command(desk: Desk, escalation_id: str, by: str | None, action: Action) -> Acting:
    now = desk.ports.clock()
    match action:
        case "acknowledge":
            return AcknowledgeEscalation(escalation_id=escalation_id, by=by, now=now)
        case "snooze":
            until = now + SNOOZED_FOR
            return SnoozeEscalation(escalation_id=escalation_id, by=by, until=until, now=now)
        case "resolve":
            return ResolveEscalation(
                escalation_id=escalation_id, by=by or "", reason="resolved-by-hand", now=now
            )


async def _told(
    desk: Desk, request: Request, message_id: str
) -> tuple[Caller, MessageRow, list[EscalationRow]]:
    """A link in a group names no person: whoever is signed in sees what they may see anyway."""
    caller = await desk.access.caller(request)
    if not may(caller, Resource.ESCALATIONS, Verb.WRITE):
        raise Forbidden(Resource.ESCALATIONS)
    row = await message_row(desk.ports, caller.tenant_id, message_id)
    if row is None:
        raise NotFound(message_id)
    organisation = await desk.organisation(caller)
    found = await _escalations(desk, caller.tenant_id, row)
    visible = [each for each in found if may_see(each, caller, organisation, Verb.WRITE)]
    if not visible:
        raise NotFound(message_id)
    return caller, row, visible


def _require_own_page(request: Request) -> None:
    """A form on somebody else's page must not act with our cookie."""
    if not from_own_page(request):
        raise Forbidden("this form was not ours")


async def _escalations(desk: Desk, tenant_id: str, row: MessageRow) -> list[EscalationRow]:
    return await escalation_rows(desk.ports.read_store, tenant_id, row.queued.escalation_ids)


async def _page(
    desk: Desk,
    tenant_id: str,
    row: MessageRow,
    escalations: Sequence[EscalationRow],
    done: Action | None = None,
) -> Response:
    title, body = await shown(desk.ports, tenant_id, row.queued.message_id)
    words = WORDS[row.queued.language]
    waits = any(each.status != "resolved" for each in escalations)
    html = _PAGE.render(
        language=row.queued.language,
        words=words,
        title=title,
        lines=body.split("\n"),
        waits=waits,
        done=None if done is None else words[f"{done}_done"],
    )
    return Response(html, 200, _HEADERS, media_type="text/html")


def _refused(refusal: DomainError) -> Response:
    """In both languages: who it is for is not known."""
    said = {
        LinkHasExpired: "expired",
        LinkWasUsed: "used",
        Unauthenticated: "sign_in",
    }.get(type(refusal), "not_found")
    html = _PAGE.render(
        language="zh",
        words=WORDS["zh"],
        title=f"{WORDS['zh'][said]} · {WORDS['en'][said]}",
        lines=[],
        waits=False,
        done=None,
    )
    return Response(html, refusal.status, _HEADERS, media_type="text/html")
