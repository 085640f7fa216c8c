"""What an opportunity's actions and visits add to the figures of who acted: P4 and P9."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.projections.domain.counted_things import CountedThing
from services.projections.domain.opportunity_course import owner_at
from services.projections.domain.opportunity_row import (
    LoggedAction,
    OpportunityProcess,
    VisitCourse,
)
from services.projections.domain.process_figures import Scopes, scopes_of
from services.projections.domain.visit_course import FIELDS, NEXT_ACTION, SCAN, SUMMARY
from shared.projection import UNIT_AS_A_WHOLE
from shared.tenant_settings import LONGEST_COUNTED_SUMMARY

VISIT = "visit"
PAIN_POINT, NEXT_STEP = "p", "n"
MARKS_OF_QUALITY = {"pain_point_rate": PAIN_POINT, "next_step_rate": NEXT_STEP}
LONGEST_PATH = 64
"""Of what was recorded in a visit beyond that the figures know nothing."""

_ISSUED = "q"
_LETTERS = {
    SCAN: "s",
    "photo_storefront": "a",
    "photo_display": "b",
    "photo_conversation": "c",
    "photo": "h",
    "recording": "r",
    "transcript": "t",
    "document": "d",
    "minutes": "m",
    "signature": "g",
    "screenshot": "e",
    FIELDS: "f",
    NEXT_ACTION: "n",
    SUMMARY: "u",
    "approval": "p",
    "sample": _ISSUED,
    "quote": _ISSUED,
}
_OTHER_ACTION = "o"
KINDS_OF_RICHNESS = frozenset("abcrdgpq")
"""Storefront, display and conversation photo, recording, document, signature, approval requested,
sample or quote issued (P4)."""


def action_things(
    row: OpportunityProcess, actions: Sequence[LoggedAction]
) -> Iterator[CountedThing]:
    """Of the counted actions. `acted`: an action, its `stage` the hours it was entered late (""
    unknown), its `action` how many characters its summary has; `marked`: one of these with marks of
    quality, its `stage` the characters, its `action` the marks (P9); `visit`: a complete visit in
    nodes, its `stage` the customer's type, its `action` the path; `visited`: any visit, and
    `customer_won`, by customer."""
    visits = {visit.event_id: visit for visit in row.visits}
    for action in actions:
        acted = action.hours_late is not None or action.summary_characters
        if action.actor_id is not None and action.path >= 0 and acted:
            late = "" if action.hours_late is None else str(action.hours_late)
            characters = str(min(action.summary_characters, LONGEST_COUNTED_SUMMARY))
            yield _thing("acted", (late, characters), _of_rep(row, action), action)
            if marks := marks_of(action):
                yield _thing("marked", (characters, marks), _of_rep(row, action), action)
        if action.type == VISIT:
            yield _thing("visited", ("", row.customer_id), _of_all(row, action), action)
        if action.event_id in visits:
            yield _visit(row, action, visits[action.event_id], actions)
    for stay in row.stays:
        if stay.left_how == "won" and stay.left_at is not None:
            scopes = ((row.owners[0].unit_path[0], UNIT_AS_A_WHOLE),)
            won = (stay.left_at, stay.left_event_id or "")
            yield _once("customer_won", ("", row.customer_id), scopes, *won)


def marks_of(action: LoggedAction) -> str:
    """A letter for each: a pain point mentioned, the next step booked (P9)."""
    pain_point = PAIN_POINT if action.pain_point else ""
    return pain_point + (NEXT_STEP if action.next_due_at is not None else "")


def path_of(
    row: OpportunityProcess,
    action: LoggedAction,
    visit: VisitCourse,
    actions: Sequence[LoggedAction],
) -> str:
    """A letter for everything recorded in the visit, in the order it happened (P4): the nodes, more
    evidence, and what its actor did on the opportunity meanwhile."""
    ends_at = max(step.at for step in visit.steps)
    marks = [(step.at, step.version, _LETTERS.get(step.kind, "h")) for step in visit.steps]
    marks += [
        (each.at, each.version, _LETTERS.get(each.type, _OTHER_ACTION))
        for each in actions
        if action.at <= each.at <= ends_at
        and each.actor_id == action.actor_id
        and each.event_id != action.event_id
    ]
    marks += [
        (each.taken[0].started_at, 0, _LETTERS["approval"])
        for each in row.approvals
        if action.at <= each.taken[0].started_at <= ends_at
    ]
    return "".join(letter for _at, _version, letter in sorted(marks))[:LONGEST_PATH]


def _visit(
    row: OpportunityProcess,
    action: LoggedAction,
    visit: VisitCourse,
    actions: Sequence[LoggedAction],
) -> CountedThing:
    key = (visit.customer_type or "", path_of(row, action, visit, actions))
    events = (action.event_id, *(step.event_id for step in visit.steps))
    return _once("visit", key, _of_rep(row, action), action.at, *dict.fromkeys(events))


def _of_rep(row: OpportunityProcess, action: LoggedAction) -> Scopes:
    """The rep in each unit above: what a unit has is what its reps have."""
    if action.actor_id is None or action.path < 0:
        return ()
    return tuple((unit_id, action.actor_id) for unit_id in row.paths[action.path])


def _of_all(row: OpportunityProcess, action: LoggedAction) -> Scopes:
    """Where nobody of the directory acted, to the opportunity's unit and no rep."""
    if action.path >= 0:
        return scopes_of(row.paths[action.path], action.actor_id)
    return scopes_of(owner_at(row, action.order).unit_path, None)


def _thing(figure: str, key: tuple[str, str], scopes: Scopes, action: LoggedAction) -> CountedThing:
    return _once(figure, key, scopes, action.at, action.event_id)


def _once(
    figure: str, key: tuple[str, str], scopes: Scopes, at: datetime, *event_ids: str
) -> CountedThing:
    stage, action = key
    return CountedThing(figure, stage, action, scopes, at, at, at, event_ids)
