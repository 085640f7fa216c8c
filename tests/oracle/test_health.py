"""The oracle of health finds what it is there to find."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.behaviour import Told
from tests.oracle.health import LINES, Tenant, disagreements

OPENED = datetime(2026, 3, 2, 4, tzinfo=UTC)
"""Monday noon in Shanghai: half a day before the end of that day."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENDS = OPENED + 12 * HOUR
OPPORTUNITY, HEALTH = "T1/opportunity/O1", "T1/health/opportunity:O1"


def told(stream: str, version: int, name: str, at: datetime, **data: Any) -> Told:
    log = "scoring" if stream == HEALTH else "opportunities"
    return Told(stream, version, f"{log}.{name}.v1", at, at, data)


PIPELINE = {
    "name": "standard",
    "silence_in_business_time": False,
    "stages": [{"name": "first", "silence_limit_seconds": 24 * 3600}],
}
BEGUN = [
    told(
        OPPORTUNITY,
        1,
        "opportunity_opened",
        OPENED,
        opened_at=OPENED.isoformat(),
        stage="first",
        pipeline=PIPELINE,
    ),
    told("T1/action_types/T1", 1, "action_type_defined", OPENED, definition={"type": "call"}),
]
MEASURED = ("calls", "next_step", "silence")


def scored(day: int, silence: float, score: float, low_since: str | None, version: int = 1) -> Told:
    """No call, no next step: all that it is worth is that it was not silent for long."""
    at = ENDS + (day - 2) * DAY
    parts = [("calls", 0.0, 0.0), ("next_step", 0.0, 0.0), ("silence", silence, score)]
    return told(
        HEALTH,
        version,
        "health_scored",
        at + HOUR,
        subject_kind="opportunity",
        subject_id="O1",
        day=f"2026-03-{day:02}",
        score=score,
        parts=[{"input": name, "measured": m, "points": p} for name, m, p in parts],
        missing=sorted(LINES.keys() - set(MEASURED)),
        low_since=low_since,
    )


def brought_in(low_since: str) -> Told:
    return told(
        HEALTH,
        9,
        "health_stayed_low",
        ENDS + DAY + HOUR,
        subject_kind="opportunity",
        subject_id="O1",
        low_since=low_since,
    )


FIRST = scored(2, 0.5, 25.0, "2026-03-02")
SECOND = scored(3, 1.5, 8.3333, "2026-03-02", version=2)
TOLD = brought_in("2026-03-02")


def wrong(*events: Told) -> list[str]:
    return disagreements(Tenant([*BEGUN, *events], "Asia/Shanghai"))


def test_scores_that_are_right_are_well() -> None:
    assert wrong(FIRST) == []
    assert wrong(FIRST, SECOND, TOLD) == []


def test_a_wrong_figure_is_found() -> None:
    assert wrong(scored(2, 0.5, 25.1, "2026-03-02")) != []
    assert wrong(scored(2, 0.6, 25.0, "2026-03-02")) != []
    assert wrong(scored(2, 0.5, 25.0, None)) != []


def test_a_day_without_its_score_is_found() -> None:
    other = SECOND._replace(
        stream="T1/health/opportunity:O2", data={**SECOND.data, "subject_id": "O2"}
    )
    assert any(each.startswith("opportunity/O1") for each in wrong(FIRST, other))


def test_a_manager_who_was_not_brought_in_or_without_cause_is_found() -> None:
    assert wrong(FIRST, SECOND) != []
    assert wrong(FIRST, TOLD) != []


def test_the_score_of_a_day_on_which_it_was_closed_is_found() -> None:
    """Though it is open again when the day is judged."""
    at = OPENED + HOUR
    lost = told(OPPORTUNITY, 2, "opportunity_lost", at, lost_at=at.isoformat())
    again = ENDS + HOUR / 2
    reopened = told(
        OPPORTUNITY, 3, "opportunity_reopened", again, reopened_at=again.isoformat(), stage="first"
    )
    assert wrong(lost, reopened, FIRST) != []
