"""Examples of scoring: Monday 2 March 2026, 09:00 UTC; one rep, one opportunity."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.scoring.domain.action_record import ActionRecord
from services.scoring.domain.behaviour import Deed, Standing
from shared.business_time import BusinessCalendar

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALENDAR = BusinessCalendar("Asia/Shanghai")
TYPES = frozenset({"call", "visit", "message", "email", "proposal_revised"})


def deed(number: int, before: timedelta, kind: str = "call", **more: Any) -> Deed:
    """So long before NOW."""
    return Deed(action_id=f"A{number}", type=kind, happened_at=NOW - before, **more)


def standing(**more: Any) -> Standing:
    said: dict[str, Any] = {
        "active_at": NOW - 30 * DAY,
        "silence_limit_seconds": 48 * 3600,
        "calendar": None,
        "entered_stage_at": NOW - 4 * DAY,
        "median_dwell_seconds": 4 * 86_400.0,
        "known_types": TYPES,
    }
    return Standing(**{**said, **more})


def record(number: int, happened: datetime, late: timedelta = HOUR, **more: Any) -> ActionRecord:
    """Recorded so long after it happened."""
    said: dict[str, Any] = {
        "action_id": f"A{number:03}",
        "opportunity_id": "O1",
        "rep_id": "rep-1",
        "unit_path": ("company", "team-1"),
        "type": "visit",
        "happened_at": happened,
        "recorded_at": happened + late,
        "summary_event_id": None,
        "fields": {},
    }
    return ActionRecord(**{**said, **more})
