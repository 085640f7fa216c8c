"""The generic HTTP channel: gateways for SMS and apps, Slack, Teams and what is like them (N1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from services.notifications.channels.channel import (
    NOT_UNDERSTOOD,
    Address,
    Outgoing,
    Report,
    fitted,
    limited,
    posted,
    url_flaws,
)
from services.notifications.channels.markdown import mentionable
from services.notifications.channels.template import (
    Taken,
    Template,
    read_template,
    request_body,
    request_headers,
)
from services.notifications.domain.grouping import shortened
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import Answer, Outbound

_WITHOUT_A_PLACE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatedHttp:
    """`own_template`: how the request is made where nothing else was configured.

    `longest_text_bytes`: of a text that is not split into parts but condensed; its link leads on.
    """

    kind: str
    is_group_robot: bool
    needs_address: bool = False
    body_limit_bytes: int = 20_000
    request_limit_bytes: int = 28_000
    longest_text_bytes: int | None = None
    limits: tuple[Limit, ...] = ()
    own_template: Template | None = None

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        flaws = url_flaws(address)
        try:
            self._template(address)
        except ValueError as flaw:
            flaws.append(FieldProblem("template", "malformed", str(flaw)))
        return flaws

    def _template(self, address: Address) -> Template:
        """Raises ValueError where there is none or it cannot be filled."""
        if address.template:
            return read_template(address.template)
        if self.own_template is None:
            raise ValueError(f"channels of kind {self.kind} need one")
        return self.own_template

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        try:
            template = self._template(address)
            headers = request_headers(template, outgoing, address)
        except ValueError:
            return Report(outcome=Outcome.REFUSED, detail="template-not-usable")
        recipient = mentionable(address.mention) if self.is_group_robot else address.mention
        if self.needs_address and not recipient:
            return Report(outcome=Outcome.REFUSED, detail="no-address")
        rendered = partial(_body, template=template, recipient=recipient)
        _sent, body = fitted(self._condensed(outgoing), self.request_limit_bytes, rendered)
        answer = await posted(outbound, address.url, body, headers, template.method)
        return answer if isinstance(answer, Report) else judged(template.taken, answer)

    def _condensed(self, outgoing: Outgoing) -> Outgoing:
        room = self.longest_text_bytes
        if room is None:
            return outgoing
        return replace(outgoing, body=shortened(outgoing.body, room, outgoing.language))


def _body(outgoing: Outgoing, template: Template, recipient: str | None) -> bytes:
    return request_body(template, outgoing, recipient)


def judged(taken: Taken, answer: Answer) -> Report:
    """By the status and, where the template names one, by a field of the JSON answer."""
    if answer.status not in taken.statuses:
        return Report(outcome=Outcome.REFUSED, detail=f"http-{answer.status}")
    if taken.field is None:
        return Report(outcome=Outcome.ACCEPTED, detail=f"http-{answer.status}")
    value = _value_at(taken.field, answer.body)
    if value is _WITHOUT_A_PLACE:
        return NOT_UNDERSTOOD
    if _is_one_of(value, taken.equals):
        return Report(outcome=Outcome.ACCEPTED, detail=f"{taken.field}-as-asked"[:40])
    if _is_one_of(value, taken.limited):
        return limited(answer.headers.get("retry-after"))
    return Report(outcome=Outcome.REFUSED, detail=f"{taken.field}-otherwise"[:40])


def _value_at(path: str, body: bytes) -> Any:
    try:
        value = json.loads(body)
    except ValueError:
        return _WITHOUT_A_PLACE
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return _WITHOUT_A_PLACE
        value = value[name]
    return value


def _is_one_of(value: Any, wanted: Sequence[str | int | bool]) -> bool:
    """Without taking true for 1."""
    return any(type(value) is type(each) and value == each for each in wanted)
