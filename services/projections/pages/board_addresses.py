"""What a board's page offers of windows, and where its figures and its file are found."""

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from services.projections.domain.windows import Window, month_of, quarter_of
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question

_YOUNG = timedelta(days=30)
_QUARTERS, _MONTHS = 4, 6


def windows_before(visit: Visit) -> list[str]:
    """Quarters and then months to choose from, the latest of each first."""
    return [*_quarters_before(visit, _QUARTERS), *months_before(visit)]


def months_before(visit: Visit, count: int = _MONTHS) -> list[str]:
    """The running month and those before it, the latest first."""
    at = visit.asker.clock
    zone = visit.organisation.zone(at)
    found = []
    for _ in range(count):
        month = month_of(at, zone)
        found.append(month.name)
        at = _before(month)
    return found


def _quarters_before(visit: Visit, count: int) -> list[str]:
    """The running quarter and those before it, the latest first."""
    at = visit.asker.clock
    zone = visit.organisation.zone(at)
    found = []
    for _ in range(count):
        quarter = quarter_of(at, zone)
        found.append(quarter.name)
        at = _before(quarter)
    return found


def telling_quarter(visit: Visit) -> str:
    """The running quarter; in its first thirty days, when it tells little, the one before."""
    at = visit.asker.clock
    zone = visit.organisation.zone(at)
    running = quarter_of(at, zone)
    return quarter_of(_before(running), zone).name if at - running.begins < _YOUNG else running.name


def with_window(question: Question, name: str) -> Question:
    """A quarter (2011-Q4) or a month (2011-11), by how it is written."""
    return replace(question, quarter=name) if "Q" in name else replace(question, month=name)


def why_path(board: str, question: Question, figure: str, **about: str | None) -> str:
    """Why a figure is what it is; `about`: the row that it stands in."""
    kept = [(name, value) for name, value in asked_for(question) if name not in about]
    named = [(name, value) for name, value in about.items() if value is not None]
    return f"/why/{board}?{urlencode([('figure', figure), *kept, *named])}"


def asked_for(question: Question) -> list[tuple[str, str]]:
    """The fields of an address by which the same is asked again."""
    ends, between = question.nodes[:2], question.nodes[2:]
    asked = (
        ("unit", question.unit_id),
        ("rep", question.rep_id),
        ("stage", question.stage),
        ("week", question.week),
        ("month", question.month),
        ("quarter", question.quarter),
        *zip(("from", "to"), ends, strict=False),
        *(("via", each) for each in between),
        ("pipeline", question.pipeline),
        ("segment", question.segment),
    )
    return [(name, value) for name, value in asked if value is not None]


def _before(window: Window) -> datetime:
    return window.begins - timedelta(days=1)
