"""The robots and webhooks of a tenant's units: where they are and how they are signed (N1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import FieldProblem, Malformed, NotFound
from shared.event_type import PersonalText
from shared.events.notifications import ChannelConfigured, ChannelRemoved

ChannelBookEvent = ChannelConfigured | ChannelRemoved

SECRETS_SUBJECT = "tenant/channels"
"""Under whose key addresses and secrets are sealed."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureChannel:
    """`kinds`: those that can be configured; a channel's id is none of the `reserved` names.

    Address, secret and template come sealed: nothing in here, nor in the log, can tell them.
    """

    channel_id: str
    kind: str
    unit_id: str
    url: str
    secret: str
    template: str | None
    kinds: frozenset[str]
    reserved: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveChannel:
    channel_id: str
    now: datetime


ChannelBookCommand = ConfigureChannel | RemoveChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredChannel:
    channel_id: str
    kind: str
    unit_id: str
    url: PersonalText
    secret: PersonalText
    template: PersonalText = None


@dataclass(frozen=True, slots=True)
class ChannelBook:
    by_id: Mapping[str, ConfiguredChannel] = field(default_factory=dict)

    def on_path(self, unit_path: Sequence[str], kinds: frozenset[str]) -> tuple[str, ...]:
        """The channels of such a kind at the nearest unit of the path that has any (root first)."""
        for unit_id in reversed(unit_path):
            found = tuple(
                sorted(
                    channel.channel_id
                    for channel in self.by_id.values()
                    if channel.unit_id == unit_id and channel.kind in kinds
                )
            )
            if found:
                return found
        return ()


def configure(command: ConfigureChannel, book: ChannelBook) -> Sequence[ChannelBookEvent]:
    problems = []
    if not _ID.fullmatch(command.channel_id):
        expected = "1-64 of letters, digits, dot, dash, underscore"
        problems.append(FieldProblem("channel_id", "malformed-id", expected))
    if command.channel_id in command.reserved:
        problems.append(FieldProblem("channel_id", "reserved", "is what a kind is called"))
    if command.kind not in command.kinds:
        known = ", ".join(sorted(command.kinds))
        problems.append(FieldProblem("kind", "unknown", f"one of {known}"))
    if problems:
        raise Malformed("the channel cannot be used", errors=problems)
    return [
        ChannelConfigured(
            channel_id=command.channel_id,
            kind=command.kind,
            unit_id=command.unit_id,
            url=command.url,
            secret=command.secret,
            template=command.template,
            subject=SECRETS_SUBJECT,
        )
    ]


def remove(command: RemoveChannel, book: ChannelBook) -> Sequence[ChannelBookEvent]:
    if command.channel_id not in book.by_id:
        raise NotFound(command.channel_id)
    return [ChannelRemoved(channel_id=command.channel_id)]


def decide(command: ChannelBookCommand, book: ChannelBook) -> Sequence[ChannelBookEvent]:
    match command:
        case ConfigureChannel():
            return configure(command, book)
        case RemoveChannel():
            return remove(command, book)
        case _:
            assert_never(command)


def evolve(book: ChannelBook, event: ChannelBookEvent) -> ChannelBook:
    match event:
        case ChannelConfigured():
            channel = ConfiguredChannel(
                channel_id=event.channel_id,
                kind=event.kind,
                unit_id=event.unit_id,
                url=event.url,
                secret=event.secret,
                template=event.template,
            )
            return ChannelBook({**book.by_id, event.channel_id: channel})
        case ChannelRemoved():
            return ChannelBook(
                {key: value for key, value in book.by_id.items() if key != event.channel_id}
            )
        case _:
            assert_never(event)


CHANNEL_BOOK: Decider[ChannelBookCommand, ChannelBook, ChannelBookEvent] = Decider(
    "channels", decide, evolve, ChannelBook()
)
"""One stream per tenant."""
