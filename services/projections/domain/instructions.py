"""Instructions, not figures: what to do, why, by when, with whom, in one's language (P11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.projections.domain.words import listed, say
from shared.business_time import BusinessCalendar

AT_MOST = 3


class TroubledOpportunity(NamedTuple):
    opportunity_id: str
    customer_id: str
    owner_id: str | None
    is_key: bool
    hours_over: float


class Group(NamedTuple):
    """What calls for one instruction: `kind` is stuck or silent, in one stage."""

    kind: str
    stage: str
    opportunities: Sequence[TroubledOpportunity]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSettings:
    """`before` today, or, from `turns_at` on, `next_day` on the next working day."""

    stuck_days: int = 5
    before: time = time(16)
    turns_at: time = time(14)
    next_day: time = time(10)


DEFAULT_INSTRUCTIONS = InstructionSettings()


class Reader(NamedTuple):
    """Whom it is said to; names of people and stages where they are known."""

    language: str
    names: Mapping[str, str]


def deadline_of_instruction(
    now: datetime,
    calendar: BusinessCalendar,
    settings: InstructionSettings = DEFAULT_INSTRUCTIONS,
) -> datetime:
    """Today 16:00; after 14:00, or on a day off, 10:00 of the next working day (P11)."""
    zone = ZoneInfo(calendar.zone)
    local = now.astimezone(zone)
    today = local.date()
    if calendar.is_working_day(today) and local.time() <= settings.turns_at:
        return datetime.combine(today, settings.before, zone)
    return datetime.combine(calendar.next_working_day(today), settings.next_day, zone)


def instructions(
    groups: Sequence[Group],
    now: datetime,
    calendar: BusinessCalendar,
    reader: Reader,
    settings: InstructionSettings = DEFAULT_INSTRUCTIONS,
) -> list[dict[str, Any]]:
    """At most three, the one with the most opportunities first, each with list, agenda, people."""
    by = deadline_of_instruction(now, calendar, settings)
    ranked = sorted(
        (group for group in groups if group.opportunities),
        key=lambda group: (-len(group.opportunities), group.kind, group.stage),
    )
    return [_instruction(group, now, by, reader, settings) for group in ranked[:AT_MOST]]


def _instruction(
    group: Group,
    now: datetime,
    by: datetime,
    reader: Reader,
    settings: InstructionSettings,
) -> dict[str, Any]:
    language = reader.language
    worst = sorted(group.opportunities, key=lambda one: (-one.hours_over, one.opportunity_id))
    people = sorted({one.owner_id for one in worst if one.owner_id is not None})
    keys = sum(one.is_key for one in worst)
    number = "one" if len(worst) == 1 else "many"
    sentence = say(
        group.kind,
        language,
        count=len(worst),
        opportunities=say(f"opportunities.{number}", language),
        stage=reader.names.get(group.stage, group.stage),
        days=settings.stuck_days,
        key=say("key_industry", language, count=keys) if keys else "",
        people=listed([reader.names.get(each, each) for each in people], language),
        by=_by(by, now, language),
    )
    return {
        "kind": group.kind,
        "stage": group.stage,
        "text": sentence,
        "count": len(worst),
        "key_industry": keys,
        "before": by,
        "people": people,
        "agenda": [say(f"agenda.{point}", language) for point in ("list", "obstacle", "next")],
        "opportunities": [
            {
                "opportunity_id": one.opportunity_id,
                "customer_id": one.customer_id,
                "owner_id": one.owner_id,
                "hours_over": one.hours_over,
            }
            for one in worst
        ],
    }


def _by(by: datetime, now: datetime, language: str) -> str:
    if by.date() == now.astimezone(by.tzinfo).date():
        return say("before_today", language, time=f"{by:%H:%M}")
    return say("before_next", language, time=f"{by:%H:%M}", day=f"{by:%Y-%m-%d}")
