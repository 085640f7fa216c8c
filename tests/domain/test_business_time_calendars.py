"""Where the working days of a year come from."""

from datetime import date
from pathlib import Path

import pytest

from services.directory.calendar_source import chinese_calendar_days, file_calendar_days
from shared.errors import Malformed


def calendar_file(folder: Path, content: bytes) -> Path:
    path = folder / "days.csv"
    path.write_bytes(content)
    return path


def test_the_chinese_calendar_knows_holidays_and_make_up_days() -> None:
    days = chinese_calendar_days(2026)
    assert not days.provisional
    assert days.days[date(2026, 10, 1)] is False
    assert any(works and day.weekday() >= 5 for day, works in days.days.items())
    assert all(works is (day.weekday() >= 5) for day, works in days.days.items())


def test_a_year_not_yet_published_is_provisional() -> None:
    days = chinese_calendar_days(2035)
    assert days.provisional
    assert days.days[date(2035, 1, 1)] is False


def test_a_file_gives_the_days_of_its_year(tmp_path: Path) -> None:
    path = calendar_file(
        tmp_path,
        b"\xef\xbb\xbfdate,working\n2027-02-08,false\n2027-02-09,1\n2027-02-20,YES\n2028-01-01,0\n",
    )
    days = file_calendar_days(path, 2027)
    assert days.days == {date(2027, 2, 8): False, date(2027, 2, 20): True}
    assert (days.provisional, days.source) == (False, "days.csv")


@pytest.mark.parametrize(
    ("content", "at"),
    [
        (b"date,working\n2027-02-08,false\n08.02.2027,false\n", "line 3"),
        (b"date,working\n2027-02-08,perhaps\n", "line 2"),
        (b"day,open\n2027-02-08,false\n", "line 2"),
        (b"date,working\n2027-02-08\n", "line 2"),
        (b"date,working\n2027-02-08,f\xffalse\n", "days.csv"),
        (b"date,working\n2026-02-08,false\n", "days.csv"),
        (b"", "days.csv"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_place(
    tmp_path: Path, content: bytes, at: str
) -> None:
    with pytest.raises(Malformed) as refused:
        file_calendar_days(calendar_file(tmp_path, content), 2027)
    assert [problem.field for problem in refused.value.errors] == [at]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as refused:
        file_calendar_days(tmp_path / "away.csv", 2027)
    assert [problem.field for problem in refused.value.errors] == ["away.csv"]
