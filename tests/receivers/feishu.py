"""The Feishu robot's side: the signature is in the body, the verdict in `code`."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from tests.receivers.receiver import Received, Reply

LONGEST_BODY_BYTES = 20 * 1024
_TOLERANCE_SECONDS = 3600


@dataclass(frozen=True)
class FeishuRules:
    secret: str
    now_seconds: int
    token: str = "token-1"

    def problem(self, received: Received) -> Reply | None:
        if received.path != f"/open-apis/bot/v2/hook/{self.token}":
            return _verdict(19001, "param invalid: incoming webhook access token invalid")
        if len(received.body) > LONGEST_BODY_BYTES:
            return _verdict(9499, "Bad Request")
        document = received.document
        if not self._is_signed(document):
            return _verdict(19021, "sign match fail or timestamp is not within one hour")
        if document.get("msg_type") != "interactive" or not _is_card(document.get("card")):
            return _verdict(19002, "params error, msg_type need")
        return None

    def _is_signed(self, document: dict[str, Any]) -> bool:
        timestamp = str(document.get("timestamp", "0"))
        if abs(int(timestamp) - self.now_seconds) > _TOLERANCE_SECONDS:
            return False
        key = f"{timestamp}\n{self.secret}".encode()
        expected = base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
        return hmac.compare_digest(str(document.get("sign", "")), expected)

    def taken(self) -> Reply:
        return _verdict(0, "success")

    def refused(self) -> Reply:
        return _verdict(19024, "Key Words Not Found")

    def limited(self) -> Reply:
        return _verdict(11232, "frequency limited psm")


def _is_card(card: Any) -> bool:
    tags = {element["tag"] for element in card["elements"]}
    buttons = [
        action
        for element in card["elements"]
        if element["tag"] == "action"
        for action in element["actions"]
    ]
    return tags <= {"div", "action"} and all(
        button["tag"] == "button" and button["url"].startswith("https://") for button in buttons
    )


def _verdict(code: int, words: str) -> Reply:
    return Reply(200, json.dumps({"code": code, "msg": words, "data": {}}).encode())
