"""Messages delivered attempt by attempt: intent stored, request sent, end stored (N5)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

import structlog

from services.notifications.domain.attempt_plan import (
    AllDone,
    GiveUp,
    Try,
    Wait,
    next_attempt,
    next_look,
)
from services.notifications.domain.channel_book import ChannelBook, ConfiguredChannel
from services.notifications.domain.message import (
    MESSAGE,
    AttemptIsUnderWay,
    Message,
    MessageIsClosed,
    UnderWay,
    Waiting,
)
from services.notifications.domain.message_commands import (
    CloseMessage,
    EndAttempt,
    Ending,
    MessageCommand,
    Outcome,
    StartAttempt,
)
from services.notifications.domain.message_list import INBOX
from services.notifications.domain.throttle import MayLeave, MustWait
from services.notifications.outbox.inbox_delivery import InboxDelivery, nobody_waits_for
from services.notifications.outbox.links import Links
from services.notifications.outbox.robot_limits import RobotLimits
from services.notifications.outbox.sending import Sending
from services.notifications.queries.read_models import (
    MESSAGES,
    Due,
    by_the_clock,
    due_messages,
    rearm,
)
from services.notifications.queries.tenant_choices import TenantChoices
from shared.command_handling import CommandHandling
from shared.envelope import stream_name
from shared.ports import Ports
from shared.stored_states import stored_states
from shared.tracing import contexts_of_streams, inside, span

LOG = structlog.get_logger(__name__)

_SLOW = timedelta(seconds=2)
_KEY_BYTES = 32
_CONFIGURED_INBOX = ConfiguredChannel(
    channel_id=INBOX, kind=INBOX, unit_id="", url=None, secret=None
)


Lane = tuple[str, str]
"""A robot; of a channel that is configured no more, tenant and channel."""


class Waiter(NamedTuple):
    """A message and the channel by which it goes next."""

    due: Due
    channel_id: str


class Delivery:
    """One per log. A process that was killed leaves attempts under way: their end is unknown."""

    def __init__(
        self,
        ports: Ports,
        commands: CommandHandling,
        choices: TenantChoices,
        links: Links,
        at_once: int,
    ) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices
        self._sending = Sending(ports, links)
        self._at_once = at_once
        self._inbox = InboxDelivery(ports, commands)
        self._limits = RobotLimits(ports.read_store, ports.random_bytes(_KEY_BYTES))

    async def step(self, now: datetime) -> bool:
        """What goes to different robots goes side by side; a robot takes one at a time, by
        whichever of its channels, the most urgent first, the inbox all of them."""
        ports = self._ports
        due = await due_messages(ports, now, self._at_once)
        streams = {each: stream_name(each[0], MESSAGE.name, each[1]) for each in due}
        found = await stored_states(ports, MESSAGE, streams.values())
        resting: dict[Due, datetime | None] = {}
        inboxes: dict[str, dict[Due, Waiting]] = {}
        lanes: dict[Lane, list[Waiter]] = {}
        for each in due:
            _version, message = found[streams[each]]
            zone = await self._zone(each[0], now)
            plan = next_attempt(message, now, zone)
            if isinstance(plan, AllDone) or (isinstance(plan, Wait) and plan.until is not None):
                resting[each] = next_look(message, now, zone)
            elif isinstance(plan, Try) and plan.channel == INBOX and isinstance(message, Waiting):
                inboxes.setdefault(each[0], {})[each] = message
            else:
                channel_id = plan.channel if isinstance(plan, Try) else ""
                lane = await self._lane(each[0], channel_id)
                lanes.setdefault(lane, []).append(Waiter(each, channel_id))
        await asyncio.gather(
            rearm(ports.read_store, MESSAGES, resting),
            *(self._inbox.deliver(tenant_id, to_it, now) for tenant_id, to_it in inboxes.items()),
            *(self._work_off(lane, now) for lane in lanes.values()),
        )
        return bool(due)

    async def _lane(self, tenant_id: str, channel_id: str) -> Lane:
        configured = _configured(channel_id, await self._choices.channel_book(tenant_id))
        if configured is None:
            return tenant_id, channel_id
        return self._limits.robot_of(tenant_id, configured)

    async def _work_off(self, lane: Sequence[Waiter], now: datetime) -> None:
        """Stops at a channel that does not answer or may take no more: the others of its lane come
        again later and leave the next look to other channels."""
        for number, (due, channel_id) in enumerate(lane):
            before = self._ports.clock()
            decision = await self._admission(due[0], channel_id, max(now, before))
            if isinstance(decision, MustWait):
                await self._put_off(lane[number:], decision.until)
                return
            await self._look_at(due, max(now, before))
            if self._ports.clock() - before > _SLOW:
                await self._put_off(lane[number + 1 :], self._ports.clock() + _SLOW)
                return

    async def _put_off(self, lane: Sequence[Waiter], until: datetime) -> None:
        times = dict.fromkeys((each.due for each in lane), until)
        await rearm(self._ports.read_store, MESSAGES, times)

    async def _admission(
        self, tenant_id: str, channel_id: str, now: datetime
    ) -> MayLeave | MustWait:
        book = await self._choices.channel_book(tenant_id)
        configured = _configured(channel_id, book)
        if configured is None:
            return MayLeave()
        return await self._limits.admission(tenant_id, configured, book, now)

    async def _zone(self, tenant_id: str, now: datetime) -> str:
        """In which its quiet hours are reckoned."""
        return (await self._ports.organisations.of(tenant_id)).zone(now)

    async def _message(self, due: Due) -> Message:
        stream = stream_name(due[0], MESSAGE.name, due[1])
        _version, message = await self._commands.load(MESSAGE, stream, fresh=True)
        return message

    async def _look_at(self, due: Due, now: datetime) -> None:
        tenant_id, message_id, _bound = due
        message = await self._message(due)
        if isinstance(message, UnderWay):
            await self._send_command(
                tenant_id,
                EndAttempt(
                    message_id=message_id,
                    attempt=message.attempts[-1].number,
                    outcome=Outcome.UNKNOWN,
                    detail="interrupted",
                    now=now,
                ),
            )
            message = await self._message(due)
        plan = next_attempt(message, now, await self._zone(tenant_id, now))
        match plan:
            case AllDone():
                await rearm(self._ports.read_store, MESSAGES, {due: None})
            case Wait(until=until):
                await rearm(self._ports.read_store, MESSAGES, {due: until})
            case GiveUp():
                await self._close(due, plan.ending, plan.reason, now)
            case Try():
                assert isinstance(message, Waiting), "only what waits is tried"
                await self._try(due, message, plan, now)
            case _:
                assert_never(plan)

    async def _try(self, due: Due, message: Waiting, plan: Try, now: datetime) -> None:
        tenant_id, message_id, _bound = due
        if await nobody_waits_for(self._ports, tenant_id, [message]):
            await self._close(due, Ending.EXPIRED, "nobody-waits-for-it", now)
            return
        book = await self._choices.channel_book(tenant_id)
        configured = _configured(plan.channel, book)
        decision = await self._admission(tenant_id, plan.channel, now)
        if isinstance(decision, MustWait):
            await rearm(self._ports.read_store, MESSAGES, {due: decision.until})
            return
        start = StartAttempt(message_id=message_id, channel=plan.channel, now=now)
        stream = stream_name(tenant_id, MESSAGE.name, message_id)
        trace = (await contexts_of_streams(self._ports.event_store, [stream])).get(stream)
        try:
            await self._send_command(tenant_id, start, trace)
        except (AttemptIsUnderWay, MessageIsClosed):
            return
        if configured is not None:
            self._limits.leaves(tenant_id, configured, now)
        about: dict[str, str | int] = {"channel": plan.channel, "attempt": plan.attempt}
        with span("deliver", trace, about) as opened:
            end = await self._sending.attempt(tenant_id, message, plan, configured, now)
            if opened is not None:
                opened.add("outcome", end.outcome.value)
        await self._send_command(tenant_id, end, inside(opened, trace))
        if configured is not None and end.retry_at is not None:
            self._limits.asked_to_wait(tenant_id, configured, end.retry_at)
        await self._plan_on(due, end.now)

    async def _plan_on(self, due: Due, now: datetime) -> None:
        until = next_look(await self._message(due), now, await self._zone(due[0], now))
        await rearm(self._ports.read_store, MESSAGES, {due: until})

    async def _close(self, due: Due, ending: Ending, reason: str, now: datetime) -> None:
        tenant_id, message_id, _bound = due
        if ending is Ending.OPERATOR:
            LOG.error("message_not_deliverable", message_id=message_id, why=reason)
        command = CloseMessage(message_id=message_id, ending=ending, reason=reason, now=now)
        await self._send_command(tenant_id, command)
        await rearm(self._ports.read_store, MESSAGES, {due: None})

    async def _send_command(
        self, tenant_id: str, command: MessageCommand, trace: str | None = None
    ) -> None:
        context = by_the_clock(tenant_id, command.now, command.message_id, trace)
        await self._commands.handle(MESSAGE, command.message_id, command, context)


def _configured(channel_id: str, book: ChannelBook) -> ConfiguredChannel | None:
    return _CONFIGURED_INBOX if channel_id == INBOX else book.by_id.get(channel_id)
