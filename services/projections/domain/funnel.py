"""The funnel between two kinds of events, with others on the way: who passed, who stopped (P6)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from services.projections.domain.limit_spans import LATEST
from services.projections.domain.noted_events import NOTED
from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_row import (
    STAGE_CHANGES,
    OpportunityProcess,
)
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
    "approval_resubmitted",
    *NOTED.values(),
)
"""Every event type of an opportunity as the log names it, without service and version; but for its
withdrawal, after which it never was."""
DETAILED = frozenset(
    {
        "stage_changed",
        "action_logged",
        "approval_requested",
        "approval_resubmitted",
        "approval_decided",
    }
)
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
    marks = [each for each in marks_of(row) if is_before(each.at, at)]
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
    following = _following(later, nodes[1:])
    return Passage(row.opportunity_id, (marks[first], *following), arrived)


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


def marks_of(row: OpportunityProcess) -> list[Mark]:
    """In the order in which they happened; equal times by stream version."""
    marks = [
        Mark(each.at, each.version, Node("action_logged", each.type), each.event_id)
        for each in counted_actions(row)
    ]
    for at, version, stage, event_id, how, left_at, left_version, left_id, left_how in row.stays:
        if how in STAGE_CHANGES:
            marks.append(Mark(at, version, Node("stage_changed", stage), event_id))
        elif how in _ENTERED:
            marks.append(Mark(at, version, Node(_ENTERED[how]), event_id))
        if left_how in _LEFT and left_at is not None and left_id is not None:
            marks.append(Mark(left_at, left_version, Node(_LEFT[left_how]), left_id))
    for course in row.approvals:
        for step in course.taken:
            if step.step == 0:
                is_first = step is course.taken[0]
                how = "approval_requested" if is_first else "approval_resubmitted"
                asked = Node(how, course.kind)
                marks.append(Mark(step.started_at, LATEST, asked, step.event_id))
            if step.ended_at is not None and step.ended_by is not None:
                decided = Node("approval_decided", course.kind)
                marks.append(Mark(step.ended_at, LATEST, decided, step.ended_by))
    marks += [
        Mark(at, version, Node(event), event_id) for at, version, event, event_id in row.noted
    ]
    return sorted(marks)


_ENTERED = {"opened": "opportunity_opened", "reopened": "opportunity_reopened"}
_LEFT = {"won": "opportunity_won", "lost": "opportunity_lost"}
