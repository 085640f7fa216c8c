"""The webhooks of a tenant: which events are posted where, and how they are signed (G4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.notifications import (
    WebhookDisabled,
    WebhookEnabled,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookSubscribed,
)

WebhookEvent = (
    WebhookSubscribed | WebhookSecretRotated | WebhookDisabled | WebhookEnabled | WebhookRemoved
)

FORMER_SECRET_SIGNS_FOR = timedelta(hours=24)


class Why(StrEnum):
    """Why nothing is posted any more."""

    ASKED_FOR = "asked-for"
    FAILING = "failing"
    GONE = "gone"


class WebhookExists(DomainError):
    code = "webhook-exists"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeWebhook:
    """`known_types`: the event types that can be subscribed to. Address and secret come sealed."""

    webhook_id: str
    host: str
    url: str
    secret: str
    event_types: tuple[str, ...]
    personal_fields: bool
    known_types: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecret:
    webhook_id: str
    secret: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableWebhook:
    webhook_id: str
    why: Why
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableWebhook:
    webhook_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWebhook:
    webhook_id: str
    now: datetime


WebhookCommand = SubscribeWebhook | RotateSecret | DisableWebhook | EnableWebhook | RemoveWebhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`enabled_at`: since when it may be posted to; `disabled` None while it may."""

    webhook_id: str
    host: str
    url: str
    secret: str
    event_types: tuple[str, ...]
    personal_fields: bool
    enabled_at: datetime
    former_secret: str | None = None
    former_ends_at: datetime | None = None
    disabled: str | None = None

    def wants(self, event_type: str) -> bool:
        return event_type in self.event_types

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Those that sign, the present one first."""
        former = self.former_secret
        if former is None or self.former_ends_at is None or now >= self.former_ends_at:
            return (self.secret,)
        return (self.secret, former)


@dataclass(frozen=True, slots=True)
class WebhookBook:
    by_id: Mapping[str, Webhook] = field(default_factory=dict)

    def of(self, webhook_id: str) -> Webhook:
        """Raises NotFound."""
        if webhook_id not in self.by_id:
            raise NotFound(f"there is no webhook {webhook_id!r}")
        return self.by_id[webhook_id]


def subscribe(command: SubscribeWebhook, book: WebhookBook) -> Sequence[WebhookEvent]:
    unknown = sorted(set(command.event_types) - command.known_types)
    if unknown or not command.event_types:
        message = f"unknown: {', '.join(unknown)}" if unknown else "name at least one"
        problem = FieldProblem("event_types", "unknown", message)
        raise Malformed("no such events", errors=[problem])
    if command.webhook_id in book.by_id:
        raise WebhookExists(f"there is a webhook {command.webhook_id!r} already")
    return [
        WebhookSubscribed(
            webhook_id=command.webhook_id,
            host=command.host,
            url=command.url,
            secret=command.secret,
            event_types=tuple(sorted(set(command.event_types))),
            personal_fields=command.personal_fields,
            subscribed_at=command.now,
        )
    ]


def rotate(command: RotateSecret, book: WebhookBook) -> Sequence[WebhookEvent]:
    book.of(command.webhook_id)
    return [
        WebhookSecretRotated(
            webhook_id=command.webhook_id,
            secret=command.secret,
            former_ends_at=command.now + FORMER_SECRET_SIGNS_FOR,
            rotated_at=command.now,
        )
    ]


def disable(command: DisableWebhook, book: WebhookBook) -> Sequence[WebhookEvent]:
    if book.of(command.webhook_id).disabled is not None:
        return []
    return [
        WebhookDisabled(
            webhook_id=command.webhook_id, reason=command.why.value, disabled_at=command.now
        )
    ]


def enable(command: EnableWebhook, book: WebhookBook) -> Sequence[WebhookEvent]:
    if book.of(command.webhook_id).disabled is None:
        return []
    return [WebhookEnabled(webhook_id=command.webhook_id, enabled_at=command.now)]


def remove(command: RemoveWebhook, book: WebhookBook) -> Sequence[WebhookEvent]:
    book.of(command.webhook_id)
    return [WebhookRemoved(webhook_id=command.webhook_id, removed_at=command.now)]


def decide(command: WebhookCommand, book: WebhookBook) -> Sequence[WebhookEvent]:
    match command:
        case SubscribeWebhook():
            return subscribe(command, book)
        case RotateSecret():
            return rotate(command, book)
        case DisableWebhook():
            return disable(command, book)
        case EnableWebhook():
            return enable(command, book)
        case RemoveWebhook():
            return remove(command, book)
        case _:
            assert_never(command)


def evolve(book: WebhookBook, event: WebhookEvent) -> WebhookBook:
    known = book.by_id.get(event.webhook_id)
    match event:
        case WebhookSubscribed():
            return _with(book, _subscribed(event))
        case WebhookRemoved():
            rest = {name: each for name, each in book.by_id.items() if name != event.webhook_id}
            return WebhookBook(rest)
        case WebhookSecretRotated():
            assert known is not None, "only what was subscribed gets another secret"
            rotated = replace(
                known,
                secret=event.secret,
                former_secret=known.secret,
                former_ends_at=event.former_ends_at,
            )
            return _with(book, rotated)
        case WebhookDisabled():
            assert known is not None, "only what was subscribed is disabled"
            return _with(book, replace(known, disabled=event.reason))
        case WebhookEnabled():
            assert known is not None, "only what was subscribed is enabled"
            return _with(book, replace(known, disabled=None, enabled_at=event.enabled_at))
        case _:
            assert_never(event)


def _subscribed(event: WebhookSubscribed) -> Webhook:
    return Webhook(
        webhook_id=event.webhook_id,
        host=event.host,
        url=event.url,
        secret=event.secret,
        event_types=event.event_types,
        personal_fields=event.personal_fields,
        enabled_at=event.subscribed_at,
    )


def _with(book: WebhookBook, webhook: Webhook) -> WebhookBook:
    return WebhookBook({**book.by_id, webhook.webhook_id: webhook})


WEBHOOK_BOOK: Decider[WebhookCommand, WebhookBook, WebhookEvent] = Decider(
    "webhooks", decide, evolve, WebhookBook()
)
"""One stream per tenant."""
