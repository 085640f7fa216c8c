"""The funnel between two kinds of events, with others on the way: who passed, who stopped (P6)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from services.projections.domain.limit_spans import LATEST
from services.projections.domain.opportunity_course import counted_actions, open_times
from services.projections.domain.opportunity_row import (
    STAGE_CHANGES,
    OpportunityProcess,
    Order,
)
from services.projections.domain.process_figures import Scopes, owned_spans, scopes_at
from services.projections.domain.process_health import ratio
from services.projections.domain.windows import Moment, is_before
from shared.errors import FieldProblem, Malformed

EVENTS = (
    "opportunity_opened",
    "stage_changed",
    "action_logged",
    "approval_requested",
    "approval_decided",
    "opportunity_won",
    "opportunity_lost",
    "opportunity_reopened",
)
"""Event types as the log names them, without service and version."""
DETAILED = frozenset({"stage_changed", "action_logged", "approval_requested", "approval_decided"})
"""Those that can be narrowed: to a stage, an action's type, an approval's kind."""
SEGMENTS = ("customer_type", "industry", "key_industry", "pipeline")


class Node(NamedTuple):
    """An event type; `detail` "" for any stage entered, action type or approval kind."""

    event: str
    detail: str = ""

    @property
    def name(self) -> str:
        return f"{self.event}:{self.detail}" if self.detail else self.event


class Mark(NamedTuple):
    """Something that happened to the opportunity."""

    at: datetime
    version: int
    node: Node
    event_id: str


class Passage(NamedTuple):
    """How far one opportunity came: the first mark of each node in turn, as many as it reached.

    `arrived`: the first mark of the last node after the first one, whatever lay between.
    """

    opportunity_id: str
    marks: tuple[Mark, ...]
    arrived: Mark | None
    is_open: bool


def node_named(text: str, field: str) -> Node:
    """`stage_changed:solution` or `opportunity_won`. Raises Malformed naming the event types."""
    event, _, detail = text.partition(":")
    if event not in EVENTS or (detail and event not in DETAILED):
        message = f"one of {', '.join(EVENTS)}; {', '.join(sorted(DETAILED))} may name which: a:b"
        raise Malformed(f"{text!r} is no event", errors=[FieldProblem(field, "unknown", message)])
    return Node(event, detail)


def passage(
    row: OpportunityProcess,
    nodes: Sequence[Node],
    begins: datetime | None,
    until: Moment,
    at: Moment,
) -> Passage | None:
    """From the first event of the first node in [`begins`, `until`) on, by what happened by `at`.

    None where there is none. Equal times by stream version ("How things are counted").
    """
    wanted = frozenset(node.event for node in nodes)
    marks = [each for each in _marks(row, wanted) if is_before(each.at, at)]
    first = next(
        (
            number
            for number, each in enumerate(marks)
            if _is_of(each, nodes[0])
            and is_before(each.at, until)
            and (begins is None or each.at >= begins)
        ),
        None,
    )
    if first is None:
        return None
    later = marks[first + 1 :]
    arrived = next((each for each in later if _is_of(each, nodes[-1])), None)
    return Passage(
        row.opportunity_id,
        (marks[first], *_following(later, nodes[1:])),
        arrived,
        _is_open(row, at),
    )


def scopes_of_passage(row: OpportunityProcess, found: Passage) -> Scopes:
    """Whose it is: the owner's and unit's of the moment it entered the funnel."""
    entered = found.marks[0]
    return scopes_at(owned_spans(row), entered.at, entered.version)


def segment_of(row: OpportunityProcess, segment: str) -> str:
    """The empty text where the customer's fact is not known."""
    match segment:
        case "customer_type":
            return row.customer_type or ""
        case "industry":
            return row.customer_industry or ""
        case "key_industry":
            return "yes" if row.customer_is_key else "no"
        case _:
            return row.rules[-1].pipeline


def _following(marks: Iterable[Mark], nodes: Sequence[Node]) -> Iterator[Mark]:
    wanted = iter(nodes)
    node = next(wanted, None)
    for mark in marks:
        if node is None:
            return
        if _is_of(mark, node):
            yield mark
            node = next(wanted, None)


def _is_of(mark: Mark, node: Node) -> bool:
    return mark.node.event == node.event and node.detail in ("", mark.node.detail)


def _is_open(row: OpportunityProcess, at: Moment) -> bool:
    now: Order = (at.at, LATEST if at.inclusive else 0)
    return any(
        time.opened < now and (time.closed is None or time.closed >= now)
        for time in open_times(row)
    )


