"""The WeCom group robot: its address holds its key, nothing else guards it (N1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
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
from services.notifications.channels.markdown import mentionable, plain
from services.notifications.channels.verdict import Verdicts
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import Outbound

_VERDICTS = Verdicts(
    name="errcode",
    too_fast=frozenset({45009, 45033}),
    rest_seconds=60,
    busy=frozenset({-1}),
)
_LONGEST_CARD_TITLE = 26
_LONGEST_CARD_TEXT = 112
"""Characters of a card that phones show; a digest is longer and goes as markdown."""


@dataclass(frozen=True, slots=True)
class WeComRobot:
    kind: str = "wecom"
    is_group_robot: bool = True
    needs_address: bool = False
    body_limit_bytes: int = 4_096
    limits: tuple[Limit, ...] = (Limit(count=20, seconds=60),)

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        """Of the address only: there is nothing to sign with."""
        return url_flaws(address)

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        mention = mentionable(address.mention)
        rendered = partial(_markdown_bytes, mention=mention)
        sent, _markdown = fitted(outgoing, self.body_limit_bytes, rendered)
        body = json.dumps(content(sent, mention), ensure_ascii=False).encode()
        answer = await posted(outbound, address.url, body, JSON_HEADERS)
        return answer if isinstance(answer, Report) else _VERDICTS.judged(answer.body)


def content(outgoing: Outgoing, mention: str | None) -> dict[str, Any]:
    """A card to be tapped where it can show everything; cards can mention nobody."""
    fits = (
        len(outgoing.marked_title) <= _LONGEST_CARD_TITLE
        and len(outgoing.body) <= _LONGEST_CARD_TEXT
    )
    if not outgoing.link or mention or not fits:
        return {"msgtype": "markdown", "markdown": {"content": _markdown(outgoing, mention)}}
    return {
        "msgtype": "template_card",
        "template_card": {
            "card_type": "text_notice",
            "main_title": {"title": outgoing.marked_title},
            "sub_title_text": outgoing.body,
            "jump_list": [{"type": 1, "title": outgoing.link_words, "url": outgoing.link}],
            "card_action": {"type": 1, "url": outgoing.link},
        },
    }


def _markdown(outgoing: Outgoing, mention: str | None) -> str:
    lines = [f"#### {plain(outgoing.marked_title)}", plain(outgoing.body)]
    if outgoing.link:
        lines.append(f"[{outgoing.link_words}]({outgoing.link})")
    if mention:
        lines.append(f"<@{mention}>")
    return "\n".join(lines)


def _markdown_bytes(outgoing: Outgoing, mention: str | None) -> bytes:
    return _markdown(outgoing, mention).encode()
