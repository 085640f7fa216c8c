"""Doubts about how records were entered: in bursts, from a template, at the month's end, after a
gap (S4). All are given the records of one rep."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.scoring.domain.action_record import ActionRecord
from services.scoring.domain.doubt import (
    ENTRY_BURST,
    GAP,
    MONTH_END,
    TEMPLATE,
    Doubt,
    DoubtLimits,
    doubt_of,
    proof_line,
)
from shared.business_time import BusinessCalendar
from shared.events.scoring import CaseFact

Facts = Mapping[str, CaseFact]

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def entry_bursts(records: Sequence[ActionRecord], limits: DoubtLimits) -> list[Doubt]:
    """At least five recorded within ten minutes, each a day or more after it happened."""
    late = sorted(
        (each for each in records if _late_hours(each) >= limits.burst_late_hours),
        key=lambda each: (each.recorded_at, each.action_id),
    )
    within = timedelta(minutes=limits.burst_minutes)
    in_burst: set[str] = set()
    for first, last in zip(late, late[limits.burst_actions - 1 :], strict=False):
        if last.recorded_at - first.recorded_at <= within:
            start = late.index(first)
            burst = late[start : start + limits.burst_actions]
            in_burst |= {each.action_id for each in burst}
    doubts = []
    for together in _runs([each for each in late if each.action_id in in_burst], within):
        proof = [proof_line(each, late_hours=round(_late_hours(each), 1)) for each in together]
        span = together[-1].recorded_at - together[0].recorded_at
        facts = {"actions": len(together), "minutes": round(span / timedelta(minutes=1), 1)}
        doubts.append(doubt_of(ENTRY_BURST, together, facts, proof=proof))
    return doubts


def _runs(entered: Sequence[ActionRecord], within: timedelta) -> list[list[ActionRecord]]:
    """Those that follow one another within that time."""
    runs: list[list[ActionRecord]] = []
    for each in entered:
        if runs and each.recorded_at - runs[-1][-1].recorded_at <= within:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _late_hours(record: ActionRecord) -> float:
    return (record.recorded_at - record.happened_at) / _HOUR


def templates(
    records: Sequence[ActionRecord], summaries: Mapping[str, str], limits: DoubtLimits
) -> list[Doubt]:
    """At least five of the last twenty summaries alike. `summaries` by action, of some records."""
    said = sorted(
        (each for each in records if summaries.get(each.action_id)),
        key=lambda each: (each.recorded_at, each.action_id),
    )
    tokens = {each.action_id: _tokens(summaries[each.action_id]) for each in said}
    doubts: list[Doubt] = []
    for end in range(len(said)):
        last = said[end]
        window = said[max(0, end + 1 - limits.template_of_last) : end + 1]
        similar = {
            each.action_id: _similarity(tokens[each.action_id], tokens[last.action_id])
            for each in window
        }
        alike = [e for e in window if similar[e.action_id] >= limits.template_similarity]
        if len(alike) >= limits.template_actions:
            proof = [proof_line(e, similarity=round(similar[e.action_id], 3)) for e in alike]
            facts = {"actions": len(alike), "of_last": len(window)}
            doubts.append(doubt_of(TEMPLATE, alike, facts, proof=proof))
    return doubts


def _tokens(text: str) -> Counter[str]:
    """Words of alphabets, single characters of scripts without spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(
        f" {each} " if ord(each) >= 0x2E80 else (each if each.isalnum() else " ") for each in folded
    )
    return Counter(word for word in spaced.split() if word.isalnum())


def _similarity(ours: Counter[str], theirs: Counter[str]) -> float:
    """0 to 1: twice the tokens in common ÷ all tokens of both."""
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 0.0


def month_ends(
    records: Sequence[ActionRecord], zone: str, month: date, limits: DoubtLimits
) -> list[Doubt]:
    """Of a month that is over, by kind: at least ten actions, more than half of them within four
    days in a row after the 20th. `month`: any day of it."""
    kinds: dict[str, list[tuple[date, ActionRecord]]] = {}
    for each in records:
        day = _day_of(each.happened_at, zone)
        if each.is_valid and (day.year, day.month) == (month.year, month.month):
            kinds.setdefault(each.type, []).append((day, each))
    doubts = []
    for kind, found in sorted(kinds.items()):
        if len(found) < limits.month_end_actions:
            continue
        fullest = _fullest_days(found, limits)
        if 2 * len(fullest) > len(found):
            share = round(len(fullest) / len(found), 3)
            facts: Facts = {"kind": kind, "month": f"{month:%Y-%m}", "actions": len(found)}
            together: Facts = {"together": len(fullest), "share": share}
            doubts.append(doubt_of(MONTH_END, fullest, {**facts, **together}))
    return doubts


def _fullest_days(
    found: Sequence[tuple[date, ActionRecord]], limits: DoubtLimits
) -> list[ActionRecord]:
    fullest: list[ActionRecord] = []
    for first in range(limits.month_end_after_day + 1, 32):
        days = range(first, first + limits.month_end_days)
        within = [each for day, each in found if day.day in days]
        fullest = within if len(within) > len(fullest) else fullest
    return fullest


def gaps(
    records: Sequence[ActionRecord],
    golden: Sequence[str],
    days: Sequence[date],
    calendar: BusinessCalendar,
    limits: DoubtLimits,
) -> list[Doubt]:
    """A golden action that rested for seven working days, and then on one of `days` was done as
    often as in a mean week of the eight weeks before that day, and three times at least: what is
    rare reaches its mean each time (ADR 0022)."""
    doubts = []
    for kind in golden:
        by_day: dict[date, list[ActionRecord]] = {}
        for each in records:
            if each.type == kind and each.is_valid:
                by_day.setdefault(calendar.day_of(each.happened_at), []).append(each)
        for day in days:
            made_up = by_day.get(day, [])
            begins = day - timedelta(weeks=limits.gap_weeks)
            before = [other for other in by_day if begins <= other < day]
            weekly = sum(len(by_day[other]) for other in before) / limits.gap_weeks
            rested = _working_days_between(max(before), day, calendar) if before else 0
            is_much = len(made_up) >= max(weekly, limits.gap_least_actions)
            if before and is_much and rested >= limits.gap_working_days:
                facts: Facts = {"kind": kind, "day": day.isoformat(), "actions": len(made_up)}
                measured: Facts = {"weekly_mean": round(weekly, 2), "rested_working_days": rested}
                doubts.append(doubt_of(GAP, made_up, {**facts, **measured}))
    return doubts


def _working_days_between(first: date, last: date, calendar: BusinessCalendar) -> int:
    """Strictly between the two."""
    between = (first + _DAY * number for number in range(1, (last - first).days))
    return sum(calendar.is_working_day(each) for each in between)


def _day_of(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
