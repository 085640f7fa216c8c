"""What was chosen on the page behind a message's link: the same as on the board (N3)."""

from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from services.notifications.api.page_template import WORDS
from services.notifications.domain.escalation_commands import (
    AcknowledgeEscalation,
    HandOverEscalation,
    ResolveEscalation,
    SnoozeEscalation,
)
from services.notifications.domain.escalation_list import EscalationRow
from shared.business_time import tomorrow_at
from shared.errors import FieldProblem, Malformed
from shared.organisation import Organisation

Acting = AcknowledgeEscalation | SnoozeEscalation | HandOverEscalation | ResolveEscalation
Deed = Callable[[str, str | None], Acting]
"""The command for an escalation in somebody's name."""

_AN_HOUR = timedelta(hours=1)
_MORNING = time(9)
_LONGEST_REASON = 64


class Chosen(BaseModel):
    """What the page's forms send."""

    action: Literal["acknowledge", "snooze", "hand-over", "resolve"]
    until: Literal["hour", "tomorrow"] | None = None
    to_person_id: str = ""
    reason: str = ""


def colleagues(
    escalations: Iterable[EscalationRow], organisation: Organisation, reader_id: str | None
) -> dict[str, str]:
    """To whom all this may be handed over, by name."""
    units = dict.fromkeys(each.course.opened.unit_id for each in escalations)
    people = dict.fromkeys(each for unit in units for each in organisation.around(unit))
    return {each: organisation.called(each) for each in people if each != reader_id}


def deed_of(chosen: Chosen, offered: Iterable[str], zone: str, now: datetime) -> Deed:
    """Raises Malformed with the field at fault."""
    match chosen.action:
        case "acknowledge":
            return lambda escalation_id, by: AcknowledgeEscalation(
                escalation_id=escalation_id, by=by, now=now
            )
        case "snooze":
            until = _until(chosen, zone, now)
            return lambda escalation_id, by: SnoozeEscalation(
                escalation_id=escalation_id, by=by, until=until, now=now
            )
        case "hand-over":
            to_person_id = _taker(chosen, offered)
            return lambda escalation_id, by: HandOverEscalation(
                escalation_id=escalation_id, by=by, to_person_id=to_person_id, now=now
            )
        case "resolve":
            reason = _reason(chosen)
            return lambda escalation_id, by: ResolveEscalation(
                escalation_id=escalation_id, by=by or "", reason=reason, now=now
            )
        case _:
            assert_never(chosen.action)


def deed_in_words(chosen: Chosen, language: str, organisation: Organisation, now: datetime) -> str:
    words = WORDS[language]
    match chosen.action:
        case "acknowledge":
            return words["acknowledged"]
        case "snooze":
            zone = organisation.zone(now)
            local = _until(chosen, zone, now).astimezone(ZoneInfo(zone))
            return words["snoozed"].format(at=f"{local:%Y-%m-%d %H:%M}")
        case "hand-over":
            return words["handed_over"].format(person=organisation.called(chosen.to_person_id))
        case "resolve":
            return words["resolved"]
        case _:
            assert_never(chosen.action)


def _until(chosen: Chosen, zone: str, now: datetime) -> datetime:
    match chosen.until:
        case "hour":
            return now + _AN_HOUR
        case "tomorrow":
            return tomorrow_at(now, zone, _MORNING)
        case None:
            raise _fault("until", "required")
        case _:
            assert_never(chosen.until)


def _taker(chosen: Chosen, offered: Iterable[str]) -> str:
    if not chosen.to_person_id:
        raise _fault("to_person_id", "required")
    if chosen.to_person_id not in offered:
        raise _fault("to_person_id", "not-among")
    return chosen.to_person_id


def _reason(chosen: Chosen) -> str:
    reason = chosen.reason.strip()
    if len(reason) > _LONGEST_REASON:
        raise _fault("reason", "too-long")
    return reason or "resolved-by-hand"


def _fault(field: str, code: str) -> Malformed:
    return Malformed(field, errors=[FieldProblem(field, code, WORDS["en"][code])])