def _marks(row: OpportunityProcess, wanted: frozenset[str]) -> list[Mark]:
    """Those of such events, in the order in which they happened."""
    marks = [
        Mark(each.at, each.version, Node("action_logged", each.type), each.event_id)
        for each in (counted_actions(row) if "action_logged" in wanted else ())
    ]
    for stay in row.stays:
        entered = _ENTERED.get(stay.entered_how, "")
        if entered in wanted:
            detail = stay.stage if stay.entered_how in STAGE_CHANGES else ""
            marks.append(Mark(stay.entered_at, stay.version, Node(entered, detail), stay.event_id))
        left = _LEFT.get(stay.left_how, "")
        if left in wanted and stay.left_at is not None and stay.left_event_id is not None:
            marks.append(Mark(stay.left_at, stay.left_version, Node(left), stay.left_event_id))
    for course in row.approvals:
        for step in course.taken:
            if step.step == 0:
                asked = Node("approval_requested", course.kind)
                marks.append(Mark(step.started_at, LATEST, asked, step.event_id))
            if step.ended_at is not None and step.ended_by is not None:
                decided = Node("approval_decided", course.kind)
                marks.append(Mark(step.ended_at, LATEST, decided, step.ended_by))
    return sorted(marks)


_ENTERED = {
    "opened": "opportunity_opened",
    "reopened": "opportunity_reopened",
    **dict.fromkeys(STAGE_CHANGES, "stage_changed"),
}
_LEFT = {"won": "opportunity_won", "lost": "opportunity_lost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one node to the next: who of those entered reached it, by opportunity id.

    `pending`: open, and in it for less than the p90 of those who reached the next (or for however
    long where nobody has yet); `dropped`: all others. `dwells` are of those who reached it.
    """

    reached: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    dwells: tuple[timedelta, ...] = ()

    @property
    def entered(self) -> int:
        return len(self.reached) + len(self.pending) + len(self.dropped)

    @property
    def conversion(self) -> float | None:
        """Reached ÷ entered."""
        return ratio(len(self.reached), self.entered)

    @property
    def drop_out(self) -> float | None:
        """Dropped ÷ entered; with the conversion and what is pending it makes 1."""
        return ratio(len(self.dropped), self.entered)

    @property
    def median_hours(self) -> float | None:
        return median(map(_hours, self.dwells)) if self.dwells else None

    @property
    def p90_hours(self) -> float | None:
        """The shortest dwell that at least nine in ten did not exceed."""
        found = p90(self.dwells)
        return None if found is None else _hours(found)


def whole(passages: Sequence[Passage], at: datetime) -> Step:
    """From the first node to the last, whatever lay between."""
    return _step([(each, each.marks[0], each.arrived) for each in passages], at)


def steps(passages: Sequence[Passage], nodes: Sequence[Node], at: datetime) -> list[Step]:
    """From each node to the next, in turn: who missed one is not in those after it."""
    found = []
    for number in range(1, len(nodes)):
        entered = [each for each in passages if len(each.marks) >= number]
        found.append(
            _step(
                [
                    (
                        each,
                        each.marks[number - 1],
                        each.marks[number] if len(each.marks) > number else None,
                    )
                    for each in entered
                ],
                at,
            )
        )
    return found


def bottleneck(found: Sequence[Step]) -> int | None:
    """The step with the lowest conversion, of equals the one with the longer p90; None where
    nobody was lost or waits."""
    losing = [
        (conversion, -(step.p90_hours or 0.0), number)
        for number, step in enumerate(found)
        if (conversion := step.conversion) is not None and conversion < 1
    ]
    return min(losing)[2] if losing else None


def _step(courses: Sequence[tuple[Passage, Mark, Mark | None]], at: datetime) -> Step:
    dwells = tuple(end.at - begin.at for _, begin, end in courses if end is not None)
    usual = p90(dwells)
    reached, pending, dropped = [], [], []
    for each, begin, end in courses:
        if end is not None:
            reached.append(each.opportunity_id)
        elif each.is_open and (usual is None or at - begin.at < usual):
            pending.append(each.opportunity_id)
        else:
            dropped.append(each.opportunity_id)
    return Step(
        reached=tuple(reached), pending=tuple(pending), dropped=tuple(dropped), dwells=dwells
    )


def p90(dwells: Sequence[timedelta]) -> timedelta | None:
    if not dwells:
        return None
    ordered = sorted(dwells)
    return ordered[-(-len(ordered) * 9 // 10) - 1]


def _hours(dwell: timedelta) -> float:
    return dwell / timedelta(hours=1)
