"""Compares what the command shows of an imported log with what the oracle makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.reading import Golden, Health, Reading
from tests.system.command import Json, Pulsetrail

Figures = dict[tuple[str | None, ...], dict[str, Any]]


def written(moment: datetime) -> str:
    """A time as interfaces.md writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compare_everything(pulsetrail: Pulsetrail, reading: Reading) -> None:
    """The board at the clock, every signal, all figures of every unit, every rep, in every week."""
    compare_boards(pulsetrail, reading, units_with_children(reading))


def compare_roots(pulsetrail: Pulsetrail, reading: Reading) -> None:
    """As `compare_everything`, but of the units only the first two levels; quicker."""
    compare_boards(pulsetrail, reading, ["company"])


def compare_boards(pulsetrail: Pulsetrail, reading: Reading, units: list[str]) -> None:
    compare_silence(pulsetrail, reading)
    compare_signals(pulsetrail, reading)
    for unit in units:
        compare_process_health(pulsetrail, reading, unit)
        compare_golden_actions(pulsetrail, reading, unit)


def units_with_children(reading: Reading) -> list[str]:
    """Listing each of these shows every unit of the tree."""
    return sorted({parent for parent in reading.rules.parents.values() if parent})


def compare_silence(
    pulsetrail: Pulsetrail,
    reading: Reading,
    moment: datetime | None = None,
) -> None:
    as_of = ["--as-of", written(moment)] if moment else []
    board = pulsetrail.json("board", "silence", *as_of)
    expected = [
        {
            "opportunity_id": row.opportunity_id,
            "customer_id": row.customer_id,
            "stage": row.stage,
            "unit_id": row.unit_id,
            "owner_id": row.owner_id,
            "amount": row.amount,
            "currency": reading.rules.currency,
            "last_activity_at": written(row.last_activity_at),
            "limit_hours": pytest.approx(row.limit_hours, abs=1e-9),
            "hours_left": pytest.approx(row.hours_left, abs=1e-9),
        }
        for row in reading.silence(moment)
    ]
    shown = [{**row, "amount": Decimal(row["amount"])} for row in board["rows"]]
    assert board["as_of"] == written(moment or reading.clock)
    assert board["total"] == len(expected)
    assert [_only(row, expected[0]) for row in shown] == expected


def compare_signals(pulsetrail: Pulsetrail, reading: Reading) -> None:
    expected = {
        (
            stall.opportunity_id,
            written(stall.due_at),
            stall.stage,
            stall.owner_id,
            stall.unit_id,
            stall.state,
        )
        for stall in reading.stalls()
    }
    signals = pulsetrail.lines("signals", "--rule", "stalled")
    shown = {
        (
            signal["subject_id"],
            signal["due_at"],
            signal["stage"],
            signal["owner_id"],
            signal["unit_id"],
            signal["state"],
        )
        for signal in signals
    }
    assert shown == expected
    assert len(signals) == len(expected)
    for signal in signals:
        assert signal["raised_at"] == signal["due_at"]
        assert signal["historical"] is True
        assert signal["rule"] == "stalled"
        assert signal["subject_kind"] == "opportunity"


def compare_process_health(
    pulsetrail: Pulsetrail,
    reading: Reading,
    unit: str,
    week: str | None = None,
    moment: datetime | None = None,
) -> None:
    """All weeks, or one; `week` also fixes the order: the unit, its children, then reps, by id."""
    asked = ["--unit", unit]
    asked += ["--week", week] if week else []
    asked += ["--as-of", written(moment)] if moment else []
    rows = pulsetrail.json("board", "process-health", *asked)["rows"]
    expected = {
        key: _health(figure)
        for key, figure in reading.process_health(moment).items()
        if _is_listed(reading, unit, key[0], key[1]) and week in (None, key[2])
    }
    shown = _by_key(rows, ("unit_id", "rep_id", "week"))
    nothing = {key for key in shown if key[:2] == (unit, None)} - expected.keys()
    for key in nothing:
        assert not any(shown.pop(key)["counts"].values())
    assert _comparable(shown, next(iter(expected.values()), {})) == expected
    if week:
        _assert_in_order([(row["unit_id"], row["rep_id"]) for row in rows], unit)


def compare_golden_actions(
    pulsetrail: Pulsetrail,
    reading: Reading,
    unit: str,
    week: str | None = None,
    month: str | None = None,
) -> None:
    window: list[datetime] = []
    asked = ["--unit", unit]
    if week:
        asked, window = [*asked, "--week", week], [*reading.week(week)]
    if month:
        asked, window = [*asked, "--month", month], [*reading.month(month)]
    rows = pulsetrail.json("board", "golden-actions", *asked)["rows"]
    expected = {
        key: _golden(figure)
        for key, figure in reading.golden_actions(*window).items()
        if _is_listed(reading, unit, key[0], key[1])
    }
    shown = _by_key(rows, ("unit_id", "rep_id", "stage", "action"))
    nothing = {key for key in shown if key[:2] == (unit, None)} - expected.keys()
    for key in nothing:
        assert (shown[key]["due"], shown[key]["rate"]) == (0, None)
        del shown[key]
    assert _comparable(shown, next(iter(expected.values()), {})) == expected


def _health(figure: Health) -> dict[str, Any]:
    return {
        "stage_compliance": _near(figure.stage_compliance),
        "evidence_rate": None,
        "silence_overrun": _near(figure.silence_overrun),
        "index": _near(figure.index),
        "counts": {
            "moved": figure.moved,
            "skipped": figure.skipped,
            "evidence_required": 0,
            "evidence_complete": 0,
            "open": figure.open,
            "overrun": figure.overrun,
        },
    }


def _golden(figure: Golden) -> dict[str, Any]:
    rate = figure.done / figure.due
    light = "green" if rate >= 0.9 else "yellow" if rate >= 0.7 else "red"
    return {"done": figure.done, "due": figure.due, "rate": _near(rate), "light": light}


def _near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=1e-9)


def _is_listed(reading: Reading, unit: str, listed: str, rep: str | None) -> bool:
    """U and its direct children as a whole, and every rep of its subtree."""
    if rep is None:
        return listed == unit or reading.rules.parents[listed] == unit
    return unit in reading.rules.units_above(listed)


def _by_key(rows: list[Json], names: tuple[str, ...]) -> Figures:
    """Rows by what names them; raises AssertionError where two have the same name."""
    keyed: Figures = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        assert key not in keyed, f"{key} is listed twice"
        keyed[key] = row
    return keyed


def _comparable(shown: Figures, sample: dict[str, Any]) -> Figures:
    comparable = {}
    for key, row in shown.items():
        kept = _only(row, sample)
        if "counts" in sample:
            kept["counts"] = _only(row["counts"], sample["counts"])
        comparable[key] = kept
    return comparable


def _only(row: Json, sample: dict[str, Any]) -> Json:
    """Further fields are welcome: those that are compared."""
    return {name: row[name] for name in sample}


def _assert_in_order(listed: list[tuple[str, str | None]], unit: str) -> None:
    assert listed[0] == (unit, None)
    below = listed[1:]
    assert below == sorted(below, key=lambda row: (row[1] is not None, row[1] or row[0]))


def moments(reading: Reading, count: int) -> Iterator[datetime]:
    """Moments spread over the history; each last one of three is a row's own time."""
    step = (reading.clock - reading.began) / (count + 1)
    times = sorted(case.standings[-1].since for case in reading.cases)
    for number in range(1, count + 1):
        moment = reading.began + number * step
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        yield moment if number % 3 else max(at for at in times if at <= moment)
