"""The generic webhook, signed as Standard Webhooks say: receivers dedupe by `webhook-id` (N1)."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifications.channels.channel import (
    Address,
    Outgoing,
    Report,
    posted,
    url_flaws,
)
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.clock import iso
from shared.errors import FieldProblem
from shared.outbound import Outbound

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    kind: str = "webhook"
    is_group_robot: bool = False
    needs_address: bool = False
    body_limit_bytes: int = 200_000
    limits: tuple[Limit, ...] = ()

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        flaws = url_flaws(address)
        try:
            secret_bytes(address.secret)
        except ValueError as flaw:
            flaws.append(FieldProblem("secret", "malformed", str(flaw)))
        return flaws

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        body = content(outgoing, address.mention)
        headers = {
            "content-type": "application/json",
            "user-agent": "Pulsetrail",
            **signature_headers(outgoing.message_id, outgoing.sent_at, body, address.secret),
        }
        answer = await posted(outbound, address.url, body, headers)
        if isinstance(answer, Report):
            return answer
        return Report(outcome=Outcome.ACCEPTED, detail=f"http-{answer.status}")


def signature_headers(message_id: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def secret_bytes(secret: str) -> bytes:
    """What stands in Base64 after `whsec_`. Raises ValueError for any other secret."""
    if not secret.startswith(_PREFIX):
        raise ValueError("a webhook's secret begins with whsec_")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as broken:
        raise ValueError("a webhook's secret is Base64 after whsec_") from broken


def content(outgoing: Outgoing, recipient: str | None) -> bytes:
    """`may_be_repeat` and `sent_at` may differ between attempts; the id does not."""
    document = {
        "type": "escalation.told",
        "timestamp": iso(outgoing.sent_at),
        "data": {
            "message_id": outgoing.message_id,
            "recipient": recipient,
            "language": outgoing.language,
            "title": outgoing.marked_title,
            "body": outgoing.body,
            "link": outgoing.link,
            "escalation_ids": list(outgoing.escalation_ids),
            "may_be_repeat": outgoing.may_be_repeat,
        },
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
