"""What a channel is: how it says a message, and what became of the attempt (N1, N5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from services.notifications.domain.default_words import CONDENSED, MAY_BE_A_REPEAT, OPEN_LINK
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import AddressNotAllowed, Answer, NoAnswer, NotSent, Outbound, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where it goes. `mention`: the id by which a robot's group knows the person, else the
    person's own address. `template`: how a request is made, where the channel asks for one."""

    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    template: str = field(default="", repr=False)
    mention: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One attempt at one message. `message_id` stays the same however often it is repeated."""

    message_id: str
    language: str
    title: str
    body: str
    link: str | None
    escalation_ids: tuple[str, ...]
    may_be_repeat: bool
    sent_at: datetime

    @property
    def marked_title(self) -> str:
        """The title, with the words that say so where an earlier attempt may have arrived (N5)."""
        mark = MAY_BE_A_REPEAT[self.language] if self.may_be_repeat else ""
        return mark + self.title

    @property
    def link_words(self) -> str:
        return OPEN_LINK[self.language]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of an attempt. `detail` is short, stable and holds no secret.

    `retry_after_seconds` goes with `limited` only.
    """

    outcome: Outcome
    detail: str
    retry_after_seconds: float | None = None


class Channel(Protocol):
    """One way out. `send` never raises for what the other side does: it reports it."""

    @property
    def kind(self) -> str:
        """Its name in policies and addresses; never renamed."""
        ...

    @property
    def is_group_robot(self) -> bool:
        """Its address is a unit's group; else it reaches one person or system."""
        ...

    @property
    def needs_address(self) -> bool:
        """It reaches one person by the address kept for them under its kind, or not at all."""
        ...

    @property
    def body_limit_bytes(self) -> int: ...

    @property
    def limits(self) -> tuple[Limit, ...]: ...

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        """Why the channel could never use what was configured: `url`, `secret`, `template`."""
        ...

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report: ...


SERVER_FAILED = 500
TOO_MANY = 429
SHORTEST_REFUSAL = 300
JSON_HEADERS = {"content-type": "application/json; charset=utf-8"}
NOT_ALLOWED = Report(outcome=Outcome.REFUSED, detail="address-not-allowed")
NOT_UNDERSTOOD = Report(outcome=Outcome.UNKNOWN, detail="answer-not-understood")


async def posted(
    outbound: Outbound, url: str, content: bytes, headers: dict[str, str], method: str = "POST"
) -> Answer | Report:
    """The answer to look into, or the report where its status or absence already says enough.

    Anything that never left is refused; whatever left without a whole answer, and any failure of
    the server, is unknown.
    """
    try:
        answer = await outbound.request(method, url, content, headers)
    except AddressNotAllowed:
        return NOT_ALLOWED
    except NotSent as reason:
        return not_sent(reason)
    except NoAnswer as reason:
        return Report(outcome=Outcome.UNKNOWN, detail=f"no-answer: {reason}")
    if answer.status == TOO_MANY:
        return limited(answer.headers.get("retry-after"))
    if answer.status >= SERVER_FAILED:
        return Report(outcome=Outcome.UNKNOWN, detail=f"http-{answer.status}")
    if answer.status >= SHORTEST_REFUSAL:
        return Report(outcome=Outcome.REFUSED, detail=f"http-{answer.status}")
    return answer


def not_sent(reason: NotSent) -> Report:
    return Report(outcome=Outcome.REFUSED, detail=f"not-sent: {reason}")


def limited(retry_after: str | None, otherwise_seconds: float = 60) -> Report:
    """Asked to come again later; a date or nonsense in the header counts as a minute."""
    told = float(retry_after) if retry_after and retry_after.isdigit() else otherwise_seconds
    return Report(
        outcome=Outcome.LIMITED,
        detail="limited",
        retry_after_seconds=min(max(told, 1.0), 3600.0),
    )


def url_flaws(address: Address) -> list[FieldProblem]:
    """What is wrong with an address that no request could be sent to."""
    try:
        parsed(address.url)
    except AddressNotAllowed as refusal:
        return [FieldProblem("url", "malformed", str(refusal))]
    return []


def fitted(
    outgoing: Outgoing, limit_bytes: int, rendered: Callable[[Outgoing], bytes]
) -> tuple[Outgoing, bytes]:
    """What is sent, never above the vendor's limit: a body that is too long once it is escaped
    keeps its beginning and says that it was cut; its link leads to the rest (N4)."""
    content = rendered(outgoing)
    while len(content) > limit_bytes and outgoing.body:
        ending = CONDENSED[outgoing.language]
        body = outgoing.body.removesuffix(ending).encode()
        room = len(body) * limit_bytes // len(content) - len(ending.encode())
        shorter = body[: max(room, 0)].decode(errors="ignore")
        outgoing = replace(outgoing, body=shorter + ending if shorter else "")
        content = rendered(outgoing)
    return outgoing, content
