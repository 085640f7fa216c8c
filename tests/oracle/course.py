"""Funnels and breakpoints of a log, asked of each case in turn; the other calculation again."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from tests.oracle.case import Case
from tests.oracle.reading import HOUR, Reading


@dataclass(slots=True)
class FunnelStep:
    """Case ids by what became of them, and the hours of those that got through."""

    reached: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    hours: list[float] = field(default_factory=list)

    def shown(self) -> dict[str, float | int | None]:
        entered = len(self.reached) + len(self.pending) + len(self.dropped)
        return {
            "entered": entered,
            "reached": len(self.reached),
            "pending": len(self.pending),
            "dropped": len(self.dropped),
            "conversion": len(self.reached) / entered if entered else None,
            "drop_out": len(self.dropped) / entered if entered else None,
            "median_hours": median(self.hours) if self.hours else None,
            "p90_hours": _p90(self.hours),
        }


def funnel(
    reading: Reading,
    nodes: list[str],
    unit: str,
    window: tuple[datetime, datetime] | None = None,
) -> list[FunnelStep]:
    """The whole way first, then each step, of a unit; nodes as the board names them."""
    walks = []
    for case in reading.cases:
        found = _walk(_story(case), nodes, window)
        if found and unit in reading.rules.units_above(_unit_at(case, found[0])):
            walks.append((case, found, _end(_story(case), nodes, window)))
    whole = _judge([(case, found[0], end) for case, found, end in walks], reading.clock)
    steps = []
    for number in range(1, len(nodes)):
        entered = [each for each in walks if len(each[1]) >= number]
        passed = [
            (case, found[number - 1], found[number] if len(found) > number else None)
            for case, found, _end in entered
        ]
        steps.append(_judge(passed, reading.clock))
    return [whole, *steps]


def _judge(passed: list[tuple[Case, datetime, datetime | None]], clock: datetime) -> FunnelStep:
    step = FunnelStep()
    step.hours = [(end - begin) / HOUR for _, begin, end in passed if end is not None]
    usual = _p90(step.hours)
    for case, begin, end in passed:
        if end is not None:
            step.reached.add(case.opportunity_id)
        elif case.standings[-1].is_open and (usual is None or (clock - begin) / HOUR < usual):
            step.pending.add(case.opportunity_id)
        else:
            step.dropped.add(case.opportunity_id)
    return step


def _p90(hours: list[float]) -> float | None:
    return sorted(hours)[math.ceil(0.9 * len(hours)) - 1] if hours else None


def _story(case: Case) -> list[tuple[datetime, str]]:
    story = [(case.standings[0].since, "opportunity_opened")]
    for before, after in zip(case.standings, case.standings[1:], strict=False):
        if after.stage != before.stage:
            story.append((after.since, f"stage_changed:{after.stage}"))
        if not after.is_open:
            story.append((after.since, f"opportunity_{after.status.split(':')[0]}"))
    return story


def _walk(
    story: list[tuple[datetime, str]],
    nodes: list[str],
    window: tuple[datetime, datetime] | None,
) -> list[datetime]:
    times: list[datetime] = []
    for at, name in story:
        if len(times) == len(nodes) or name != nodes[len(times)]:
            continue
        if times or window is None or window[0] <= at < window[1]:
            times.append(at)
    return times


def _end(
    story: list[tuple[datetime, str]],
    nodes: list[str],
    window: tuple[datetime, datetime] | None,
) -> datetime | None:
    """When the last node came, with nothing asked for in between."""
    times = _walk(story, [nodes[0], nodes[-1]], window)
    return times[1] if len(times) == 2 else None


def _unit_at(case: Case, at: datetime) -> str:
    standing = case.at(at)
    assert standing is not None
    return standing.unit


@dataclass(slots=True)
class Breakpoint:
    hours: float = 0.0
    by_case: dict[str, float] = field(default_factory=dict)

    def longest(self) -> list[tuple[str, float]]:
        ordered = sorted(self.by_case.items(), key=lambda each: (-each[1], each[0]))
        return ordered[:10]


def breakpoints(reading: Reading, month: str, unit: str) -> list[tuple[str, Breakpoint]]:
    """The five stages with the most hours over their limit in a month."""
    start, end = reading.month(month)
    end = min(end, reading.clock)
    found: dict[str, Breakpoint] = {}
    for case in reading.cases:
        for standing, after in zip(case.standings, [*case.standings[1:], None], strict=True):
            if not standing.is_open or unit not in reading.rules.units_above(standing.unit):
                continue
            over_since = max(start, standing.since + reading.rules.limits[standing.stage])
            over_until = end if after is None else min(end, after.since)
            if over_until - over_since > timedelta():
                of_stage = found.setdefault(standing.stage, Breakpoint())
                hours = (over_until - over_since) / HOUR
                known = of_stage.by_case.get(case.opportunity_id, 0.0)
                of_stage.by_case[case.opportunity_id] = known + hours
                of_stage.hours += hours
    return sorted(found.items(), key=lambda each: (-each[1].hours, each[0]))[:5]
