"""Messages delivered attempt by attempt: intent stored, request sent, end stored (N5)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from services.notifications.channels.channel import Address, Outgoing
from services.notifications.channels.table import CHANNELS
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
from services.notifications.domain.throttle import MayLeave, MustWait, admission, longest_window
from services.notifications.outbox.inbox_delivery import InboxDelivery, nobody_waits_for
from services.notifications.outbox.links import Links
from services.notifications.queries.attempts import held_until, sent_since
from services.notifications.queries.messages import shown
from services.notifications.queries.read_models import (
    MESSAGES,
    Due,
    by_the_clock,
    due_keys,
    rearm,
)
from services.notifications.queries.stored_states import stored_states
from services.notifications.queries.tenant_choices import TenantChoices
from shared.clock import to_milliseconds
from shared.command_handling import CommandHandling
from shared.envelope import stream_name
from shared.ports import Ports

LOG = structlog.get_logger(__name__)

_SLOW = timedelta(seconds=2)
_CONFIGURED_INBOX = ConfiguredChannel(
    channel_id=INBOX, kind=INBOX, unit_id="", url=None, secret=None
)


@dataclass(slots=True)
class SentByUs:
    """What a robot's limits are reckoned from."""

    sent_at: list[datetime]
    held_until: datetime | None


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
        self._links = links
        self._at_once = at_once
        self._inbox = InboxDelivery(ports, commands)
        self._records: dict[tuple[str, str], SentByUs] = {}

    async def step(self, now: datetime) -> bool:
        """What goes by different channels goes side by side; a channel takes one at a time, the
        inbox all of them."""
        ports = self._ports
        due = await due_keys(ports, MESSAGES, now, self._at_once)
        streams = {each: stream_name(each[0], MESSAGE.name, each[1]) for each in due}
        found = await stored_states(ports, MESSAGE, streams.values())
        resting: dict[Due, datetime | None] = {}
        inboxes: dict[str, dict[Due, Waiting]] = {}
        lanes: dict[tuple[str, str], list[Due]] = {}
        for each in due:
            _version, message = found[streams[each]]
            plan = next_attempt(message, now)
            if isinstance(plan, AllDone) or (isinstance(plan, Wait) and plan.until is not None):
                resting[each] = next_look(message, now)
            elif isinstance(plan, Try) and plan.channel == INBOX and isinstance(message, Waiting):
                inboxes.setdefault(each[0], {})[each] = message
            else:
                lane = (each[0], plan.channel if isinstance(plan, Try) else "")
                lanes.setdefault(lane, []).append(each)
        await asyncio.gather(
            rearm(ports.read_store, MESSAGES, resting),
            *(self._inbox.deliver(tenant_id, to_it, now) for tenant_id, to_it in inboxes.items()),
            *(self._work_off(lane, now) for lane in lanes.values()),
        )
        return bool(due)

    async def _work_off(self, lane: Sequence[Due], now: datetime) -> None:
        """Stops at a channel that does not answer: the others of its lane come again later."""
        for due in lane:
            before = self._ports.clock()
            await self._look_at(due, max(now, before))
            if self._ports.clock() - before > _SLOW:
                return

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
        plan = next_attempt(message, now)
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
        if configured is not None:
            decision = await self._admission(tenant_id, configured, now)
            if isinstance(decision, MustWait):
                await rearm(self._ports.read_store, MESSAGES, {due: decision.until})
                return
        start = StartAttempt(message_id=message_id, channel=plan.channel, now=now)
        try:
            await self._send_command(tenant_id, start)
        except (AttemptIsUnderWay, MessageIsClosed):
            return
        record = self._records.get((tenant_id, plan.channel))
        if record is not None:
            record.sent_at.append(now)
        end = await self._attempt(tenant_id, message, plan, configured, now)
        await self._send_command(tenant_id, end)
        if record is not None and end.retry_at is not None:
            record.held_until = end.retry_at
        await self._plan_on(due, end.now)

    async def _plan_on(self, due: Due, now: datetime) -> None:
        until = next_look(await self._message(due), now)
        await rearm(self._ports.read_store, MESSAGES, {due: until})

    async def _attempt(
        self,
        tenant_id: str,
        message: Waiting,
        plan: Try,
        configured: ConfiguredChannel | None,
        now: datetime,
    ) -> EndAttempt:
        queued = message.queued
        if configured is None or configured.kind not in CHANNELS:
            return EndAttempt(
                message_id=queued.message_id,
                attempt=plan.attempt,
                outcome=Outcome.REFUSED,
                detail="channel-was-removed",
                now=now,
            )
        channel = CHANNELS[configured.kind]
        title, body = await shown(self._ports, tenant_id, queued.message_id)
        outgoing = Outgoing(
            message_id=queued.message_id,
            language=queued.language,
            title=title,
            body=body,
            link=await self._links.link(tenant_id, queued, channel.is_group_robot, now),
            escalation_ids=queued.escalation_ids,
            may_be_repeat=plan.may_be_repeat,
            sent_at=now,
        )
        address = await self._address(tenant_id, configured, queued.person_id)
        report = await channel.send(outgoing, address, self._ports.outbound)
        ended_at = max(now, to_milliseconds(self._ports.clock()))
        retry_after = report.retry_after_seconds
        if report.outcome is not Outcome.ACCEPTED:
            LOG.warning(
                "attempt_in_vain",
                channel=configured.channel_id,
                outcome=report.outcome.value,
                why=report.detail,
            )
        return EndAttempt(
            message_id=queued.message_id,
            attempt=plan.attempt,
            outcome=report.outcome,
            detail=report.detail,
            now=ended_at,
            retry_at=None if retry_after is None else ended_at + timedelta(seconds=retry_after),
        )

    async def _admission(
        self, tenant_id: str, configured: ConfiguredChannel, now: datetime
    ) -> MayLeave | MustWait:
        limits = CHANNELS[configured.kind].limits if configured.kind in CHANNELS else ()
        if not limits:
            return MayLeave()
        record = await self._record(tenant_id, configured.channel_id, longest_window(limits), now)
        return admission(limits, record.sent_at, record.held_until, now)

    async def _record(
        self, tenant_id: str, channel_id: str, window: timedelta, now: datetime
    ) -> "SentByUs":
        """What left lately: after a start as the log has it, then as this process goes on."""
        record = self._records.get((tenant_id, channel_id))
        if record is None:
            reads = self._ports.read_store
            sent_at = await sent_since(reads, tenant_id, channel_id, now - window)
            held = await held_until(reads, tenant_id, channel_id, now)
            record = self._records[tenant_id, channel_id] = SentByUs(sent_at, held)
        record.sent_at = [at for at in record.sent_at if at > now - window]
        return record

    async def _address(
        self, tenant_id: str, configured: ConfiguredChannel, person_id: str | None
    ) -> Address:
        """A robot mentions the person by the id kept for its kind; a webhook names who is told."""
        people = (await self._ports.organisations.of(tenant_id)).people
        person = people.get(person_id or "")
        mention = person.addresses.get(configured.kind) if person else None
        if not CHANNELS[configured.kind].is_group_robot:
            mention = person_id
        return Address(
            url=configured.url if isinstance(configured.url, str) else "",
            secret=configured.secret if isinstance(configured.secret, str) else "",
            mention=mention if isinstance(mention, str) else None,
        )

    async def _close(self, due: Due, ending: Ending, reason: str, now: datetime) -> None:
        tenant_id, message_id, _bound = due
        if ending is Ending.OPERATOR:
            LOG.error("message_not_deliverable", message_id=message_id, why=reason)
        command = CloseMessage(message_id=message_id, ending=ending, reason=reason, now=now)
        await self._send_command(tenant_id, command)
        await rearm(self._ports.read_store, MESSAGES, {due: None})

    async def _send_command(self, tenant_id: str, command: MessageCommand) -> None:
        context = by_the_clock(tenant_id, command.now, command.message_id)
        await self._commands.handle(MESSAGE, command.message_id, command, context)


def _configured(channel_id: str, book: ChannelBook) -> ConfiguredChannel | None:
    return _CONFIGURED_INBOX if channel_id == INBOX else book.by_id.get(channel_id)
