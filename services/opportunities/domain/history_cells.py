"""From the cells of one record to a history row: every wrong cell costs only its row (G2)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from sys import intern
from typing import NamedTuple

from services.opportunities.domain.history_mapping import (
    ACTIVITY,
    ACTOR,
    AMOUNT,
    CASE,
    ENTERED_AT,
    LIFECYCLE,
    TIME,
    ColumnIsAbsent,
    FileForm,
    HistoryMapping,
    MapsColumns,
    TimeForm,
)
from shared.errors import FieldProblem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_AMOUNT = Decimal(10) ** 15


class HistoryRow(NamedTuple):
    """One row as the mapping reads it; `further` are the values of its further columns."""

    row: int
    file: str
    case: str
    activity: str
    lifecycle: str
    time: datetime
    actor: str
    amount: Decimal | None
    entered_at: datetime | None
    further: tuple[str, ...]


class RowProblem(NamedTuple):
    """Why a row is not taken. `row`: its line in the file, the first line being 1."""

    row: int
    file: str
    field: str
    code: str
    message: str


class CellIsWrong(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def absent_columns(mapping: MapsColumns, header: Sequence[str]) -> list[FieldProblem]:
    """The columns that the mapping names and the file lacks, or has more than once."""
    problems = []
    for name, column in mapping.columns.items():
        count = header.count(column)
        if count == 0:
            message = f"the file has no column {column!r}"
            problems.append(FieldProblem(f"columns.{name}", "absent-column", message))
        elif count > 1:
            message = f"the file has {count} columns {column!r}"
            problems.append(FieldProblem(f"columns.{name}", "ambiguous-column", message))
    return problems


class RowParser:
    """Parses the records of one file. `latest`: later times are refused (no history of tomorrow).

    `typed`: the file keeps times as times (a workbook), so ISO is understood beside the formats.
    Raises ColumnIsAbsent.
    """

    def __init__(
        self, mapping: HistoryMapping, header: Sequence[str], latest: datetime, typed: bool = False
    ) -> None:
        if problems := absent_columns(mapping, header):
            raise ColumnIsAbsent("the file lacks columns that the mapping names", errors=problems)
        self._column = dict(mapping.columns)
        self._width = len(header)
        at = {name: header.index(column) for name, column in mapping.columns.items()}
        self._case, self._activity, self._time = at[CASE], at[ACTIVITY], at[TIME]
        self._lifecycle, self._actor = at.get(LIFECYCLE), at.get(ACTOR)
        self._amount, self._entered_at = at.get(AMOUNT), at.get(ENTERED_AT)
        self._further = tuple(at[name] for name in mapping.further)
        self._read_time = time_reader(mapping.time, latest, typed)
        self._read_amount = amount_reader(mapping.file)

    def glance(self, cells: Sequence[str]) -> tuple[str, datetime] | None:
        """Only the case and the time, for a first look; None where these are not to be had."""
        if len(cells) != self._width or not (case := cells[self._case].strip()):
            return None
        try:
            return case, self._read_time(cells[self._time])
        except CellIsWrong:
            return None

    def parse(self, row: int, file: str, cells: Sequence[str]) -> HistoryRow | RowProblem:
        if len(cells) != self._width:
            message = f"{len(cells)} columns instead of {self._width}"
            return RowProblem(row, file, "", "wrong-number-of-columns", message)
        case, activity = cells[self._case].strip(), cells[self._activity].strip()
        if not case or not activity:
            name = ACTIVITY if case else CASE
            return RowProblem(row, file, self._column[name], "required", "is empty")
        name = TIME
        try:
            time = self._read_time(cells[self._time])
            name = ENTERED_AT
            entered_at = self._optional_time(cells)
            name = AMOUNT
            amount = None if self._amount is None else self._read_amount(cells[self._amount])
        except CellIsWrong as wrong:
            return RowProblem(row, file, self._column[name], wrong.code, str(wrong))
        lifecycle = "" if self._lifecycle is None else intern(cells[self._lifecycle].strip())
        actor = "" if self._actor is None else intern(cells[self._actor].strip())
        further = tuple([cells[position].strip() for position in self._further])
        return HistoryRow(
            row,
            file,
            intern(case),
            intern(activity),
            lifecycle,
            time,
            actor,
            amount,
            entered_at,
            further,
        )

    def _optional_time(self, cells: Sequence[str]) -> datetime | None:
        if self._entered_at is None or not (text := cells[self._entered_at].strip()):
            return None
        return self._read_time(text)


def time_reader(form: TimeForm, latest: datetime, typed: bool) -> Callable[[str], datetime]:
    """Reads a time as UTC, cut to milliseconds. What it returns raises CellIsWrong."""
    formats = form.formats
    if typed and "iso" not in formats:
        formats = ("iso", *formats)
    readers = [_reader_of(item) for item in formats]
    zone: tzinfo = form.zone

    def read(text: str) -> datetime:
        for reader in readers:
            try:
                moment = reader(text)
            except (ValueError, OverflowError):
                continue
            break
        else:
            raise CellIsWrong("not-a-time", f"{text[:40]!r} is not a time as the mapping has it")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            moment = datetime.min.replace(tzinfo=UTC)
        if not _EPOCH <= moment <= latest:
            raise CellIsWrong("time-out-of-range", f"{text[:40]!r} is before 1970 or yet to come")
        beyond = moment.microsecond % 1000
        return moment - timedelta(microseconds=beyond) if beyond else moment

    return read


def _reader_of(form: str) -> Callable[[str], datetime]:
    if form == "iso":
        return datetime.fromisoformat
    if form.startswith("epoch-"):
        return lambda text: _since_epoch(text, 1 if form == "epoch-seconds" else 1000)
    return lambda text: datetime.strptime(text.strip(), form)  # noqa: DTZ007  # zone added after


def _since_epoch(text: str, units_in_a_second: int) -> datetime:
    try:
        seconds = Decimal(text.strip()) / units_in_a_second
        return _EPOCH + timedelta(milliseconds=int(seconds * 1000))
    except ArithmeticError:
        raise ValueError(text) from None


def amount_reader(form: FileForm) -> Callable[[str], Decimal | None]:
    """Reads an amount, None where the cell is empty. What it returns raises CellIsWrong."""
    grouping, mark = (",", ".") if form.decimal_mark == "." else (".", ",")

    def read(text: str) -> Decimal | None:
        plain = text.strip()
        if not plain:
            return None
        if grouping in plain or mark != ".":
            plain = plain.replace(grouping, "").replace(mark, ".")
        try:
            amount = Decimal(plain)
        except InvalidOperation:
            raise CellIsWrong("not-a-number", f"{text[:40]!r} is not an amount") from None
        if not (amount.is_finite() and abs(amount) < _LARGEST_AMOUNT):
            raise CellIsWrong("out-of-range", f"{text[:40]!r} is no possible amount")
        return amount

    return read
