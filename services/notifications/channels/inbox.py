"""The inbox inside the product: a message is delivered by being an event (N1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.notifications.channels.channel import Address, Outgoing, Report
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import Outbound

IN_THE_INBOX = Report(outcome=Outcome.ACCEPTED, detail="in-the-inbox")


@dataclass(frozen=True, slots=True)
class Inbox:
    kind: str = "inbox"
    is_group_robot: bool = False
    needs_address: bool = False
    body_limit_bytes: int = 200_000
    limits: tuple[Limit, ...] = ()

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        return ()

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        return IN_THE_INBOX
