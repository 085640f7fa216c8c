"""The DingTalk robot's side: HTTP 200 always, the verdict in `errcode`."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta

from tests.receivers.receiver import Received, Reply

LONGEST_BODY_BYTES = 20_000
_WHOLE_CARD = {"title", "text", "singleTitle", "singleURL"}


@dataclass(frozen=True)
class DingTalkRules:
    secret: str
    now_milliseconds: int
    access_token: str = "token-1"
    tolerance: timedelta = timedelta(hours=1)

    def problem(self, received: Received) -> Reply | None:
        if received.query.get("access_token") != self.access_token:
            return _verdict(300001, "token is not exist")
        timestamp = received.query.get("timestamp", "0")
        expected = base64.b64encode(
            hmac.new(
                self.secret.encode("utf-8"),
                f"{timestamp}\n{self.secret}".encode(),
                digestmod=hashlib.sha256,
            ).digest()
        ).decode()
        if not hmac.compare_digest(received.query.get("sign", ""), expected):
            return _verdict(310000, "sign not match")
        if abs(int(timestamp) - self.now_milliseconds) > self.tolerance / timedelta(milliseconds=1):
            return _verdict(310000, "timestamp is invalid")
        if len(received.body) > LONGEST_BODY_BYTES:
            return _verdict(460101, "message too long")
        document = received.document
        match document["msgtype"]:
            case "text" | "markdown" | "link":
                return None
            case "actionCard" if set(document["actionCard"]) == _WHOLE_CARD:
                return None
            case _:
                return _verdict(400105, "unsupported msgtype")

    def taken(self) -> Reply:
        return _verdict(0, "ok")

    def refused(self) -> Reply:
        return _verdict(310000, "keywords not in content")

    def limited(self) -> Reply:
        return _verdict(130101, "send too fast, exceed 20 times per minute")


def _verdict(code: int, words: str) -> Reply:
    return Reply(200, json.dumps({"errcode": code, "errmsg": words}).encode())
