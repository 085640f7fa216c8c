"""What is pending for one person becomes one message or a digest, at its time (N4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notifications.channels.table import CHANNELS, ROBOT
from services.notifications.domain.channel_book import ChannelBook
from services.notifications.domain.escalation import (
    ESCALATION,
    Course,
    Escalation,
    Open,
    Snoozed,
)
from services.notifications.domain.grouping import Letter, Notice, letters
from services.notifications.domain.message import MESSAGE
from services.notifications.domain.message_commands import (
    QueueMessage,
)
from services.notifications.domain.message_list import INBOX
from services.notifications.domain.steps import may_disturb_from, quiet_hours_of
from services.notifications.queries.matters import Matters
from services.notifications.queries.pending_notices import OUT, PENDING_NOTICES
from services.notifications.queries.read_models import LOG_NAME, by_the_clock
from services.notifications.queries.ready_notices import (
    PendingNotice,
    Recipient,
    Settled,
    last_letters,
    notices_for,
    ready_recipients,
    settle,
)
from services.notifications.queries.tenant_choices import TenantChoices
from shared.command_handling import CommandHandling, Run, Step, derived_id
from shared.envelope import stream_name
from shared.organisation import Organisation
from shared.own_writes import OwnWrites
from shared.ports import Ports
from shared.stored_states import stored_states
from shared.tracing import contexts_of_streams

_RECIPIENTS_AT_ONCE = 200
_NO_CHANNEL_BYTES = 20_000
_ROBOTS = frozenset(channel.kind for channel in CHANNELS.values() if channel.is_group_robot)

Escalations = Mapping[str, tuple[int, Escalation]]
"""Version and state by stream."""


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
        self._told = OwnWrites(ports, LOG_NAME, PENDING_NOTICES.name)
        self._last: Mapping[Recipient, int] = {}

    async def step(self, now: datetime) -> bool:
        """The letters to all who have something ready, with one commit. What is pending shows
        every letter written before: told together with something new it would be another one."""
        ports = self._ports
        if not await self._told.are_shown():
            return False
        recipients = await ready_recipients(ports.read_store, now, _RECIPIENTS_AT_ONCE)
        pending = await notices_for(ports.read_store, recipients)
        streams = {
            _stream(recipient, notice)
            for recipient, notices in pending.items()
            for notice in notices
        }
        escalations = await stored_states(ports, ESCALATION, streams)
        self._last = await last_letters(ports.read_store, recipients)
        runs: list[Sequence[Run]] = []
        settled: list[Settled] = []
        for recipient in recipients:
            to_one, what_became = await self._written(
                recipient, pending[recipient], escalations, now
            )
            runs.append(to_one)
            settled.append(what_became)
        await self._queue(runs)
        await settle(ports.read_store, settled)
        return bool(recipients)

    async def _queue(self, waiting: Sequence[Sequence[Run]]) -> None:
        """The first letter to everybody with one commit, then the second ones, and so on. Where
        another process, that was doing the same, has just written the one of this number, the rest
        has to be thought over: what it told must not be told again."""
        while waiting := [letters for letters in waiting if letters]:
            self._told.wrote()
            first = await self._traced([letters[0] for letters in waiting])
            outcomes = await self._commands.handle_runs(MESSAGE, first)
            waiting = [
                letters[1:]
                for letters, refused in zip(waiting, outcomes, strict=True)
                if not any(refused)
            ]

    async def _traced(self, runs: Sequence[Run]) -> list[Run]:
        """A letter goes on with the trace of the first escalation that it tells of."""
        told = [_first_told(run) for run in runs]
        traces = await contexts_of_streams(self._ports.event_store, filter(None, told))
        return [
            _in_trace(run, traces[stream]) if stream in traces else run
            for run, stream in zip(runs, told, strict=True)
        ]

    async def _written(
        self,
        recipient: Recipient,
        pending: Sequence[PendingNotice],
        escalations: Escalations,
        now: datetime,
    ) -> tuple[list[Run], Settled]:
        """Once one notice is ready, whatever else is pending goes along, unless it is quiet."""
        organisation = await self._ports.organisations.of(recipient.tenant_id)
        standing = _standing(recipient, pending, escalations, organisation.zone(now), now)
        kept = {each.notice for each in standing}
        gone = [notice for notice in pending if notice not in kept]
        runs: list[Run] = []
        waiting = standing
        if any(each.ready_at <= now for each in standing):
            waiting = [each for each in standing if each.is_quiet]
            told_now = [each for each in standing if not each.is_quiet]
            runs, unreachable = await self._letters(recipient, told_now, organisation, now)
            gone += unreachable
        return runs, Settled(recipient, gone, [(each.notice, each.ready_at) for each in waiting])

    async def _letters(
        self,
        recipient: Recipient,
        standing: Sequence[Standing],
        organisation: Organisation,
        now: datetime,
    ) -> tuple[list[Run], list[PendingNotice]]:
        """Letters to queue, and what no channel reaches and the inbox holds anyway."""
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
        runs = [
            self._queuing(recipient, number, letter, by_escalation, now)
            for number, letter in enumerate(
                letters(notices, body_limit(notices, book)), self._last[recipient] + 1
            )
        ]
        return runs, unreachable

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

    def _queuing(
        self,
        recipient: Recipient,
        number: int,
        letter: Letter,
        by_escalation: dict[str, Standing],
        now: datetime,
    ) -> Run:
        """The id follows from the number: of two processes that write at the same time, one finds
        it taken."""
        held = [by_escalation[escalation_id] for escalation_id in letter.escalation_ids]
        message_id = str(derived_id(*recipient, "letter", number))
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
            step_versions=tuple(each.notice.version for each in held),
            letter=number,
            quiet_hours=(
                quiet_hours_of(each.course.opened.policy for each in held)
                if recipient.way == OUT
                else ()
            ),
        )
        context = by_the_clock(recipient.tenant_id, now, message_id)
        return Run(message_id, [Step(command, context, self._ports.new_id())])


def _first_told(run: Run) -> str:
    """The stream of its first escalation; "" for a letter of none."""
    [step] = run.steps
    for escalation_id in step.command.escalation_ids:
        return stream_name(step.context.tenant_id, ESCALATION.name, escalation_id)
    return ""


def _in_trace(run: Run, trace: str) -> Run:
    [step] = run.steps
    return Run(
        run.aggregate_id, [step._replace(context=replace(step.context, trace_context=trace))]
    )


def _stream(recipient: Recipient, notice: PendingNotice) -> str:
    return stream_name(recipient.tenant_id, ESCALATION.name, notice.escalation_id)


def _standing(
    recipient: Recipient,
    pending: Sequence[PendingNotice],
    escalations: Escalations,
    zone: str,
    now: datetime,
) -> list[Standing]:
    """Without those that were acknowledged or resolved before anybody could be told."""
    found = []
    for notice in pending:
        _version, escalation = escalations[_stream(recipient, notice)]
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


def reached_by(
    recipient: Recipient,
    wanted: Sequence[str],
    book: ChannelBook,
    organisation: Organisation,
) -> tuple[str, ...]:
    """The configured channels for what the policy names, in its order (N5); without those for
    which the person has no address."""
    if recipient.way == INBOX:
        return (INBOX,)
    unit_id = organisation.unit_of(recipient.person_id)
    path = organisation.unit_path(unit_id) if unit_id and organisation.knows_unit(unit_id) else ()
    found: dict[str, None] = {}
    for name in wanted:
        kinds = _ROBOTS if name == ROBOT else frozenset({name})
        found.update(dict.fromkeys(book.on_path(path, kinds)))
    person = organisation.people.get(recipient.person_id)
    addresses = person.addresses if person else {}
    reached_by_kind = {kind for kind, address in addresses.items() if isinstance(address, str)}
    return tuple(
        each
        for each in found
        for kind in [book.by_id[each].kind]
        if kind in reached_by_kind or not CHANNELS[kind].needs_address
    )


def body_limit(notices: Sequence[Notice], book: ChannelBook) -> int:
    """The narrowest of the channels that the letters may take, so that every one can hold them."""
    kinds = {
        INBOX if channel == INBOX else book.by_id[channel].kind
        for notice in notices
        for channel in notice.channels
    }
    return min((CHANNELS[kind].body_limit_bytes for kind in kinds), default=_NO_CHANNEL_BYTES)
