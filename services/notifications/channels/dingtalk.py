"""The DingTalk group robot with a signing secret (N1)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from services.notifications.channels.channel import (
    JSON_HEADERS,
    Address,
    Outgoing,
    Report,
    fitted,
    posted,
    url_flaws,
)
from services.notifications.channels.markdown import mentionable, plain
from services.notifications.channels.verdict import Verdicts
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import Outbound

_VERDICTS = Verdicts(
    name="errcode",
    too_fast=frozenset({130101, 410100}),
    rest_seconds=600,
    busy=frozenset({-1}),
)
"""DingTalk blocks a robot for ten minutes after more than twenty messages in one."""


@dataclass(frozen=True, slots=True)
class DingTalkRobot:
    kind: str = "dingtalk"
    is_group_robot: bool = True
    needs_address: bool = False
    body_limit_bytes: int = 20_000
    limits: tuple[Limit, ...] = (Limit(count=20, seconds=60),)

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        """Of the address only: a robot may be guarded by key words instead of a secret."""
        return url_flaws(address)

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        rendered = partial(content, mention=mentionable(address.mention))
        _sent, body = fitted(outgoing, self.body_limit_bytes, rendered)
        url = signed(address.url, address.secret, outgoing.sent_at)
        answer = await posted(outbound, url, body, JSON_HEADERS)
        return answer if isinstance(answer, Report) else _VERDICTS.judged(answer.body)


def signed(url: str, secret: str, at: datetime) -> str:
    """The address with `timestamp` (ms) and `sign`; without a secret the address as it is."""
    if not secret:
        return url
    timestamp = round(at.timestamp() * 1000)
    text = f"{timestamp}\n{secret}".encode()
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    sign = quote_plus(base64.b64encode(digest))
    return f"{url}{'&' if '?' in url else '?'}timestamp={timestamp}&sign={sign}"


def content(outgoing: Outgoing, mention: str | None) -> bytes:
    """A card with a button; markdown with a link where somebody is mentioned: cards cannot."""
    title = plain(outgoing.marked_title)
    text = f"#### {title}\n\n" + plain(outgoing.body).replace("\n", "\n\n")
    document: dict[str, Any]
    if outgoing.link and not mention:
        document = {
            "msgtype": "actionCard",
            "actionCard": {
                "title": title,
                "text": text,
                "singleTitle": outgoing.link_words,
                "singleURL": outgoing.link,
            },
        }
    else:
        if outgoing.link:
            text += f"\n\n[{outgoing.link_words}]({outgoing.link})"
        if mention:
            text += f"\n\n@{mention}"
        document = {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": text},
            "at": {"atUserIds": [mention] if mention else [], "isAtAll": False},
        }
    return json.dumps(document, ensure_ascii=False).encode()
