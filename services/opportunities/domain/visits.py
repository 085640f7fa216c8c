"""The visit in five nodes, none skippable; until all are there it is not valid (O4, O15).

Parts may come late and in any order after the scan: what is missing stands in the action's
`invalid_reasons`, and a visit without any is complete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from services.opportunities.domain.actions import (
    ActionIsAlreadyLogged,
    evidence_required,
    living_action,
    subject_of_action,
    with_action,
)
from services.opportunities.domain.evidence import (
    PHOTO_CONVERSATION,
    PHOTO_DISPLAY,
    PHOTO_STOREFRONT,
)
from services.opportunities.domain.names import name_problem
from services.opportunities.domain.opportunity_state import (
    LoggedAction,
    Opened,
    Opportunity,
    VisitInProgress,
    known,
    opened,
)
from services.opportunities.domain.places import check_place, coarse, metres_between
from services.opportunities.domain.valid_action import (
    FIELD_MISSING,
    is_blank,
    missing_evidence,
    sorted_fields,
    summary_flaws,
    value_problems,
)
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    PassOnVisit,
    StartVisit,
    SummariseVisit,
)
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.opportunities import ActionField, ActionLogged
from shared.events.visits import (
    VisitFieldsFilled,
    VisitNextActionBooked,
    VisitPassedOn,
    VisitStarted,
    VisitSummarised,
)

VISIT_PHOTOS = (PHOTO_STOREFRONT, PHOTO_DISPLAY, PHOTO_CONVERSATION)
NEXT_ACTION_MISSING = "next-action-missing"
SUMMARY_CARD_MISSING = "summary-card-missing"


class DoorIsOfAnotherCustomer(DomainError):
    """The door code that was scanned hangs at another customer's."""

    code = "door-is-of-another-customer"


class ActionIsNoVisit(DomainError):
    """It was logged, not begun by scanning a door code."""

    code = "action-is-no-visit"


class NextActionIsTooLate(Malformed):
    code = "next-action-is-too-late"


class VisitHasNoSummaryCard(DomainError):
    code = "visit-has-no-summary-card"


def start(command: StartVisit, opportunity: Opportunity) -> Sequence[ActionLogged | VisitStarted]:
    """Node 1. The action is there from now on, and valid when the other nodes are.

    Raises ActionIsAlreadyLogged, DoorIsOfAnotherCustomer, Malformed for a position off the earth.
    """
    was = opened(opportunity, command.opportunity_id)
    situation = was.situation
    if command.action_id in was.actions:
        raise ActionIsAlreadyLogged(f"action {command.action_id!r} is logged already")
    if command.door_customer_id != situation.customer_id:
        raise DoorIsOfAnotherCustomer("the door code is another customer's than the opportunity")
    if command.position is not None:
        check_place(command.position, "position")
    required = evidence_required(command.definition, situation, command.occurred_at)
    required = (*required, *(kind for kind in VISIT_PHOTOS if kind not in required))
    asked = _asked(command)
    shown = None if command.place is None else coarse(command.place)
    logged = ActionLogged(
        opportunity_id=command.opportunity_id,
        action_id=command.action_id,
        type=command.definition.type,
        customer_id=situation.customer_id,
        contact_id=command.contact_id,
        subject=subject_of_action(situation.customer_id, command.contact_id),
        actor_id=command.actor_id,
        actor_unit_id=command.actor_unit_id,
        actor_unit_path=command.actor_unit_path,
        happened_at=command.occurred_at,
        direction=command.definition.direction,
        is_contact=command.definition.is_contact,
        ends_silence=command.definition.ends_silence,
        evidence_required=required,
        invalid_reasons=(
            *missing_evidence(required, ()),
            *(FIELD_MISSING + each.name for each in asked if each.required),
            NEXT_ACTION_MISSING,
            SUMMARY_CARD_MISSING,
        ),
    )
    started = VisitStarted(
        opportunity_id=command.opportunity_id,
        action_id=command.action_id,
        customer_id=situation.customer_id,
        customer_type=situation.customer_type,
        door_id=command.door_id,
        code_id=command.code_id,
        actor_id=command.actor_id,
        place_latitude=None if shown is None else shown.latitude,
        place_longitude=None if shown is None else shown.longitude,
        scan_distance_metres=_distance(command),
        asked=asked,
        next_action_within_seconds=command.next_action_within_seconds,
        scanned_at=command.occurred_at,
    )
    return [logged, started]


def fill(command: FillVisit, opportunity: Opportunity) -> Sequence[VisitFieldsFilled]:
    """Node 3, at once or bit by bit. Raises Malformed for fields that nobody asks for."""
    was = opened(opportunity, command.opportunity_id)
    action, visit = _visit_of(was, command.action_id)
    if not command.fields:
        return []
    problems = value_problems(visit.asked, command.fields, "a visit to this customer")
    if problems:
        raise Malformed(f"{len(problems)} problem(s) in the fields", errors=problems)
    plain, texts = sorted_fields(visit.asked, command.fields)
    given = {FIELD_MISSING + name for name, value in command.fields.items() if not is_blank(value)}
    return [
        VisitFieldsFilled(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            subject=action.subject,
            fields=plain,
            texts=texts or None,
            invalid_reasons=tuple(each for each in action.invalid_reasons if each not in given),
            filled_at=command.occurred_at,
        )
    ]


