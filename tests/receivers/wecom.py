"""The WeCom group robot's side: HTTP 200 always, the verdict in `errcode`."""

import json
from dataclasses import dataclass
from typing import Any

from tests.receivers.receiver import Received, Reply

LONGEST_MARKDOWN_BYTES = 4_096
LONGEST_TEXT_BYTES = 2_048


@dataclass(frozen=True)
class WeComRules:
    key: str = "token-1"

    def problem(self, received: Received) -> Reply | None:
        if received.query.get("key") != self.key:
            return _verdict(93000, "invalid webhook url")
        document = received.document
        match document.get("msgtype"):
            case "text":
                return _too_long(document["text"]["content"], LONGEST_TEXT_BYTES)
            case "markdown":
                return _too_long(document["markdown"]["content"], LONGEST_MARKDOWN_BYTES)
            case "template_card":
                return _card_problem(document["template_card"])
            case _:
                return _verdict(40008, "invalid message type")

    def taken(self) -> Reply:
        return _verdict(0, "ok")

    def refused(self) -> Reply:
        return _verdict(93000, "invalid webhook url")

    def limited(self) -> Reply:
        return _verdict(45009, "api freq out of limit")


def _too_long(content: str, longest: int) -> Reply | None:
    return _verdict(40058, "content exceed max length") if len(content.encode()) > longest else None


def _card_problem(card: dict[str, Any]) -> Reply | None:
    """A notice has a title or a text, and says where a tap on it leads."""
    is_whole = (
        card.get("card_type") == "text_notice"
        and (card.get("main_title", {}).get("title") or card.get("sub_title_text"))
        and card.get("card_action", {}).get("type") == 1
        and card["card_action"].get("url", "").startswith("https://")
    )
    return None if is_whole else _verdict(42014, "template card invalid")


def _verdict(code: int, words: str) -> Reply:
    return Reply(200, json.dumps({"errcode": code, "errmsg": words}).encode())
