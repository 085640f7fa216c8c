"""The Feishu group robot, signed in its body; messages are cards with a button (N1)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from services.notifications.channels.channel import (
    JSON_HEADERS,
    Address,
    Outgoing,
    Report,
    fitted,
    posted,
    url_flaws,
)
from services.notifications.channels.markdown import mentionable
from services.notifications.channels.verdict import Verdicts
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import Outbound

_VERDICTS = Verdicts(name="code", too_fast=frozenset({11232, 11233}), rest_seconds=60)


@dataclass(frozen=True, slots=True)
class FeishuRobot:
    kind: str = "feishu"
    is_group_robot: bool = True
    needs_address: bool = False
    body_limit_bytes: int = 20_000
    limits: tuple[Limit, ...] = (Limit(count=100, seconds=60), Limit(count=5, seconds=1))

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        """Of the address only: a robot may be guarded by key words instead of a secret."""
        return url_flaws(address)

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        rendered = partial(content, mention=mentionable(address.mention), secret=address.secret)
        _sent, body = fitted(outgoing, self.body_limit_bytes, rendered)
        answer = await posted(outbound, address.url, body, JSON_HEADERS)
        return answer if isinstance(answer, Report) else _VERDICTS.judged(answer.body)


def signature(secret: str, at: datetime) -> dict[str, str]:
    """`timestamp` in seconds; the key is timestamp, line feed and secret, over nothing at all."""
    if not secret:
        return {}
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def content(outgoing: Outgoing, mention: str | None, secret: str) -> bytes:
    document = {
        **signature(secret, outgoing.sent_at),
        "msg_type": "interactive",
        "card": {
            "config": {"wide_screen_mode": True},
            "header": {"template": "orange", "title": _plain(outgoing.marked_title)},
            "elements": list(_elements(outgoing, mention)),
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _elements(outgoing: Outgoing, mention: str | None) -> Sequence[dict[str, Any]]:
    elements: list[dict[str, Any]] = [{"tag": "div", "text": _plain(outgoing.body)}]
    if mention:
        text = {"tag": "lark_md", "content": f"<at id={mention}></at>"}
        elements.append({"tag": "div", "text": text})
    if outgoing.link:
        button = {
            "tag": "button",
            "type": "primary",
            "text": _plain(outgoing.link_words),
            "url": outgoing.link,
        }
        elements.append({"tag": "action", "actions": [button]})
    return elements


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}
