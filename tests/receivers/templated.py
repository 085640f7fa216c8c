"""Slack, a Teams workflow and two SMS gateways: what the generic HTTP channel has to please."""

import base64
import json
from dataclasses import dataclass
from urllib.parse import parse_qsl

from tests.receivers.receiver import Received, Reply


@dataclass(frozen=True)
class SlackRules:
    """An incoming webhook answers `ok` in plain text, or a status with a word."""

    path: str = "/services/T1/B1/token-1"

    def problem(self, received: Received) -> Reply | None:
        if received.path != self.path:
            return Reply(404, b"no_service")
        for block in received.document["blocks"]:
            if block["type"] == "section" and len(block["text"]["text"]) > 3_000:
                return Reply(400, b"invalid_blocks")
            if block["type"] in {"actions", "context"} and not block["elements"]:
                return Reply(400, b"invalid_blocks")
        return None

    def taken(self) -> Reply:
        return Reply(200, b"ok")

    def refused(self) -> Reply:
        return Reply(403, b"action_prohibited")

    def limited(self) -> Reply:
        return Reply(429, b"", {"retry-after": "17"})


@dataclass(frozen=True)
class TeamsRules:
    """A workflow takes a message with one adaptive card and answers 202 without words."""

    signature: str = "token-1"

    def problem(self, received: Received) -> Reply | None:
        if received.query.get("sig") != self.signature:
            return Reply(401, b"")
        if len(received.body) > 28 * 1024:
            return Reply(413, b"")
        document = received.document
        [attachment] = document["attachments"]
        is_card = attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        if document["type"] != "message" or not is_card:
            return Reply(400, b"")
        return None

    def taken(self) -> Reply:
        return Reply(202, b"")

    def refused(self) -> Reply:
        return Reply(400, b"")

    def limited(self) -> Reply:
        return Reply(429, b"", {"retry-after": "17"})


@dataclass(frozen=True)
class GatewayRules:
    """An SMS gateway with a bearer key, that answers 200 to everything and says it by a code."""

    key: str

    def problem(self, received: Received) -> Reply | None:
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return _verdict("unauthorised")
        document = received.document
        if not document["phone"].startswith("+") or len(document["text"]) > 1_000:
            return _verdict("invalid")
        return None

    def taken(self) -> Reply:
        return _verdict("ok")

    def refused(self) -> Reply:
        return _verdict("blacklisted")

    def limited(self) -> Reply:
        return _verdict("too-many")


@dataclass(frozen=True)
class FormGatewayRules:
    """An SMS gateway that takes a form under basic authentication, as the well-known one does."""

    user: str
    password: str

    def problem(self, received: Received) -> Reply | None:
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {expected}":
            return Reply(401, b"{}")
        form = dict(parse_qsl(received.body.decode(), strict_parsing=True))
        return None if set(form) == {"To", "From", "Body"} else Reply(400, b"{}")

    def taken(self) -> Reply:
        return Reply(201, json.dumps({"status": "queued"}).encode())

    def refused(self) -> Reply:
        return Reply(400, b"{}")

    def limited(self) -> Reply:
        return Reply(429, b"{}", {"retry-after": "17"})


def _verdict(status: str) -> Reply:
    return Reply(200, json.dumps({"result": {"status": status}}).encode())
