"""A limit that ran for an opportunity, and what is said of it at the moment it was due."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.projections.domain.opportunity_course import (
    Calendar,
    owner_at,
    rules_at,
    stage_rules,
    stay_at,
)
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from shared.projection import Deadline

LATEST = 1 << 62
"""A version after every other: what happened at the very moment due is included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSettings:
    """The tenant's settings that deadlines read; `calendar` None: weekends and fixed holidays.

    `later`: what they were changed to, and when, in that order. `is_bound`: not what is set, but
    what lets limits end at the earliest.
    """

    calendar: Calendar | None = None
    approval_limit_hours: int = 48
    approval_in_business_time: bool = True
    no_response_after: int = 3
    next_action_reminder_hours: int = 24
    visit_incomplete_hours: int = 24
    revisions_warning_above: int = 3
    revisions_questions_below: int = 2
    later: tuple[tuple[datetime, "DeadlineSettings"], ...] = ()
    is_bound: bool = False


DEFAULT_SETTINGS = DeadlineSettings()


class Span(NamedTuple):
    """From the anchor to what ended it, with the moment due."""

    anchor_event_id: str
    due_at: datetime
    ended_at: datetime | None
    ended_by: str | None


def deadline_of(
    row: OpportunityProcess,
    rule: str,
    span: Span,
    facts: dict[str, Any],
    stage: str | None = None,
    *,
    waits_for: str | None = None,
) -> Deadline:
    """With whose it was, and in which stage, at the moment due. `waits_for`: the role that has to
    act is told beside those whom the stage names."""
    at_due = (span.due_at, LATEST)
    owner = owner_at(row, at_due)
    rules = rules_at(row, at_due)
    stay = stay_at(row, at_due) if stage is None else None
    in_stage = stage or (stay.stage if stay else None)
    found = stage_rules(row, rules, in_stage) if in_stage else None
    return Deadline(
        rule=rule,
        anchor_event_id=span.anchor_event_id,
        due_at=span.due_at,
        ended_at=span.ended_at,
        ended_by_event_id=span.ended_by,
        stage=in_stage,
        unit_path=owner.unit_path,
        owner_id=owner.owner_id,
        facts=(
            *facts.items(),
            ("pipeline", rules.pipeline),
            ("pipeline_version", rules.pipeline_version),
        ),
        told=(*(found.told if found else ()), *([waits_for] if waits_for else [])),
    )


def in_force(
    settings: DeadlineSettings,
    anchor: datetime,
    ended_at: datetime | None,
    due_of: Callable[[DeadlineSettings], datetime | None],
) -> tuple[DeadlineSettings, datetime | None]:
    """The settings that a limit ended under, and when ("How things are counted").

    A change moves what is not yet due, never before the change itself; it takes nothing back.
    """
    present, due = settings, due_of(settings)
    for since, changed in settings.later:
        if since > anchor:
            is_over = ended_at is not None and since >= ended_at
            if is_over or (due is not None and due < since):
                break
        moved = due_of(changed)
        present, due = changed, moved if moved is None or since <= anchor else max(moved, since)
    return present, due


def is_met(due: datetime, ended_at: datetime | None) -> bool:
    return ended_at is not None and ended_at <= due


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
