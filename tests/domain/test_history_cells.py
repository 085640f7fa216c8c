"""From cells to rows: times, amounts, empty cells; what is wrong costs its row only."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.opportunities.domain.history_cells import HistoryRow, RowParser
from tests.domain.history_example import HEADER, LATEST, cells, mapping, problem, row


def test_a_row_carries_what_the_mapping_names() -> None:
    read = row(mapping(), "CALL", "2025-03-03T09:00:00.123+08:00", who=" 7 ", offer="O9")
    assert read == HistoryRow(
        row=2,
        file="log.csv",
        case="1",
        activity="CALL",
        lifecycle="COMPLETE",
        time=datetime(2025, 3, 3, 1, 0, 0, 123000, tzinfo=UTC),
        actor="7",
        amount=Decimal(100),
        entered_at=None,
        further=("O9", ""),
    )


def test_a_time_without_offset_is_of_the_mapping_s_zone() -> None:
    assert row(mapping(), "CALL", "2025-03-03 09:00:00").time == datetime(2025, 3, 3, 1, tzinfo=UTC)


def test_times_are_cut_to_milliseconds() -> None:
    read = row(mapping(), "CALL", "2025-03-03T01:00:00.123999Z")
    assert read.time.microsecond == 123000


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y %H:%M", "03.03.2025 09:00"),
        ("epoch-seconds", "1740963600"),
        ("epoch-milliseconds", "1740963600000"),
        (["%d.%m.%Y", "iso"], "2025-03-03T09:00"),
    ],
)
def test_times_come_in_the_forms_that_the_mapping_names(form: str | list[str], text: str) -> None:
    used = mapping(time={"format": form, "zone": "Asia/Shanghai"})
    assert row(used, "CALL", text).time == datetime(2025, 3, 3, 1, tzinfo=UTC)


def test_a_workbook_s_own_times_are_understood_beside_the_formats() -> None:
    used = mapping(time={"format": "%d.%m.%Y", "zone": "Asia/Shanghai"})
    parser = RowParser(used, HEADER, LATEST, typed=True)
    parsed = parser.parse(2, "log.xlsx", cells("CALL", "2025-03-03T09:00:00"))
    assert isinstance(parsed, HistoryRow)
    assert parsed.time == datetime(2025, 3, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12800.50", "12800.50"), ("1,234.5", "1234.5"), (" 7 ", "7"), ("-3", "-3")],
)
def test_amounts_are_exact(text: str, amount: str) -> None:
    used = mapping()
    assert row(used, "CALL", "2025-03-03T01:00:00Z", amount=text).amount == Decimal(amount)


def test_amounts_may_have_a_decimal_comma() -> None:
    used = mapping(file={"decimal_mark": ","})
    read = row(used, "CALL", "2025-03-03T01:00:00Z", amount="1.234,50")
    assert read.amount == Decimal("1234.50")


def test_an_empty_amount_is_unknown() -> None:
    assert row(mapping(), "CALL", "2025-03-03T01:00:00Z", amount="").amount is None


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        (cells("CALL", "2025-03-03T01:00:00Z")[:5], "", "wrong-number-of-columns"),
        ([*cells("CALL", "2025-03-03T01:00:00Z"), "x"], "", "wrong-number-of-columns"),
        (cells("CALL", "2025-03-03T01:00:00Z", case=" "), "case", "required"),
        (cells("", "2025-03-03T01:00:00Z"), "what", "required"),
        (cells("CALL", ""), "when", "not-a-time"),
        (cells("CALL", "2025-13-03T01:00:00Z"), "when", "not-a-time"),
        (cells("CALL", "1969-12-31T00:00:00Z"), "when", "time-out-of-range"),
        (cells("CALL", "0001-01-01T00:00:00+08:00"), "when", "time-out-of-range"),
        (cells("CALL", "2026-01-01T00:00:00.001Z"), "when", "time-out-of-range"),
        (cells("CALL", "2025-03-03T01:00:00Z", amount="much"), "sum", "not-a-number"),
        (cells("CALL", "2025-03-03T01:00:00Z", amount="NaN"), "sum", "out-of-range"),
        (cells("CALL", "2025-03-03T01:00:00Z", amount="1e99"), "sum", "out-of-range"),
    ],
)
def test_a_wrong_cell_is_named_by_its_column(record: list[str], field: str, code: str) -> None:
    found = problem(mapping(), record)
    assert (found.row, found.file, found.field, found.code) == (7, "log.csv", field, code)
    assert found.message


def test_when_the_source_recorded_a_row_is_kept_where_it_says_so() -> None:
    columns = {"case": "case", "activity": "what", "time": "when", "entered_at": "why"}
    used = mapping(columns=columns, reps=None, action=None, rule=None)
    entered = row(used, "CALL", "2025-03-03T01:00:00Z", why="2025-03-04T01:00:00Z")
    assert entered.entered_at == datetime(2025, 3, 4, 1, tzinfo=UTC)
    assert row(used, "CALL", "2025-03-03T01:00:00Z").entered_at is None
    wrong = problem(used, cells("CALL", "2025-03-03T01:00:00Z", why="later"))
    assert (wrong.field, wrong.code) == ("why", "not-a-time")
