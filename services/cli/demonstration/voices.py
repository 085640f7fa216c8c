"""What customers of the demonstration say by themselves: in group chats, and to service."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from services.cli.demonstration.course import Beginning, World
from services.cli.demonstration.planned import Planned, To
from services.leads.domain.customer_message import ReceiveMessage
from services.leads.domain.ticket import CloseTicket, OpenTicket

_SAYS_SOMETHING, _HAS_A_PROBLEM = 0.1, 0.09
_IS_SETTLED = 0.75


class Said(NamedTuple):
    text: str
    hot_words: tuple[str, ...] = ()


_MESSAGES = {
    "zh": (
        Said("这款样品什么时候能寄到？", ("样品",)),
        Said("三十套的价格能再谈谈吗", ("价格",)),
        Said("麻烦发一份正式报价", ("报价",)),
        Said("收到，谢谢"),
        Said("下周的会改到周三下午"),
    ),
    "en": (
        Said("Could you send a sample to our second plant?", ("sample",)),
        Said("What would the price be for forty seats?", ("price",)),
        Said("Thanks, received."),
    ),
}
_TICKETS = {
    "zh": (("repair", "设备报警代码 E12，无法启动"), ("question", "如何导出上月报表"),
           ("complaint", "备件比约定晚到两天")),
    "en": (("repair", "Unit reports error E12 after start"),
           ("question", "How can last month's report be exported?")),
}  # fmt: skip


def voices_of(
    world: World, beginnings: Sequence[Beginning], until: datetime, seed: int
) -> Iterator[Planned]:
    """With chance of their own, so that the rest of the script goes as it would."""
    chance = Random(f"{seed}:voices")
    for beginning in beginnings:
        days = (until - beginning.opened_at).days
        if chance.random() < _SAYS_SOMETHING:
            at = _some_day(world, beginning, days, chance)
            yield _message(world, beginning, at, chance)
        if chance.random() < _HAS_A_PROBLEM:
            at = _some_day(world, beginning, days, chance)
            yield from _ticket(world, beginning, at, chance)


def _some_day(world: World, beginning: Beginning, days: int, chance: Random) -> datetime:
    wanted = beginning.opened_at + timedelta(days=chance.uniform(0, max(days, 1)))
    return world.office.later(wanted, chance.uniform(1, 2), chance)


def _message(world: World, beginning: Beginning, at: datetime, chance: Random) -> Planned:
    said = chance.choice(_MESSAGES[beginning.rep.language])
    customer_id, unit_id = beginning.customer.customer_id, beginning.rep.unit_id
    message_id = f"message-{beginning.opportunity_id}"
    command = ReceiveMessage(
        message_id=message_id,
        customer_id=customer_id,
        group_id=f"group-{customer_id}",
        text=said.text,
        hot_words=said.hot_words,
        unit_id=unit_id,
        unit_path=world.staff.path(unit_id),
        occurred_at=at,
    )
    return Planned(
        name=message_id,
        sent_at=at,
        to=To.MESSAGE,
        aggregate_id=message_id,
        command=command,
        occurred_at=at,
    )


def _ticket(world: World, beginning: Beginning, at: datetime, chance: Random) -> Iterator[Planned]:
    kind, text = chance.choice(_TICKETS[beginning.rep.language])
    ticket_id = f"ticket-{beginning.opportunity_id}"
    command = OpenTicket(
        ticket_id=ticket_id,
        customer_id=beginning.customer.customer_id,
        kind=kind,
        summary=text,
        unit_id=beginning.rep.unit_id,
        occurred_at=at,
    )
    yield _of_ticket(f"{ticket_id}:open", ticket_id, command, at)
    if chance.random() < _IS_SETTLED:
        closed_at = world.office.later(at, chance.uniform(0.2, 4), chance)
        close = CloseTicket(ticket_id=ticket_id, outcome="solved", occurred_at=closed_at)
        yield _of_ticket(f"{ticket_id}:close", ticket_id, close, closed_at)


def _of_ticket(
    name: str, ticket_id: str, command: OpenTicket | CloseTicket, at: datetime
) -> Planned:
    return Planned(
        name=name,
        sent_at=at,
        to=To.TICKET,
        aggregate_id=ticket_id,
        command=command,
        occurred_at=at,
    )
