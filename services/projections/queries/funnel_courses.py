"""Funnels counted from the courses kept of opportunities: for units, reps and segments (P6)."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import LargeBinary, Select, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.course_marks import hashed
from services.projections.domain.funnel import Node, Passage, passage, segment_of
from services.projections.domain.funnel_figures import (
    NOBODY,
    Courses,
    Members,
    Numbers,
    Outcome,
    Span,
    Step,
    Walks,
    by_unit,
    owners_of,
    steps,
    walks,
    whole,
)
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment
from services.projections.queries.asking import Asker, Question
from services.projections.queries.read_models import PROCESSES
from shared.access import Resource
from shared.clock import milliseconds
from shared.read_store import ReadStore

_BETWEEN_KEYS = "\x1f"
_COURSES, _ROWS = PROCESSES.narrow, PROCESSES.rows


class Asked(NamedTuple):
    """`pipeline` None: opportunities of every pipeline."""

    nodes: tuple[Node, ...]
    pipeline: str | None
    segment: str | None = None


class Cell(NamedTuple):
    """`segment` None: all of them together."""

    scope: Scope
    segment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """`whole` and `steps`: what became of those that entered, by cell in the order of `cells`."""

    cells: Sequence[Cell]
    found: Walks
    whole: Outcome
    steps: Sequence[Outcome]
    keys: Sequence[str]
    """Of opportunities, by the number of their course; empty where nobody asks for them."""

    def figures(self) -> dict[Cell, tuple[Step, list[Step]]]:
        """Of every cell the whole way and its steps."""
        overall = self.whole.steps(len(self.cells))
        apart = [each.steps(len(self.cells)) for each in self.steps]
        return {
            cell: (overall[number], [step[number] for step in apart])
            for number, cell in enumerate(self.cells)
        }

    def behind(self, cell: Cell, at_most: int | None, outcomes: Sequence[str]) -> list["Behind"]:
        """The whole way, then step by step, with those of some outcomes; None: with all of them."""
        parts = (self.whole, *self.steps)
        if cell not in self.cells:
            return [Behind(NOBODY, dict.fromkeys(outcomes, ())) for _ in parts]
        number = self.cells.index(cell)
        by_key = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        ranks = np.empty(len(by_key), dtype=np.int64)
        ranks[by_key] = np.arange(len(by_key))
        return [
            Behind(
                each.steps(len(self.cells))[number],
                {
                    how: [self.keys[by_key[rank]] for rank in np.sort(found)[:at_most].tolist()]
                    for how, found in self._ranked(each, number, ranks)
                    if how in outcomes
                },
            )
            for each in parts
        ]

    def _ranked(
        self, outcome: Outcome, number: int, ranks: Numbers
    ) -> Iterator[tuple[str, Numbers]]:
        """By outcome who of a cell it was, by their places in the order of ids."""
        is_of_it = outcome.members.groups == number
        for how, who in zip(
            OUTCOMES, (outcome.reached, outcome.pending, outcome.dropped), strict=True
        ):
            courses = self.found.courses[outcome.members.walks[who & is_of_it]]
            yield how, ranks[courses]


OUTCOMES = ("reached", "pending", "dropped")


class Behind(NamedTuple):
    """A step of one cell with the first opportunities of each outcome, by id."""

    step: Step
    listed: Mapping[str, Sequence[str]]


class _Grouped(NamedTuple):
    """Cells that are named by hashes so far: each hash with the number of a course that has it."""

    units: Members
    reps: Members
    rep_hashes: dict[int, int]
    segments: Members
    segment_hashes: dict[int, int]

    def members(self) -> Members:
        parts = (self.units, self.reps, self.segments)
        return Members(
            np.concatenate([each.walks for each in parts]),
            np.concatenate([each.groups for each in parts]),
        )


async def count_funnel(
    reads: ReadStore,
    asker: Asker,
    question: Question,
    asked: Asked,
    reps: Collection[str] | None,
    *,
    with_keys: bool = False,
) -> Counted:
    """Of the unit asked for, the units below it and its reps (None: everybody), always of the one
    rep asked for; by segment of that unit or rep."""
    only_rep = asker.only_rep(question)
    reps = reps if only_rep is None else (only_rep,)
    with_keys = with_keys or asked.segment is not None or reps is None
    async with reads.reading() as connection:
        joined, keys = await _kept(connection, asker, question, asked, with_keys)
        courses = Courses(joined)
        unit_ids = (asker.unit(question), *asker.organisation.children(asker.unit(question)))
        found, grouped = await asyncio.to_thread(
            _grouped, courses, asker, question, asked, (unit_ids, reps)
        )
        names = await _names(connection, asker, asked, grouped, keys, reps or ())
    scope = Scope(unit_ids[0], only_rep or "")
    cells = [
        *(Cell(Scope(each, "")) for each in unit_ids),
        *(Cell(Scope(unit_ids[0], names[each])) for each in grouped.rep_hashes),
        *(Cell(scope, names[each] if each else "") for each in grouped.segment_hashes),
    ]
    members = grouped.members()
    at = milliseconds(asker.moment(question))
    return await asyncio.to_thread(_counted, cells, found, members, keys, at)


def _counted(
    cells: Sequence[Cell], found: Walks, members: Members, keys: Sequence[str], at: int
) -> Counted:
    return Counted(
        cells=cells,
        found=found,
        whole=whole(found, members, len(cells), at),
        steps=steps(found, members, len(cells), at),
        keys=keys,
    )


async def _kept(
    connection: AsyncConnection,
    asker: Asker,
    question: Question,
    asked: Asked,
    with_keys: bool,
) -> tuple[bytes, list[str]]:
    """The courses that can have entered the funnel in the window, and their keys in that order."""
    course, key = _COURSES.c.course, _COURSES.c.key
    if connection.dialect.name == "sqlite":
        courses = cast(func.group_concat(course, ""), LargeBinary)
        keys: Any = func.group_concat(key, _BETWEEN_KEYS)
    else:
        courses = cast(func.string_agg(course, literal(b"", LargeBinary)), LargeBinary)
        keys = func.string_agg(key, literal(_BETWEEN_KEYS))
    columns = select(courses, keys if with_keys else literal(""))
    query = _may_have_entered(columns, asker, question, asked)
    joined, listed = (await connection.execute(query)).one()
    return (joined or b"", listed.split(_BETWEEN_KEYS) if listed else [])


def _may_have_entered(
    query: Select[Any], asker: Asker, question: Question, asked: Asked
) -> Select[Any]:
    window = asker.window(question)
    until = milliseconds(asker.until(question, window).at)
    query = query.where(_COURSES.c.tenant_id == asker.tenant_id, _COURSES.c.opened_at <= until)
    if window is None:
        return query
    begins = milliseconds(window.begins)
    if asked.nodes[0].event == "opportunity_opened":
        return query.where(_COURSES.c.opened_at >= begins)
    return query.where(or_(_COURSES.c.closed_at.is_(None), _COURSES.c.closed_at >= begins))


def _grouped(
    courses: Courses,
    asker: Asker,
    question: Question,
    asked: Asked,
    whom: tuple[Sequence[str], Collection[str] | None],
) -> tuple[Walks, _Grouped]:
    unit_ids, reps = whom
    found = walks(courses, asked.nodes, _span(asker, question), asked.pipeline)
    units = by_unit(courses, found, unit_ids)
    owners, mine = owners_of(courses, found), units.walks[units.groups == 0]
    only_rep = asker.only_rep(question)
    of_reps = mine[owners[mine] != 0]
    if reps is not None:
        of_reps = mine[np.isin(owners[mine], [hashed(each) for each in reps])]
    by_rep, rep_hashes = _apart(found, of_reps, owners, len(unit_ids))
    segmented = mine if only_rep is None else of_reps
    first = len(unit_ids) + len(rep_hashes)
    segments, segment_hashes = Members(mine[:0], mine[:0]), dict[int, int]()
    if asked.segment is not None:
        of_course = courses.segments(asked.segment)[found.courses]
        segments, segment_hashes = _apart(found, segmented, of_course, first)
    return found, _Grouped(units, by_rep, rep_hashes, segments, segment_hashes)


def _apart(
    found: Walks, whose: Numbers, hashes: Numbers, first: int
) -> tuple[Members, dict[int, int]]:
    """A group for each hash, numbered from `first` on, and a course that has it."""
    known, at, group = np.unique(hashes[whose], return_index=True, return_inverse=True)
    courses = found.courses[whose[at]]
    return Members(whose, group + first), dict(zip(known.tolist(), courses.tolist(), strict=True))


def _span(asker: Asker, question: Question) -> Span:
    window = asker.window(question)
    at = asker.moment(question)
    return Span(
        begins=0 if window is None else milliseconds(window.begins),
        until=_before(asker.until(question, window)),
        known_until=_before(Moment(at, inclusive=True)),
        at=milliseconds(at),
    )


def _before(end: Moment) -> int:
    """Whatever happened by then happened before this millisecond."""
    whole_milliseconds = milliseconds(end.at)
    return whole_milliseconds + (end.inclusive or end.at.microsecond % 1000 > 0)


async def _names(
    connection: AsyncConnection,
    asker: Asker,
    asked: Asked,
    grouped: _Grouped,
    keys: Sequence[str],
    reps: Collection[str],
) -> dict[int, str]:
    """Whom and what the hashes stand for. The directory knows nearly everybody; else a row that
    has it is opened."""
    names = {hashed(each): each for each in (*asker.organisation.people, *reps)}
    unknown = {
        each: keys[course] for each, course in grouped.rep_hashes.items() if each not in names
    }
    of_segments = {each: keys[course] for each, course in grouped.segment_hashes.items() if each}
    rows = await opened_rows(connection, asker, {*unknown.values(), *of_segments.values()})
    for each, key in unknown.items():
        owners = (owner.owner_id or "" for owner in rows[key].owners)
        names[each] = next(owner for owner in owners if hashed(owner) == each)
    if asked.segment is not None:
        names |= {each: segment_of(rows[key], asked.segment) for each, key in of_segments.items()}
    return names


async def opened_rows(
    connection: AsyncConnection, asker: Asker, keys: set[str]
) -> dict[str, OpportunityProcess]:
    if not keys:
        return {}
    query = select(_ROWS.c.key, _ROWS.c.body).where(
        _ROWS.c.tenant_id == asker.tenant_id, _ROWS.c.key.in_(sorted(keys))
    )
    return {key: PROCESSES.decode(body) for key, body in await connection.execute(query)}


async def passages_in_sight(
    connection: AsyncConnection, asker: Asker, question: Question, asked: Asked, keys: set[str]
) -> dict[str, Passage]:
    """Of those opportunities that the asker may see now, with the events of each."""
    seen, window = asker.visibility(Resource.TIMELINES), asker.window(question)
    begins, until = window.begins if window else None, asker.until(question, window)
    at = Moment(asker.moment(question), inclusive=True)
    found: dict[str, Passage] = {}
    for key, row in (await opened_rows(connection, asker, keys)).items():
        if seen.includes(unit_id=row.unit_path[-1], owner_id=row.owner_id):
            passed = passage(row, asked.nodes, begins, until, at)
            found |= {key: passed} if passed else {}
    return found
