"""CUSTOMER_MESSAGE: what a customer said in a group chat, once, with the hot words in it (L8)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError
from shared.events.leads import CustomerMessageReceived


class MessageIsAnothers(DomainError):
    """There is a message of another customer with this id."""

    code = "message-is-anothers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveMessage:
    message_id: str
    customer_id: str
    group_id: str | None
    text: str
    hot_words: tuple[str, ...]
    unit_id: str
    unit_path: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    customer_id: str
    hot_words: tuple[str, ...]


CustomerMessage = Unknown | Received


def receive(command: ReceiveMessage, message: CustomerMessage) -> Sequence[CustomerMessageReceived]:
    """What comes again adds nothing. Raises MessageIsAnothers."""
    match message:
        case Unknown():
            return [
                CustomerMessageReceived(
                    message_id=command.message_id,
                    customer_id=command.customer_id,
                    group_id=command.group_id,
                    text=command.text,
                    hot_words=list(command.hot_words),
                    unit_id=command.unit_id,
                    unit_path=list(command.unit_path),
                    received_at=command.occurred_at,
                )
            ]
        case Received():
            if message.customer_id != command.customer_id:
                raise MessageIsAnothers(f"{command.message_id!r} is of another customer")
            return []
        case _:
            assert_never(message)


def evolve(_message: CustomerMessage, event: CustomerMessageReceived) -> CustomerMessage:
    return Received(customer_id=event.customer_id, hot_words=tuple(event.hot_words))


CUSTOMER_MESSAGE: Decider[ReceiveMessage, CustomerMessage, CustomerMessageReceived] = Decider(
    "customer_message", receive, evolve, Unknown()
)


def words_within(text: str, words: Sequence[str]) -> tuple[int, ...]:
    """Which of the words, by their place, the text says; all of them in one spelling. Words of
    letters that are written apart count as whole ones: no price in priceless."""
    return tuple(
        place for place, word in enumerate(words) if word and _stands_alone(word).search(text)
    )


def _stands_alone(word: str) -> re.Pattern[str]:
    before = r"(?<![a-z0-9])" if _is_latin(word[0]) else ""
    after = r"(?![a-z0-9])" if _is_latin(word[-1]) else ""
    return re.compile(before + re.escape(word) + after)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
