"""A funnel counted over very many opportunities at once, from their courses as numbers (P6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.projections.domain.course_marks import (
    BEGINS,
    DETAILS,
    EVENT,
    KIND_AT,
    OWNER,
    SEGMENT,
    SPAN_AT,
    UNIT,
    event_code,
    hashed,
)
from services.projections.domain.funnel import EVENTS, SEGMENTS, Node
from services.projections.domain.process_health import ratio

Numbers = NDArray[np.int64]
Truths = NDArray[np.bool_]

NEVER = -1
"""In place of a time."""
_AN_HOUR = 3_600_000
_GROUP_AT = 42
"""A dwell below its group's number, so that both are sorted as one: 139 years, 2 million groups."""
_SPANS = (1 << KIND_AT - SPAN_AT) - 1


class Courses:
    """Courses one after the other: marks and other pairs by place, courses by their number."""

    def __init__(self, joined: bytes) -> None:
        pairs = np.frombuffer(joined, dtype="<i8").reshape(-1, 2)
        self.values: Numbers = pairs[:, 0]
        self.codes: Numbers = pairs[:, 1]
        self._kinds = np.frombuffer(joined, dtype=np.int8)[15::16].copy()
        self.of: NDArray[np.int32] = np.cumsum(self._kinds == BEGINS, dtype=np.int32) - 1
        self.count = int(self.of[-1]) + 1 if len(self.of) else 0

    def pairs(self, kind: int) -> Numbers:
        found: Numbers = np.flatnonzero(self._kinds == kind)
        return found

    def segments(self, segment: str) -> Numbers:
        """By course the hash of what segment it is in."""
        return self.values[self.pairs(SEGMENT + SEGMENTS.index(segment))]

    def marks(self, node: Node, before: int) -> Numbers:
        """Of one node, before a time."""
        wanted = event_code(*node)
        found = self.pairs(wanted >> KIND_AT)
        if node.detail:
            found = found[(self.codes[found] & DETAILS) == wanted & DETAILS]
        return found[self.values[found] < before]

    def first(self, marks: Numbers, after: Numbers | None = None) -> Numbers:
        """By course its first mark, or its first after a place; NEVER where there is none."""
        of = self.of[marks]
        if after is not None:
            is_later = (marks > after[of]) & (after[of] != NEVER)
            marks, of = marks[is_later], of[is_later]
        is_first = np.ones(len(of), dtype=bool)
        is_first[1:] = of[1:] != of[:-1]
        found = np.full(self.count, NEVER)
        found[of[is_first]] = marks[is_first]
        return found

    def are_open(self, before: int) -> Truths:
        """By course: opened or reopened more often than closed."""
        times = np.zeros(self.count, dtype=np.int64)
        for event, more in _OPENING.items():
            found = self.marks(Node(event), before)
            times += more * np.bincount(self.of[found], minlength=self.count)
        return times > 0

    def spans(self, pairs: Numbers) -> Numbers:
        """Of ownership: the first is 0."""
        return self.codes[pairs] >> SPAN_AT & _SPANS


_OPENING = {
    "opportunity_opened": 1,
    "opportunity_reopened": 1,
    "opportunity_won": -1,
    "opportunity_lost": -1,
}


class Span(NamedTuple):
    """[begins, until) is the window, and only what happened before `known_until` is known; all in
    milliseconds. `at` is the moment that what is pending is judged at."""

    begins: int
    until: int
    known_until: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walks:
    """Who entered a funnel, in the order of their courses; all arrays are of that length.

    `times`: for each node in turn when it was reached, NEVER where it or one before it was not;
    `arrived`: when the last node was, whatever lay between; `spans`: whose it was on entering.
    """

    courses: Numbers
    times: tuple[Numbers, ...]
    arrived: Numbers
    are_open: Truths
    spans: Numbers


def walks(courses: Courses, nodes: Sequence[Node], span: Span, pipeline: str | None) -> Walks:
    """From the first mark of the first node in the window on, each node's first mark after that of
    the one before it. `pipeline` None: of all."""
    marks = courses.marks(nodes[0], min(span.until, span.known_until))
    marks = marks[courses.values[marks] >= span.begins]
    if pipeline is not None:
        marks = marks[courses.segments("pipeline")[courses.of[marks]] == hashed(pipeline)]
    reached = [courses.first(marks)]
    later = [courses.marks(node, span.known_until) for node in nodes[1:]]
    for of_node in later:
        reached.append(courses.first(of_node, reached[-1]))
    arrived = courses.first(later[-1], reached[0])
    entered: Numbers = np.flatnonzero(reached[0] != NEVER)
    return Walks(
        courses=entered,
        times=tuple(_times(courses, each[entered]) for each in reached),
        arrived=_times(courses, arrived[entered]),
        are_open=courses.are_open(span.known_until)[entered],
        spans=courses.spans(reached[0][entered]),
    )


def _times(courses: Courses, marks: Numbers) -> Numbers:
    return np.where(marks == NEVER, NEVER, courses.values[marks])


class Members(NamedTuple):
    """Which walk counts for which group; both by the same index."""

    walks: Numbers
    groups: Numbers


