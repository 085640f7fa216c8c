"""Robots and webhooks of units over HTTP: secrets go in and never out (N1, N5)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.notifications.api.desk import Desk
from services.notifications.channels.channel import Address
from services.notifications.channels.table import CHANNELS, CONFIGURABLE, NAMES_IN_POLICIES
from services.notifications.channels.template import Template
from services.notifications.domain.channel_book import (
    CHANNEL_BOOK,
    ChannelBook,
    ConfigureChannel,
    ConfiguredChannel,
    RemoveChannel,
)
from services.notifications.domain.default_words import TEST_BODY, TEST_TITLE
from services.notifications.domain.message import (
    MESSAGE,
    Closed,
    Message,
    UnderWay,
    Unknown,
    Waiting,
)
from services.notifications.domain.message_commands import (
    QueueMessage,
)
from services.notifications.domain.message_list import row_of
from services.notifications.queries.attempts import DeliveryRate, delivery_rates
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from shared.access import Caller, Resource, Verb
from shared.command_handling import CommandContext
from shared.envelope import stream_name
from shared.errors import FieldProblem, Malformed, NotFound, NotYetKnown
from shared.http import BASE, Body, Id, Name, command_response, json_response

Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000)]
Secret = Annotated[str, StringConstraints(max_length=500)]

_RATE_OVER = timedelta(hours=24)
_TEST_WAITS_SECONDS = 12.0
_TEST_LOOKS_EVERY_SECONDS = 0.1
_SUBJECT_OF_TESTS = "tenant/channel-tests"


class ChannelBody(Body):
    channel_id: Id
    kind: Name
    unit_id: Id
    url: Url | None = None
    secret: Secret | None = None
    template: Template | None = None


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["channels"])
    reading = desk.access.may(Resource.POLICIES, Verb.READ)
    writing = desk.access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/channels")
    async def list_channels(caller: Caller = Depends(reading)) -> Response:
        """With the delivery rate of the last 24 hours; addresses and secrets are not shown."""
        book = await desk.choices.channel_book(caller.tenant_id)
        organisation = await desk.organisation(caller)
        now = desk.ports.clock()
        rates = await delivery_rates(desk.ports.read_store, caller.tenant_id, now - _RATE_OVER)
        alert_below = organisation.number_setting("delivery_rate_alert", now)
        rows = [
            channel_document(book.by_id[each], rates.get(each), alert_below)
            for each in sorted(book.by_id)
        ]
        return json_response({"rows": rows, "kinds": sorted(CONFIGURABLE)})

    @routes.post("/channels", status_code=201)
    async def configure_channel(
        request: Request, body: ChannelBody, caller: Caller = Depends(writing)
    ) -> Response:
        organisation = await desk.organisation(caller)
        if not organisation.knows_unit(body.unit_id):
            raise NotYetKnown(f"unit {body.unit_id}")
        address = _checked(body, await _address(desk, caller, body))
        command = await _configuring(desk, caller, body, address)
        context = await desk.context(request, caller)
        handled = await desk.handle(CHANNEL_BOOK, ONE_PER_TENANT, command, context, _document)
        return await command_response(desk.ports, handled, created=True)

    @routes.post("/channels/{channel_id}/remove")
    async def remove_channel(
        request: Request, channel_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        command = RemoveChannel(channel_id=channel_id, now=desk.ports.clock())
        context = await desk.context(request, caller)
        handled = await desk.handle(CHANNEL_BOOK, ONE_PER_TENANT, command, context, _document)
        return await command_response(desk.ports, handled)

    @routes.post("/channels/{channel_id}/test")
    async def try_channel(
        request: Request, channel_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        """Sends one message the usual way and says what became of its first attempt.

        Where the channel reaches one person, it goes to the address kept for whoever asks."""
        book = await desk.choices.channel_book(caller.tenant_id)
        if channel_id not in book.by_id:
            raise NotFound(channel_id)
        context = await desk.context(request, caller)
        return json_response(await _tried(desk, caller, channel_id, context))

    return routes


async def _address(desk: Desk, caller: Caller, body: ChannelBody) -> Address:
    """What is left out stays as it was, where the channel is of the same kind already; a secret
    goes with its address: to another one it is never sent.

    Raises Malformed for a new one without an address.
    """
    template = "" if body.template is None else body.template.model_dump_json()
    if body.url is not None:
        return Address(url=body.url, secret=body.secret or "", template=template)
    known = (await desk.choices.channel_book(caller.tenant_id)).by_id.get(body.channel_id)
    if known is None or known.kind != body.kind or not isinstance(known.url, str):
        raise Malformed("url", errors=[FieldProblem("url", "missing", "is needed")])
    kept = known.secret if body.secret is None else body.secret
    return Address(
        url=known.url,
        secret=kept if isinstance(kept, str) else "",
        template=template or (known.template if isinstance(known.template, str) else ""),
    )


def _checked(body: ChannelBody, address: Address) -> Address:
    """Raises Malformed where the channel could never use what was configured."""
    if body.kind in CONFIGURABLE:
        problems = CHANNELS[body.kind].flaws(address)
        if problems:
            raise Malformed("the channel cannot be used", errors=problems)
    return address


async def _configuring(
    desk: Desk, caller: Caller, body: ChannelBody, address: Address
) -> ConfigureChannel:
    async def sealed(text: str) -> str:
        return await desk.choices.vault.sealed(caller.tenant_id, body.channel_id, text)

    return ConfigureChannel(
        channel_id=body.channel_id,
        kind=body.kind,
        unit_id=body.unit_id,
        url=await sealed(address.url),
        secret=await sealed(address.secret),
        template=await sealed(address.template) if address.template else None,
        kinds=CONFIGURABLE,
        reserved=NAMES_IN_POLICIES,
        now=desk.ports.clock(),
    )


async def _tried(
    desk: Desk, caller: Caller, channel_id: str, context: CommandContext
) -> Mapping[str, Any]:
    message_id = desk.given_id(context, "channel-test")
    command = _test_message(message_id, channel_id, caller.person_id, desk.ports.clock())
    await desk.commands.handle(MESSAGE, message_id, command, context)
    stream = stream_name(caller.tenant_id, MESSAGE.name, message_id)
    deadline = asyncio.get_running_loop().time() + _TEST_WAITS_SECONDS
    while True:
        _version, message = await desk.commands.load(MESSAGE, stream, fresh=True)
        if _was_tried(message) or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(_TEST_LOOKS_EVERY_SECONDS)
    row = row_of(message)
    last = row.attempts[-1] if row and row.attempts else None
    return {
        "message_id": message_id,
        "state": row.status if row else None,
        "outcome": last.outcome if last else None,
        "detail": last.detail if last else None,
    }


def _was_tried(message: Message) -> bool:
    match message:
        case Closed():
            return True
        case Waiting(attempts=attempts):
            return bool(attempts)
        case Unknown() | UnderWay():
            return False


def _test_message(
    message_id: str, channel_id: str, person_id: str | None, now: datetime
) -> QueueMessage:
    return QueueMessage(
        message_id=message_id,
        person_id=person_id,
        subject=_SUBJECT_OF_TESTS,
        channels=(channel_id,),
        escalation_ids=(),
        language="zh",
        title=TEST_TITLE,
        body=TEST_BODY,
        urgency=0,
        not_before=now,
        expires_at=now + timedelta(seconds=60),
        now=now,
    )


def channel_document(
    channel: ConfiguredChannel, rate: DeliveryRate | None, alert_below: float
) -> Mapping[str, Any]:
    known = rate.rate if rate else None
    return {
        "channel_id": channel.channel_id,
        "kind": channel.kind,
        "unit_id": channel.unit_id,
        "has_secret": bool(channel.secret),
        "has_template": bool(channel.template),
        "attempts_24h": rate.ended if rate else 0,
        "delivery_rate_24h": known,
        "alert": known is not None and known < alert_below,
    }


def _document(book: ChannelBook) -> Mapping[str, Any]:
    return {"channels": sorted(book.by_id)}
