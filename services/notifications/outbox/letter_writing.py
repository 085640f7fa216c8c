"""What is pending for one person becomes one message or a digest, at its time (N4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notifications.channels.table import CHANNELS, ROBOT
from services.notifications.domain.channel_book import ChannelBook
from services.notifications.domain.escalation import (
    ESCALATION,
    Course,
    Open,
    Snoozed,
)
from services.notifications.domain.grouping import Letter, Notice, letters
from services.notifications.domain.message import MESSAGE
from services.notifications.domain.message_commands import (
    QueueMessage,
)
from services.notifications.domain.message_list import INBOX
from services.notifications.domain.steps import may_disturb_from
from services.notifications.queries.matters import Matters
from services.notifications.queries.pending_notices import (
    OUT,
    PendingNotice,
    Recipient,
    notices_for,
    ready_recipients,
    settle,
)
from services.notifications.queries.read_models import by_the_clock
from services.notifications.queries.tenant_choices import TenantChoices
from shared.command_handling import CommandHandling, derived_id
from shared.envelope import stream_name
from shared.organisation import Organisation
from shared.ports import Ports

_RECIPIENTS_AT_ONCE = 200
_NO_CHANNEL_BYTES = 20_000
_ROBOTS = frozenset(channel.kind for channel in CHANNELS.values() if channel.is_group_robot)


class Standing(NamedTuple):
    """A notice whose escalation still waits for somebody, and when it may be told.

    `is_quiet`: it is night for its policy, which disturbs nobody then.
    """

    notice: PendingNotice
    course: Course
    ready_at: datetime
    is_quiet: bool


class LetterWriting:
    def __init__(
        self, ports: Ports, commands: CommandHandling, choices: TenantChoices, matters: Matters
    ) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices
        self._matters = matters

    async def step(self, now: datetime) -> bool:
        reads = self._ports.read_store
        recipients = await ready_recipients(reads, now, _RECIPIENTS_AT_ONCE)
        for recipient in recipients:
            await self._write_to(recipient, now)
        return bool(recipients)

    async def _write_to(self, recipient: Recipient, now: datetime) -> None:
        """Once one notice is ready, whatever else is pending goes along, unless it is quiet."""
        organisation = await self._ports.organisations.of(recipient.tenant_id)
        pending = await notices_for(self._ports.read_store, recipient)
        standing = await self._standing(recipient, pending, organisation, now)
        kept = {each.notice for each in standing}
        gone = [notice for notice in pending if notice not in kept]
        waiting = standing
        if any(each.ready_at <= now for each in standing):
            waiting = [each for each in standing if each.is_quiet]
            told_now = [each for each in standing if not each.is_quiet]
            gone += await self._queue(recipient, told_now, organisation, now)
        await settle(
            self._ports.read_store,
            recipient,
            gone,
            [(each.notice, each.ready_at) for each in waiting],
        )

    async def _standing(
        self,
        recipient: Recipient,
        pending: Sequence[PendingNotice],
        organisation: Organisation,
        now: datetime,
    ) -> list[Standing]:
        """Without those that were acknowledged or resolved before anybody could be told."""
        zone = organisation.zone(now)
        found = []
        for notice in pending:
            stream = stream_name(recipient.tenant_id, ESCALATION.name, notice.escalation_id)
            _version, escalation = await self._commands.load(ESCALATION, stream, fresh=True)
            if not isinstance(escalation, Open | Snoozed):
                continue
            policy = escalation.course.opened.policy
            ready_at = notice.reached_at + timedelta(seconds=policy.group_seconds)
            is_quiet = False
            if recipient.way == OUT:
                is_quiet = may_disturb_from(policy, now, zone) > now
                ready_at = may_disturb_from(policy, max(ready_at, now), zone)
            found.append(Standing(notice, escalation.course, ready_at, is_quiet))
        return found

    async def _queue(
        self,
        recipient: Recipient,
        standing: Sequence[Standing],
        organisation: Organisation,
        now: datetime,
    ) -> list[PendingNotice]:
        """Queue these; returns what no channel reaches and the inbox holds anyway."""
        language = await self._matters.language_of(recipient.tenant_id, recipient.person_id)
        book = await self._choices.channel_book(recipient.tenant_id)
        by_escalation: dict[str, Standing] = {}
        notices: list[Notice] = []
        unreachable: list[PendingNotice] = []
        for each in standing:
            channels = reached_by(recipient, each.notice.channels, book, organisation)
            if not channels and each.notice.beside_inbox:
                unreachable.append(each.notice)
                continue
            by_escalation[each.notice.escalation_id] = each
            notices.append(await self._notice(recipient, each, channels, language, now))
        for letter in letters(notices, body_limit(notices, book)):
            await self._queue_letter(recipient, letter, by_escalation, now)
        return unreachable

    async def _notice(
        self,
        recipient: Recipient,
        standing: Standing,
        channels: tuple[str, ...],
        language: str,
        now: datetime,
    ) -> Notice:
        opened = standing.course.opened
        words = await self._matters.said(recipient.tenant_id, opened, language, now)
        return Notice(
            escalation_id=opened.escalation_id,
            person_id=recipient.person_id,
            channels=channels,
            language=language,
            urgency=standing.notice.level,
            due_at=opened.due_at,
            title=words.title,
            line=words.line,
            going_live=opened.digest,
        )

    async def _queue_letter(
        self,
        recipient: Recipient,
        letter: Letter,
        by_escalation: dict[str, Standing],
        now: datetime,
    ) -> None:
        held = [by_escalation[escalation_id] for escalation_id in letter.escalation_ids]
        told = (f"{e.notice.escalation_id}:{e.notice.level}:{e.notice.reached_at}" for e in held)
        message_id = str(derived_id(*recipient, *told))
        lasts = max(each.course.opened.policy.expires_seconds for each in held)
        command = QueueMessage(
            message_id=message_id,
            person_id=letter.person_id,
            subject=f"person/{letter.person_id}",
            channels=letter.channels,
            escalation_ids=letter.escalation_ids,
            language=letter.language,
            title=letter.title,
            body=letter.body,
            urgency=letter.urgency,
            not_before=now,
            expires_at=now + timedelta(seconds=lasts),
            now=now,
        )
        context = by_the_clock(recipient.tenant_id, now, message_id)
        await self._commands.handle(MESSAGE, message_id, command, context)


def reached_by(
    recipient: Recipient,
    wanted: Sequence[str],
    book: ChannelBook,
    organisation: Organisation,
) -> tuple[str, ...]:
    """The configured channels for what the policy names, in its order (N5)."""
    if recipient.way == INBOX:
        return (INBOX,)
    unit_id = organisation.unit_of(recipient.person_id)
    path = organisation.unit_path(unit_id) if unit_id and organisation.knows_unit(unit_id) else ()
    found: dict[str, None] = {}
    for name in wanted:
        kinds = _ROBOTS if name == ROBOT else frozenset({name})
        found.update(dict.fromkeys(book.on_path(path, kinds)))
    return tuple(found)


def body_limit(notices: Sequence[Notice], book: ChannelBook) -> int:
    """The narrowest of the channels that the letters may take, so that every one can hold them."""
    kinds = {
        INBOX if channel == INBOX else book.by_id[channel].kind
        for notice in notices
        for channel in notice.channels
    }
    return min((CHANNELS[kind].body_limit_bytes for kind in kinds), default=_NO_CHANNEL_BYTES)
