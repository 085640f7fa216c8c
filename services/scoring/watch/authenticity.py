"""New and changed records are judged by the six rules; each doubt becomes a case, once (S4)."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.scoring.domain.action_record import ActionRecord
from services.scoring.domain.authenticity_cases import AUTHENTICITY_CASES, OpenCase, stream_of
from services.scoring.domain.doubt import Doubt, DoubtLimits
from services.scoring.domain.doubted_entries import entry_bursts, gaps, month_ends, templates
from services.scoring.domain.doubted_facts import broken_dates, places_and_times
from services.scoring.domain.evidence_uses import reused
from services.scoring.domain.rule_precision import Precision
from services.scoring.queries.doubts import (
    by_rep,
    doubt_limits,
    last_with_summary,
    precisions,
    records_named,
    records_of,
    summaries_of,
)
from services.scoring.queries.read_models import ACTIONS, EVIDENCE, LOG_NAME, Process, process_of
from services.scoring.watch.timers import Due, due_rows, look_again
from shared.business_time import BusinessCalendar
from shared.clock import milliseconds
from shared.command_handling import CommandContext, Run, Step, derived_id
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import NEVER
from shared.service import Runner

_NAME = "scoring.authenticity"
_NAME_OF_EVIDENCE = "scoring.evidence"
_AT_ONCE = 500
_LOOKED_BACK = timedelta(weeks=8, days=31)
"""As far as any rule: eight weeks before a day, and the month that a record is in."""


class _Judging(NamedTuple):
    limits: DoubtLimits
    calendar: BusinessCalendar
    zone: str
    process: Process


class AuthenticityWatch:
    """Of live tenants only: what was imported nobody entered."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if organisation.is_live:
                did = await self._judge(organisation, now) or did
        return did

    async def _judge(self, organisation: Organisation, clock: datetime) -> bool:
        tenant_id = organisation.tenant_id
        due = await due_rows(self._ports, ACTIONS, tenant_id, clock, _AT_ONCE)
        if not due:
            return False
        judging = _Judging(
            doubt_limits(organisation, clock),
            organisation.calendar(clock),
            organisation.zone(clock),
            await process_of(self._ports, tenant_id),
        )
        doubts: list[Doubt] = []
        new = {each.key for each in due if each.is_new}
        for of_rep in by_rep([each.row for each in due if each.row is not None]).values():
            doubts += await self._doubts(tenant_id, of_rep, new, judging, clock)
        await open_cases(self._ports, tenant_id, doubts, clock)
        next_at = {each.key: _next_at(each, judging.zone, clock) for each in due}
        await look_again(self._ports, ACTIONS, tenant_id, due, next_at, clock)
        return True

    async def _doubts(
        self,
        tenant_id: str,
        due: Sequence[ActionRecord],
        is_new: Container[str],
        judging: _Judging,
        clock: datetime,
    ) -> list[Doubt]:
        """Those that have to do with the due records of one rep; where none of them is new, their
        month alone is judged, which is over now."""
        limits, calendar, zone, process = judging
        earliest = min(each.happened_at for each in due)
        known = await records_of(self._ports, tenant_id, due[0].rep_id, earliest - _LOOKED_BACK)
        found: list[Doubt] = []
        new = [each for each in due if each.action_id in is_new]
        if new:
            days = sorted({calendar.day_of(each.happened_at) for each in new})
            found += [
                *entry_bursts(known, limits),
                *gaps(known, process.golden, days, calendar, limits),
                *places_and_times(known, {}, limits),
                *broken_dates(known, process.date_rules, zone),
                *await self._alike(tenant_id, new, limits),
            ]
        for month in sorted({calendar.day_of(each.happened_at).replace(day=1) for each in due}):
            if clock > _month_over(month, zone):
                found += month_ends(known, zone, month, limits)
        ids = {each.action_id for each in due}
        return [doubt for doubt in found if not ids.isdisjoint(doubt.doubted)]

    async def _alike(
        self, tenant_id: str, new: Sequence[ActionRecord], limits: DoubtLimits
    ) -> list[Doubt]:
        saying = [each for each in new if each.summary_event_id is not None]
        if not saying:
            return []
        until = max(each.recorded_at for each in saying)
        count = limits.template_of_last + len(saying)
        last = await last_with_summary(self._ports, tenant_id, saying[0].rep_id, until, count)
        return templates(last, await summaries_of(self._ports, last), limits)


class EvidenceWatch:
    """A photo or recording that proves several actions is doubted for all but the first."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if organisation.is_live:
                did = await self._judge(organisation, now) or did
        return did

    async def _judge(self, organisation: Organisation, clock: datetime) -> bool:
        tenant_id = organisation.tenant_id
        due = await due_rows(self._ports, EVIDENCE, tenant_id, clock, _AT_ONCE)
        if not due:
            return False
        uses = [found for each in due if each.row and (found := reused(each.row)) is not None]
        named = {action_id for first, others in uses for action_id in (first, *others)}
        records = await records_named(self._ports, tenant_id, named)
        doubts: list[Doubt] = []
        for first, others in uses:
            again = {each: records[first] for each in others if {each, first} <= records.keys()}
            doubted = [records[action_id] for action_id in again]
            for of_rep in by_rep(doubted).values():
                doubts += places_and_times(of_rep, again, doubt_limits(organisation, clock))
        await open_cases(self._ports, tenant_id, doubts, clock)
        await look_again(
            self._ports, EVIDENCE, tenant_id, due, {each.key: NEVER for each in due}, clock
        )
        return True


async def open_cases(
    ports: Ports, tenant_id: str, doubts: Iterable[Doubt], clock: datetime
) -> None:
    """A record stands in one case of a rule as long as nothing else speaks against it; said again,
    nothing happens."""
    precision: Mapping[str, Precision] | None = None
    steps: dict[str, list[Step]] = {}
    for doubt in doubts:
        if precision is None:
            precision = await precisions(ports, tenant_id)
        what = (doubt.rule, doubt.rep_id, doubt.doubted[-1], *sorted(doubt.kinds))
        case_id = derived_id(_NAME, tenant_id, *what)
        command = OpenCase(
            case_id=str(case_id),
            doubt=doubt,
            only_marks=precision.get(doubt.rule, Precision()).only_marks,
            now=clock,
        )
        context = CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=clock,
            correlation_id=str(ports.new_id()),
            caller=_NAME,
        )
        where = stream_of(doubt.rule, doubt.rep_id)
        steps.setdefault(where, []).append(Step(command, context, case_id))
    runs = [Run(where, of_stream) for where, of_stream in steps.items()]
    if runs:
        await ports.commands(LOG_NAME).handle_runs(AUTHENTICITY_CASES, runs)


def _next_at(due: Due, zone: str, clock: datetime) -> int:
    """Once more when the month of the record is over."""
    if due.row is None:
        return NEVER
    over = _month_over(due.row.happened_at.astimezone(ZoneInfo(zone)).date(), zone)
    return milliseconds(over) if clock <= over else NEVER


def _month_over(day: date, zone: str) -> datetime:
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return datetime.combine(following, time.min, ZoneInfo(zone))


def runners(ports: Ports) -> tuple[Runner, ...]:
    return (
        Runner(name=_NAME, step=AuthenticityWatch(ports).step),
        Runner(name=_NAME_OF_EVIDENCE, step=EvidenceWatch(ports).step),
    )
