"""At the end of each day of a live tenant everything open is scored, once (S2)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.scoring.domain.health_record import (
    HEALTH,
    EndHealth,
    HealthCommand,
    RecordHealth,
    Subject,
)
from services.scoring.domain.health_rules import RuleBook
from services.scoring.queries.health_scores import (
    Behaviour,
    Norms,
    goes_on,
    health_at,
    health_id,
    is_scored_at,
    norms_of,
    rule_book,
    scored_since,
    subject_of,
)
from services.scoring.queries.read_models import LOG_NAME, OPPORTUNITIES
from services.scoring.watch.timers import Due, due_rows, look_again
from shared.clock import milliseconds, moment
from shared.command_handling import CommandContext, Run, Step
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import NEVER
from shared.service import Runner

_NAME = "scoring.health"
_AT_ONCE = 500
_INSTANT = timedelta(milliseconds=1)
_DAYS_MADE_UP_FOR = 14
"""After a standstill: earlier days are not scored any more."""


class _Day(NamedTuple):
    """The end of a day in the tenant's zone, and the day."""

    ends: datetime
    zone: str

    @property
    def day(self) -> date:
        return (self.ends - _INSTANT).astimezone(ZoneInfo(self.zone)).date()

    def following(self) -> "_Day":
        return day_of(self.ends, self.zone)


def day_of(at: datetime, zone: str) -> _Day:
    """The day that `at` is in."""
    local = ZoneInfo(zone)
    tomorrow = at.astimezone(local).date() + timedelta(days=1)
    return _Day(datetime.combine(tomorrow, time.min, local).astimezone(at.tzinfo), zone)


class HealthWatch:
    """Of opportunities; of leads its runs go with those of their chance to convert."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if organisation.is_live:
                did = await self._score(organisation, now) or did
        return did

    async def _score(self, organisation: Organisation, clock: datetime) -> bool:
        tenant_id = organisation.tenant_id
        due = await due_rows(self._ports, OPPORTUNITIES, tenant_id, clock, _AT_ONCE)
        if not due:
            return False
        runs = await health_runs(self._ports, organisation, due, clock)
        await self._commands.handle_runs(HEALTH, runs)
        next_at = {each.key: next_look(each, organisation, clock) for each in due}
        await look_again(self._ports, OPPORTUNITIES, tenant_id, due, next_at, clock)
        return True


async def health_runs(
    ports: Ports, organisation: Organisation, due: Sequence[Due], clock: datetime
) -> list[Run]:
    """For each day that ended since a row was looked at, as it stood then; what is closed by now
    ends what was said."""
    runs = []
    judged: list[tuple[Behaviour, bool, list[_Day]]] = []
    for each in due:
        if each.row is not None:
            days = _days(each, organisation, clock)
            scored = [day for day in days if is_scored_at(each.row, day.ends)]
            judged.append((each.row, bool(each.watched_until), scored))
    ends = sorted({day.ends for _row, _looked_at, days in judged for day in days})
    norms = {each: await norms_of(ports, organisation, each) for each in ends}
    book = await rule_book(ports, organisation.tenant_id) if ends else RuleBook()
    for row, looked_at, days in judged:
        subject = subject_of(row, clock)
        commands: list[HealthCommand] = [_record(book, norms[day.ends], row, day) for day in days]
        if not goes_on(row) and (days or looked_at):
            commands.append(EndHealth(kind=subject.kind, subject_id=subject.subject_id, now=clock))
        if commands:
            runs.append(_run(ports, organisation, subject, commands))
    return runs


def _record(book: RuleBook, norms: Norms, row: Behaviour, day: _Day) -> RecordHealth:
    proposed, beside = book.proposed, None
    if proposed is not None:
        beside = (proposed.version, health_at(proposed, row, norms, day.ends).score)
    return RecordHealth(
        subject=subject_of(row, day.ends),
        health=health_at(book.in_force, row, norms, day.ends),
        rules_version=book.in_force.version,
        low_below=book.in_force.low_below,
        beside=beside,
        open_since=day_of(scored_since(row, day.ends), day.zone).day,
        day=day.day,
        now=day.ends,
    )


def _run(
    ports: Ports, organisation: Organisation, subject: Subject, commands: Sequence[HealthCommand]
) -> Run:
    tenant_id = organisation.tenant_id
    steps = []
    for command in commands:
        context = CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=command.now,
            correlation_id=str(ports.new_id()),
            caller=_NAME,
        )
        steps.append(Step(command, context, ports.new_id()))
    return Run(health_id(subject.kind, subject.subject_id), steps)


def _days(due: Due, organisation: Organisation, clock: datetime) -> list[_Day]:
    """Those over by the clock and not yet when it was last looked at, or the tenant went live."""
    live_at = organisation.live_at
    assert live_at is not None
    looked = moment(due.watched_until) - _INSTANT
    since = max(looked, live_at, clock - timedelta(days=_DAYS_MADE_UP_FOR))
    day = day_of(since, organisation.zone(clock))
    found = []
    while day.ends < clock:
        found.append(day)
        day = day.following()
    return found


def next_look(due: Due, organisation: Organisation, clock: datetime) -> int:
    """The end of the day that runs; never for what is not scored until it changes."""
    if due.row is None or not goes_on(due.row):
        return NEVER
    return milliseconds(day_of(clock - _INSTANT, organisation.zone(clock)).ends)


def runner(ports: Ports) -> Runner:
    return Runner(name=_NAME, step=HealthWatch(ports).step)
