"""The pages behind the links of messages: buttons to act; a look changes nothing (N3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from services.notifications.api.desk import Desk
from services.notifications.api.page_deeds import (
    Acting,
    Chosen,
    Deed,
    colleagues,
    deed_in_words,
    deed_of,
)
from services.notifications.api.page_template import WORDS, in_both, page_of
from services.notifications.domain.escalation import (
    ESCALATION,
    EscalationIsResolved,
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
    Malformed,
    NotFound,
    Unauthenticated,
)
from shared.http_commands import correlation_id
from shared.own_page import from_own_page
from shared.provider_sign_in import sign_in_by_provider

_NOTHING_CHOSEN = Chosen(action="acknowledge")


class LinkWasUsed(DomainError):
    code = "link-was-used"
    status = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a message told of, to whoever looks at it now."""

    tenant_id: str
    reader_id: str | None
    row: MessageRow
    escalations: Sequence[EscalationRow]


def router(desk: Desk) -> APIRouter:
    """Outside the API's base: for people who follow a link, not for programs."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/act/{token}")
    async def show_linked(request: Request, token: str) -> Response:
        try:
            _link, told = await _linked(desk, token)
        except DomainError as refusal:
            return _refused(request, refusal)
        return await _page(desk, told)

    @routes.post("/act/{token}")
    async def act_by_link(
        request: Request, token: str, chosen: Annotated[Chosen, Form()]
    ) -> Response:
        try:
            link, told = await _linked(desk, token)
            deed = await _deed(desk, told, chosen)
            await _act_once(desk, link, told.row, deed, token, chosen)
        except Malformed as refusal:
            return await _page(desk, told, chosen, refusal)
        except DomainError as refusal:
            return _refused(request, refusal)
        return await _page(desk, told, chosen)

    @routes.get("/told/{message_id}")
    async def show_told(request: Request, message_id: str) -> Response:
        try:
            _caller, told = await _told(desk, request, message_id)
        except DomainError as refusal:
            return _refused(request, refusal)
        return await _page(desk, told)

    @routes.post("/told/{message_id}")
    async def act_when_signed_in(
        request: Request, message_id: str, chosen: Annotated[Chosen, Form()]
    ) -> Response:
        try:
            _require_own_page(request)
            caller, told = await _told(desk, request, message_id)
            deed = await _deed(desk, told, chosen)
            for each in told.escalations:
                command = deed(each.course.opened.escalation_id, caller.actor_id)
                await _handle(desk, told.tenant_id, command, None, b"")
        except Malformed as refusal:
            return await _page(desk, told, chosen, refusal)
        except DomainError as refusal:
            return _refused(request, refusal)
        return await _page(desk, told, chosen)

    return routes


async def _linked(desk: Desk, token: str) -> tuple[PersonLink, Told]:
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
    escalations = await _escalations(desk, tenant_id, row)
    return link, Told(
        tenant_id=tenant_id, reader_id=link.person_id, row=row, escalations=escalations
    )


async def _deed(desk: Desk, told: Told, chosen: Chosen) -> Deed:
    """Raises Malformed."""
    organisation = await desk.ports.organisations.of(told.tenant_id)
    offered = colleagues(told.escalations, organisation, told.reader_id)
    now = desk.ports.clock()
    return deed_of(chosen, offered, organisation.zone(now), now)


async def _act_once(
    desk: Desk, link: PersonLink, row: MessageRow, deed: Deed, token: str, chosen: Chosen
) -> None:
    """The token is the commands' idempotency key: what comes again under it is recognised.

    Raises LinkWasUsed.
    """
    token_id = hashlib.sha256(token.encode()).hexdigest()[:32]
    for escalation_id in row.queued.escalation_ids:
        command = deed(escalation_id, link.person_id)
        key = f"{token_id}:{escalation_id}"
        digest = chosen.model_dump_json().encode()
        try:
            is_repeat = await _handle(desk, link.tenant_id, command, key, digest)
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


async def _told(desk: Desk, request: Request, message_id: str) -> tuple[Caller, Told]:
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
    return caller, Told(
        tenant_id=caller.tenant_id, reader_id=caller.person_id, row=row, escalations=visible
    )


def _require_own_page(request: Request) -> None:
    """A form on somebody else's page must not act with our cookie."""
    if not from_own_page(request):
        raise Forbidden("this form was not ours")


async def _escalations(desk: Desk, tenant_id: str, row: MessageRow) -> list[EscalationRow]:
    return await escalation_rows(desk.ports.read_store, tenant_id, row.queued.escalation_ids)


async def _page(
    desk: Desk, told: Told, chosen: Chosen | None = None, refusal: Malformed | None = None
) -> Response:
    """What can be done; what was `chosen` and done, or why it was not."""
    ports, queued = desk.ports, told.row.queued
    organisation = await ports.organisations.of(told.tenant_id)
    title, body = await shown(ports, told.tenant_id, queued.message_id)
    waiting = [each for each in told.escalations if each.status != "resolved"]
    done = None
    if chosen is not None and refusal is None:
        done = deed_in_words(chosen, queued.language, organisation, ports.clock())
    return page_of(
        queued.language,
        title,
        body.split("\n"),
        status=200 if refusal is None else refusal.status,
        done=done,
        may_act=bool(waiting),
        may_acknowledge=any(each.status != "acknowledged" for each in waiting),
        colleagues=colleagues(waiting, organisation, told.reader_id).items(),
        typed=chosen or _NOTHING_CHOSEN,
        problems={each.field: each.code for each in refusal.errors} if refusal else {},
    )


def _refused(request: Request, refusal: DomainError) -> Response:
    if isinstance(refusal, Unauthenticated):
        return _asking_for_sign_in(request, refusal.status)
    said = {LinkHasExpired: "expired", LinkWasUsed: "used"}.get(type(refusal), "not_found")
    return page_of("zh", in_both(said), [], refusal.status)


def _asking_for_sign_in(request: Request, status: int) -> Response:
    """By the installation's provider, who leads back to this page, or by somebody's link."""
    sign_in = sign_in_by_provider(request, request.url.path)
    lines = [] if sign_in else [WORDS[language]["ask_for_link"] for language in WORDS]
    more = {"sign_in": sign_in, "sign_in_words": in_both("sign_in")}
    return page_of("zh", in_both("sign_in_first"), lines, status, **more)
