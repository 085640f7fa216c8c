"""Webhooks of a tenant: who is told of what, with which secret, and when one is given up (G4)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.domain.webhook_book import (
    WEBHOOK_BOOK,
    DisableWebhook,
    EnableWebhook,
    RemoveWebhook,
    RotateSecret,
    SubscribeWebhook,
    WebhookBook,
    WebhookCommand,
    WebhookExists,
    Why,
)
from services.notifications.domain.webhook_plan import BACK_OFF, is_given_up, next_try
from shared.errors import Malformed, NotFound

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OPENED = "opportunities.opportunity_opened.v1"


def subscribing(*event_types: str) -> SubscribeWebhook:
    return SubscribeWebhook(
        webhook_id="W1",
        host="crm.example",
        url="sealed address",
        secret="sealed secret",
        event_types=event_types or (OPENED,),
        personal_fields=False,
        known_types=frozenset({OPENED}),
        now=NOW,
    )


def after(*commands: WebhookCommand) -> WebhookBook:
    book = WEBHOOK_BOOK.initial
    for command in commands:
        for event in WEBHOOK_BOOK.decide(command, book):
            book = WEBHOOK_BOOK.evolve(book, event)
    return book


def test_a_webhook_wants_what_it_was_subscribed_to() -> None:
    webhook = after(subscribing()).of("W1")

    assert webhook.wants(OPENED)
    assert not webhook.wants("opportunities.opportunity_won.v1")


def test_an_unknown_event_and_none_at_all_are_refused() -> None:
    nothing = SubscribeWebhook(
        webhook_id="W1",
        host="h",
        url="u",
        secret="s",
        event_types=(),
        personal_fields=False,
        known_types=frozenset({OPENED}),
        now=NOW,
    )

    for command in (subscribing("opportunities.mood_changed.v1"), nothing):
        with pytest.raises(Malformed):
            after(command)


def test_a_name_is_taken_until_its_webhook_is_removed() -> None:
    with pytest.raises(WebhookExists):
        after(subscribing(), subscribing())

    book = after(subscribing(), RemoveWebhook(webhook_id="W1", now=NOW), subscribing())
    assert book.of("W1").host == "crm.example"


def test_the_former_secret_signs_for_a_day() -> None:
    rotated = RotateSecret(webhook_id="W1", secret="new", now=NOW)
    webhook = after(subscribing(), rotated).of("W1")

    assert webhook.secrets_at(NOW) == ("new", "sealed secret")
    assert webhook.secrets_at(NOW + timedelta(hours=24)) == ("new",)


def test_disabling_twice_says_nothing_new() -> None:
    disable = DisableWebhook(webhook_id="W1", why=Why.FAILING, now=NOW)
    book = after(subscribing(), disable)

    assert book.of("W1").disabled == "failing"
    assert WEBHOOK_BOOK.decide(disable, book) == []
    enabled = after(subscribing(), disable, EnableWebhook(webhook_id="W1", now=NOW))
    assert enabled.of("W1").disabled is None


def test_an_unknown_webhook_is_not_found() -> None:
    with pytest.raises(NotFound):
        after(EnableWebhook(webhook_id="W9", now=NOW))


def test_tries_are_further_and_further_apart_until_there_are_no_more() -> None:
    pauses = [next_try(number, NOW, None) for number in range(1, len(BACK_OFF) + 2)]

    assert pauses == [*(NOW + pause for pause in BACK_OFF), None]
    assert next_try(1, NOW, 3_600) == NOW + timedelta(hours=1)
    assert next_try(2, NOW, 1) == NOW + BACK_OFF[1]


def test_a_webhook_is_given_up_after_more_than_five_days_of_failures() -> None:
    assert not is_given_up(None, NOW)
    assert not is_given_up(NOW - timedelta(days=5), NOW)
    assert is_given_up(NOW - timedelta(days=5, seconds=1), NOW)