def book(command: BookVisitNextAction, opportunity: Opportunity) -> Sequence[VisitNextActionBooked]:
    """Node 4. Raises NextActionIsTooLate for one that is due later than the tenant's limit (7 days)
    after the scan, or not after it."""
    was = opened(opportunity, command.opportunity_id)
    action, visit = _visit_of(was, command.action_id)
    due_at, latest = command.next_action.due_at, action.happened_at + visit.next_action_within
    if not action.happened_at < due_at <= latest:
        message = f"must be due after the visit and by {latest:%Y-%m-%d %H:%M} UTC"
        problem = FieldProblem("next_action.due_at", "out-of-range", message)
        raise NextActionIsTooLate("the next action is not booked in time", errors=[problem])
    return [
        VisitNextActionBooked(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            next_action=command.next_action,
            invalid_reasons=_without(action, NEXT_ACTION_MISSING),
            booked_at=command.occurred_at,
        )
    ]


def summarise(command: SummariseVisit, opportunity: Opportunity) -> Sequence[VisitSummarised]:
    """Node 5: the card. One that does not meet the action type's minimum content is kept, and the
    visit incomplete until a better one comes."""
    was = opened(opportunity, command.opportunity_id)
    action, _visit = _visit_of(was, command.action_id)
    problems = [
        problem
        for index, tag in enumerate(command.customer_tags)
        for problem in name_problem(f"customer_tags[{index}]", tag)
    ]
    if not command.summary.strip():
        problems.append(FieldProblem("summary", "required", "say what the visit came to"))
    if problems:
        raise Malformed(f"{len(problems)} problem(s) in the summary card", errors=problems)
    flaws = tuple(summary_flaws(command.definition, command.summary))
    return [
        VisitSummarised(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            subject=action.subject,
            summary=command.summary,
            summary_characters=len(command.summary.strip()),
            customer_tags=command.customer_tags,
            promises=list(command.promises) or None,
            open_points=list(command.open_points) or None,
            pain_point=command.pain_point,
            invalid_reasons=(*_without_summary_reasons(action), *flaws),
            summarised_at=command.occurred_at,
        )
    ]


def pass_on(command: PassOnVisit, opportunity: Opportunity) -> Sequence[VisitPassedOn]:
    """To whom it was passed on before it is not passed on again."""
    was = opened(opportunity, command.opportunity_id)
    action, visit = _visit_of(was, command.action_id)
    if SUMMARY_CARD_MISSING in action.invalid_reasons:
        raise VisitHasNoSummaryCard("there is no summary card to pass on yet")
    fresh = tuple(each for each in dict.fromkeys(command.to) if each not in visit.passed_on_to)
    if not fresh:
        return []
    return [
        VisitPassedOn(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            passed_on_by=command.passed_on_by,
            passed_on_to=fresh,
            passed_on_at=command.now,
        )
    ]


def started(opportunity: Opportunity, event: VisitStarted) -> Opened:
    was = known(opportunity)
    visit = VisitInProgress(
        door_id=event.door_id,
        code_id=event.code_id,
        asked=event.asked,
        next_action_within=timedelta(seconds=event.next_action_within_seconds),
    )
    return with_action(was, event.action_id, replace(was.actions[event.action_id], visit=visit))


def progressed(
    opportunity: Opportunity,
    event: VisitFieldsFilled | VisitNextActionBooked | VisitSummarised,
) -> Opened:
    was = known(opportunity)
    action = replace(was.actions[event.action_id], invalid_reasons=event.invalid_reasons)
    return with_action(was, event.action_id, action)


def passed_on(opportunity: Opportunity, event: VisitPassedOn) -> Opened:
    was = known(opportunity)
    action = was.actions[event.action_id]
    assert action.visit is not None
    to = (*action.visit.passed_on_to, *event.passed_on_to)
    visit = replace(action.visit, passed_on_to=to)
    return with_action(was, event.action_id, replace(action, visit=visit))


def _visit_of(was: Opened, action_id: str) -> tuple[LoggedAction, VisitInProgress]:
    action = living_action(was, action_id)
    if action.visit is None:
        raise ActionIsNoVisit(f"action {action_id!r} was not begun by scanning a door code")
    return action, action.visit


def _asked(command: StartVisit) -> tuple[ActionField, ...]:
    """By the customer's type first; what the action type asks for beside that."""
    named = {each.name for each in command.asked}
    others = (each for each in command.definition.fields if each.name not in named)
    return (*command.asked, *others)


def _distance(command: StartVisit) -> float | None:
    if command.place is None or command.position is None:
        return None
    return round(metres_between(command.place, command.position), 1)


def _without(action: LoggedAction, reason: str) -> tuple[str, ...]:
    return tuple(each for each in action.invalid_reasons if each != reason)


def _without_summary_reasons(action: LoggedAction) -> Iterator[str]:
    return (each for each in action.invalid_reasons if not each.startswith("summary-"))
