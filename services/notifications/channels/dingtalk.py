"""The DingTalk group robot with a signing secret (N1)."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from services.notifications.channels.channel import (
    Address,
    Outgoing,
    Report,
    limited,
    posted,
)
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.outbound import Outbound

_SYSTEM_BUSY = -1
_TOO_FAST = frozenset({130101, 410100})
_BLOCKED_SECONDS = 600
"""DingTalk blocks a robot for ten minutes after more than twenty messages in one."""


@dataclass(frozen=True, slots=True)
class DingTalkRobot:
    kind: str = "dingtalk"
    is_group_robot: bool = True
    body_limit_bytes: int = 20_000
    limits: tuple[Limit, ...] = (Limit(count=20, seconds=60),)

    def secret_flaw(self, address: Address) -> str | None:
        """None: a robot may also be guarded by key words or addresses instead of a secret."""
        return None

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        answer = await posted(
            outbound,
            signed(address.url, address.secret, outgoing.sent_at),
            json.dumps(content(outgoing, address.mention), ensure_ascii=False).encode(),
            {"content-type": "application/json; charset=utf-8"},
        )
        return answer if isinstance(answer, Report) else judged(answer.body)


def signed(url: str, secret: str, at: datetime) -> str:
    """The address with `timestamp` (ms) and `sign`; without a secret the address as it is."""
    if not secret:
        return url
    timestamp = round(at.timestamp() * 1000)
    text = f"{timestamp}\n{secret}".encode()
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    sign = quote_plus(base64.b64encode(digest))
    return f"{url}{'&' if '?' in url else '?'}timestamp={timestamp}&sign={sign}"


def content(outgoing: Outgoing, mention: str | None) -> dict[str, Any]:
    lines = [f"#### {outgoing.marked_title}", outgoing.body.replace("\n", "\n\n")]
    if outgoing.link:
        lines.append(f"[{outgoing.link_words}]({outgoing.link})")
    if mention:
        lines.append(f"@{mention}")
    return {
        "msgtype": "markdown",
        "markdown": {"title": outgoing.marked_title, "text": "\n\n".join(lines)},
        "at": {"atUserIds": [mention] if mention else [], "isAtAll": False},
    }


def judged(body: bytes) -> Report:
    """The robot says by `errcode` in a 200 answer whether it took the message."""
    try:
        code = json.loads(body)["errcode"]
    except (ValueError, KeyError, TypeError):
        return Report(outcome=Outcome.UNKNOWN, detail="answer-not-understood")
    if code == 0:
        return Report(outcome=Outcome.ACCEPTED, detail="errcode-0")
    if code in _TOO_FAST:
        return limited(None, otherwise_seconds=_BLOCKED_SECONDS)
    if code == _SYSTEM_BUSY:
        return Report(outcome=Outcome.UNKNOWN, detail="errcode--1")
    return Report(outcome=Outcome.REFUSED, detail=f"errcode-{code}"[:40])