def by_unit(courses: Courses, found: Walks, unit_ids: Sequence[str]) -> Members:
    """A group for each unit, numbered as they are given: what was below it on entering."""
    hashes = np.array([hashed(each) for each in unit_ids], dtype=np.int64)
    order = np.argsort(hashes)
    units, walk = _on_entering(courses, found, UNIT)
    values = courses.values[units]
    place = np.minimum(np.searchsorted(hashes[order], values), len(hashes) - 1)
    is_asked = hashes[order][place] == values
    return Members(walk[is_asked], order[place[is_asked]])


def owners_of(courses: Courses, found: Walks) -> Numbers:
    """The hash of whose each was on entering, 0 for nobody's."""
    pairs, walk = _on_entering(courses, found, OWNER)
    owners = np.zeros(len(found.courses), dtype=np.int64)
    owners[walk] = courses.values[pairs]
    return owners


def _on_entering(courses: Courses, found: Walks, kind: int) -> tuple[Numbers, Numbers]:
    """Pairs of whose each walk was on entering, with that walk's index."""
    pairs = courses.pairs(kind)
    by_course = np.full(courses.count, NEVER)
    by_course[found.courses] = np.arange(len(found.courses))
    walk = by_course[courses.of[pairs]]
    pairs, walk = pairs[walk != NEVER], walk[walk != NEVER]
    is_then = courses.spans(pairs) == found.spans[walk]
    return pairs[is_then], walk[is_then]


class Step(NamedTuple):
    """From one node to the next: how many of those that entered reached it.

    `pending`: open, and in it for less than the p90 of those who reached the next (or for however
    long where nobody has yet); `dropped`: all others. `median_hours` and `p90_hours` (the shortest
    dwell that nine in ten did not exceed) are of those who reached it.
    """

    entered: int
    reached: int
    pending: int
    dropped: int
    median_hours: float | None
    p90_hours: float | None

    @property
    def conversion(self) -> float | None:
        """Reached ÷ entered."""
        return ratio(self.reached, self.entered)

    @property
    def drop_out(self) -> float | None:
        """Dropped ÷ entered; with the conversion and what is pending it makes 1."""
        return ratio(self.dropped, self.entered)


NOBODY = Step(0, 0, 0, 0, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the members of all groups in one step; arrays by member, and by group."""

    members: Members
    reached: Truths
    pending: Truths
    dropped: Truths
    median: NDArray[np.float64]
    p90: Numbers

    def steps(self, groups: int) -> list[Step]:
        """By group."""
        reached, pending, dropped = (
            np.bincount(self.members.groups[each], minlength=groups)
            for each in (self.reached, self.pending, self.dropped)
        )
        columns = (reached + pending + dropped, reached, pending, dropped, self.median, self.p90)
        return [
            Step(
                entered,
                through,
                waiting,
                lost,
                usual / _AN_HOUR if through else None,
                slow / _AN_HOUR if through else None,
            )
            for entered, through, waiting, lost, usual, slow in zip(
                *(each.tolist() for each in columns), strict=True
            )
        ]


def whole(found: Walks, members: Members, groups: int, at: int) -> Outcome:
    """From the first node to the last, whatever lay between."""
    return _outcome(found, members, groups, (found.times[0], found.arrived), at)


def steps(found: Walks, members: Members, groups: int, at: int) -> list[Outcome]:
    """From each node to the next, in turn: who missed one is not in those after it."""
    between = zip(found.times, found.times[1:], strict=False)
    return [_outcome(found, members, groups, each, at) for each in between]


def _outcome(
    found: Walks, members: Members, groups: int, step: tuple[Numbers, Numbers], at: int
) -> Outcome:
    begin, end = (each[members.walks] for each in step)
    entered = begin >= 0
    reached = entered & (end >= 0)
    median, p90 = _dwells(members.groups[reached], (end - begin)[reached], groups)
    is_young = at - begin < p90[members.groups]
    pending = entered & ~reached & found.are_open[members.walks] & is_young
    return Outcome(
        members=members,
        reached=reached,
        pending=pending,
        dropped=entered & ~reached & ~pending,
        median=median,
        p90=p90,
    )


def _dwells(
    of_groups: Numbers, dwells: Numbers, groups: int
) -> tuple[NDArray[np.float64], Numbers]:
    """By group median and p90; of a group without any, 0 and longer than anything lasts."""
    ordered = np.sort((of_groups << _GROUP_AT) + dwells) & ((1 << _GROUP_AT) - 1)
    count = np.bincount(of_groups, minlength=groups)
    first = np.cumsum(count) - count
    if not len(ordered):
        return np.zeros(groups), np.full(groups, 1 << _GROUP_AT)
    some = np.maximum(count, 1)
    last = len(ordered) - 1  # where a group has none, any place will do

    def at(place: Numbers) -> Numbers:
        found: Numbers = ordered[np.minimum(first + place, last)]
        return found

    median = (at((some - 1) // 2) + at(some // 2)) / 2
    return np.where(count, median, 0.0), np.where(count, at(-(-some * 9 // 10) - 1), 1 << _GROUP_AT)


def bottleneck(found: Sequence[Step]) -> int | None:
    """The step with the lowest conversion, of equals the one with the longer p90; None where
    nobody was lost or waits."""
    losing = [
        (conversion, -(step.p90_hours or 0.0), number)
        for number, step in enumerate(found)
        if (conversion := step.conversion) is not None and conversion < 1
    ]
    return min(losing)[2] if losing else None


assert EVENT + len(EVENTS) < 1 << 7, "a kind is a signed byte"
