"""A receiver of Standard Webhooks: checks id, time and signature, and dedupes by the id."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

from tests.receivers.receiver import Received, Reply


@dataclass(frozen=True)
class WebhookRules:
    secret: str
    now_seconds: int
    tolerance: timedelta = timedelta(minutes=5)

    def problem(self, received: Received) -> Reply | None:
        message_id = received.headers.get("webhook-id", "")
        timestamp = received.headers.get("webhook-timestamp", "")
        if not message_id or not timestamp.isdigit():
            return Reply(400, b"")
        if abs(int(timestamp) - self.now_seconds) > self.tolerance.total_seconds():
            return Reply(400, b"")
        key = base64.b64decode(self.secret.split("_", 1)[1])
        signed = b".".join((message_id.encode(), timestamp.encode(), received.body))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        offered = received.headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(expected, signature) for signature in offered):
            return Reply(401, b"")
        return None

    def taken(self) -> Reply:
        return Reply(204, b"")

    def refused(self) -> Reply:
        return Reply(410, b"")

    def limited(self) -> Reply:
        return Reply(429, b"", {"retry-after": "17"})


def seen_once(arrived: list[Received]) -> set[str]:
    """What is left after deduping by the id, as receivers are told to do."""
    return {received.headers["webhook-id"] for received in arrived}
