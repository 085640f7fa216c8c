"""Webhooks out over HTTP: subscribe, rotate, pause, look at deliveries, replay (G4)."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, StringConstraints

from services.notifications.api.desk import Desk
from services.notifications.domain.webhook_book import (
    WEBHOOK_BOOK,
    DisableWebhook,
    EnableWebhook,
    RemoveWebhook,
    RotateSecret,
    SubscribeWebhook,
    Webhook,
    WebhookBook,
    WebhookCommand,
    Why,
)
from services.notifications.queries.pages import parsed_cursor
from services.notifications.queries.subscribable import subscribable
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from services.notifications.queries.vault import webhook_binding
from services.notifications.queries.webhook_deliveries import Wanted, deliveries_page, replay
from shared.access import Caller, Resource, Verb
from shared.clock import to_milliseconds
from shared.command_handling import Handled
from shared.errors import FieldProblem, Malformed
from shared.http import (
    BASE,
    Body,
    Id,
    Name,
    When,
    command_response,
    encode_json,
    json_response,
)
from shared.outbound import AddressNotAllowed, NotSent, parsed

Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000)]
EventTypes = Annotated[list[str], Field(min_length=1, max_length=500)]
_SECRET_BYTES = 32


class NewWebhook(Body):
    """`personal_fields`: names, phones and free text leave too; otherwise they are left out."""

    webhook_id: Id | None = None
    url: Url
    event_types: EventTypes
    personal_fields: bool = False


class ReplayBody(Body):
    """What is not named does not narrow what is posted again. Times are those of recording."""

    event_id: Id | None = None
    state: Literal["failed", "arrived", "waiting"] | None = None
    since: When | None = None
    until: When | None = None


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["webhooks"])
    reading = desk.access.may(Resource.POLICIES, Verb.READ)
    writing = desk.access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/webhooks")
    async def list_webhooks(caller: Caller = Depends(reading)) -> Response:
        """With the host of each; neither address nor secret is shown."""
        book = await desk.choices.webhook_book(caller.tenant_id)
        rows = [_shown(book.by_id[each]) for each in sorted(book.by_id)]
        return json_response({"rows": rows, "event_types": sorted(subscribable())})

    @routes.post("/webhooks", status_code=201)
    async def subscribe_webhook(
        request: Request, body: NewWebhook, caller: Caller = Depends(writing)
    ) -> Response:
        """Answers the secret, once: a repeated request is answered with `secret` null."""
        host = await _checked_host(desk, body.url)
        context = await desk.context(request, caller)
        webhook_id = body.webhook_id or desk.given_id(context, "webhook")
        secret = _new_secret(desk)
        command = SubscribeWebhook(
            webhook_id=webhook_id,
            host=host,
            url=await _sealed(desk, caller, webhook_id, body.url),
            secret=await _sealed(desk, caller, webhook_id, secret),
            event_types=tuple(body.event_types),
            personal_fields=body.personal_fields,
            known_types=subscribable(),
            now=desk.ports.clock(),
        )
        handled = await desk.handle(
            WEBHOOK_BOOK, ONE_PER_TENANT, command, context, _rendering(webhook_id)
        )
        response = await command_response(desk.ports, handled, created=True)
        return _with_secret(handled, response, secret)

    @routes.post("/webhooks/{webhook_id}/rotate-secret")
    async def rotate_secret(
        request: Request, webhook_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        """Answers the new secret, once; the former one signs beside it for 24 hours."""
        context = await desk.context(request, caller)
        secret = _new_secret(desk)
        sealed = await _sealed(desk, caller, webhook_id, secret)
        command = RotateSecret(webhook_id=webhook_id, secret=sealed, now=desk.ports.clock())
        handled = await desk.handle(
            WEBHOOK_BOOK, ONE_PER_TENANT, command, context, _rendering(webhook_id)
        )
        return _with_secret(handled, await command_response(desk.ports, handled), secret)

    async def told(request: Request, caller: Caller, command: WebhookCommand) -> Response:
        context = await desk.context(request, caller)
        render = _rendering(command.webhook_id)
        handled = await desk.handle(WEBHOOK_BOOK, ONE_PER_TENANT, command, context, render)
        return await command_response(desk.ports, handled)

    @routes.post("/webhooks/{webhook_id}/disable")
    async def disable_webhook(
        request: Request, webhook_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        """Nothing is posted; what happens meanwhile is queued."""
        now = desk.ports.clock()
        command = DisableWebhook(webhook_id=webhook_id, why=Why.ASKED_FOR, now=now)
        return await told(request, caller, command)

    @routes.post("/webhooks/{webhook_id}/enable")
    async def enable_webhook(
        request: Request, webhook_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        command = EnableWebhook(webhook_id=webhook_id, now=desk.ports.clock())
        return await told(request, caller, command)

    @routes.post("/webhooks/{webhook_id}/remove")
    async def remove_webhook(
        request: Request, webhook_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        command = RemoveWebhook(webhook_id=webhook_id, now=desk.ports.clock())
        return await told(request, caller, command)

    @routes.get("/webhooks/{webhook_id}/deliveries")
    async def list_deliveries(
        webhook_id: Id,
        state: Name | None = None,
        limit: int = Query(50, ge=1, le=500),
        cursor: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        """Every delivery with its attempts, the latest event first."""
        (await desk.choices.webhook_book(caller.tenant_id)).of(webhook_id)
        rows, after = await deliveries_page(
            desk.ports.read_store,
            caller.tenant_id,
            webhook_id,
            Wanted(state=state),
            limit,
            parsed_cursor(cursor),
        )
        return json_response({"rows": rows, "next_cursor": after})

    @routes.post("/webhooks/{webhook_id}/replay")
    async def replay_deliveries(
        webhook_id: Id, body: ReplayBody, caller: Caller = Depends(writing)
    ) -> Response:
        """Posts them again under their ids, so that receivers recognise what they have."""
        (await desk.choices.webhook_book(caller.tenant_id)).of(webhook_id)
        wanted = Wanted(
            state=body.state,
            event_id=body.event_id,
            since=None if body.since is None else to_milliseconds(body.since),
            until=None if body.until is None else to_milliseconds(body.until),
        )
        now, reads = desk.ports.clock(), desk.ports.read_store
        replayed = await replay(reads, caller.tenant_id, webhook_id, wanted, now)
        return json_response({"replayed": replayed})

    return routes


async def _checked_host(desk: Desk, url: str) -> str:
    """Raises Malformed for an address that nothing could be posted to: not https, or inside."""
    try:
        target = parsed(url)
        await desk.ports.outbound.checked_address(target)
    except AddressNotAllowed as refusal:
        problem = FieldProblem("url", "not-allowed", str(refusal))
        raise Malformed("the address cannot be used", errors=[problem]) from refusal
    except (NotSent, OSError) as unknown:
        problem = FieldProblem("url", "unknown-host", "the name leads nowhere")
        raise Malformed("the address cannot be used", errors=[problem]) from unknown
    return target.host


def _new_secret(desk: Desk) -> str:
    return "whsec_" + base64.b64encode(desk.ports.random_bytes(_SECRET_BYTES)).decode()


async def _sealed(desk: Desk, caller: Caller, webhook_id: str, text: str) -> str:
    return await desk.choices.vault.sealed(caller.tenant_id, webhook_binding(webhook_id), text)


def _with_secret(handled: Handled[Any], response: Response, secret: str) -> Response:
    shown = msgspec.json.decode(handled.answer)
    shown["secret"] = None if handled.duplicate else secret
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-length", "content-type")
    }
    return Response(
        encode_json(shown), response.status_code, headers, media_type="application/json"
    )


def _rendering(webhook_id: str) -> Any:
    def render(book: WebhookBook) -> Mapping[str, Any]:
        known = book.by_id.get(webhook_id)
        return {"webhook_id": webhook_id} if known is None else _shown(known)

    return render


def _shown(webhook: Webhook) -> Mapping[str, Any]:
    return {
        "webhook_id": webhook.webhook_id,
        "host": webhook.host,
        "event_types": list(webhook.event_types),
        "personal_fields": webhook.personal_fields,
        "state": "enabled" if webhook.disabled is None else "disabled",
        "disabled_because": webhook.disabled,
    }
