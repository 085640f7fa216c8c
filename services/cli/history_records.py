"""The records of one history file (CSV, CSV.gz, NDJSON, workbook); a bad one costs only itself."""

import csv
import gzip
import io
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

from python_calamine import CalamineError, CalamineWorkbook

from services.opportunities.domain.history_cells import RowProblem
from services.opportunities.domain.history_mapping import MapsColumns
from shared.errors import Malformed

_BROKEN_TEXT = re.compile("[\udc80-\udcff]")
_LONGEST_RECORD = 200
_FILE_BREAKS = (EOFError, zlib.error, OSError, UnicodeError)
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_JSON_LINES = (".ndjson", ".jsonl")


class FileIsUnreadable(Malformed):
    """The file is not there, is not what its name says, or has no header."""

    code = "file-is-unreadable"


class Record(NamedTuple):
    """`row`: the line of the file on which the record begins, the first line being 1."""

    row: int
    cells: list[str]


class Records(NamedTuple):
    """`typed`: times come as times, written in ISO. `keys`: filled while objects are read."""

    header: list[str]
    typed: bool
    records: Iterator[Record | RowProblem]
    keys: set[str] | None


@contextmanager
def open_records(path: Path, mapping: MapsColumns) -> Iterator[Records]:
    """Raises FileIsUnreadable; after the header every problem is one of a row."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _WORKBOOKS:
        yield _workbook(path, mapping.file.sheet)
        return
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    plain_suffix = suffixes[-2:-1] if packed else suffixes[-1:]
    try:
        raw = path.open("rb")
    except OSError as refusal:
        raise FileIsUnreadable(f"{path}: {refusal.strerror or refusal}") from refusal
    with raw:
        file: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        if plain_suffix and plain_suffix[0] in _JSON_LINES:
            yield _json_lines(file, path, mapping)
        else:
            yield _separated(file, path, mapping)


def _separated(file: BinaryIO, path: Path, mapping: MapsColumns) -> Records:
    form = mapping.file
    encoding = "utf-8-sig" if form.encoding.lower() in {"utf-8", "utf8"} else form.encoding
    text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    lines = _Lines(text, path.name)
    separated = _SeparatedValues(lines, form.delimiter, path.name)
    try:
        header = separated.header()
    except _FILE_BREAKS as refusal:
        raise FileIsUnreadable(f"{path}: {refusal}") from refusal
    if not header:
        raise FileIsUnreadable(f"{path}: no header")
    return Records(header, False, separated.records(len(header)), None)


class _Lines:
    """Lines with their numbers, some of which may be given back."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text = text
        self._given_back: deque[str] = deque()
        self.name = name
        self.number = 0

    def next(self) -> str:
        """The next line, "" at the end."""
        line = self._given_back.popleft() if self._given_back else self._text.readline()
        self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        self._given_back.extendleft(reversed(lines))
        self.number -= len(lines)


class _SeparatedValues:
    def __init__(self, lines: _Lines, delimiter: str, name: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._name = name

    def header(self) -> list[str]:
        line = self._lines.next()
        while line and not line.strip():
            line = self._lines.next()
        cells = self._parse(line, strict=False) if line else []
        return [cell.strip() for cell in cells]

    def records(self, width: int) -> Iterator[Record | RowProblem]:
        lines, delimiter = self._lines, self._delimiter
        while True:
            try:
                line = lines.next()
            except _FILE_BREAKS as broken:
                message = f"the file breaks off: {broken}"
                yield RowProblem(lines.number + 1, self._name, "", "file-truncated", message)
                return
            if not line:
                return
            number = lines.number
            if not line.isascii() and _BROKEN_TEXT.search(line):
                message = "bytes that the file's encoding does not have"
                yield RowProblem(number, self._name, "", "broken-text", message)
            elif '"' in line:
                yield self._quoted(line, number, width)
            elif cells := line.rstrip("\r\n"):
                yield Record(number, cells.split(delimiter))

    def _quoted(self, line: str, number: int, width: int) -> Record | RowProblem:
        """A record with quotes may run over several lines; one that never ends costs one line."""
        text, taken = line, list[str]()
        while True:
            try:
                cells = self._parse(text, strict=True)
            except csv.Error as refusal:
                if "unexpected end" not in str(refusal):
                    cells = self._parse(line, strict=False)
                    break
                more = self._lines.next() if len(taken) < _LONGEST_RECORD else ""
                if not more:
                    break
                taken.append(more)
                text += more
            else:
                if len(cells) == width or not taken:
                    return Record(number, cells)
                break
        self._lines.give_back(taken)
        if not taken and len(cells := self._parse(line, strict=False)) == width:
            return Record(number, cells)
        return RowProblem(number, self._name, "", "broken-quotes", "a quote is never closed")

    def _parse(self, text: str, *, strict: bool) -> list[str]:
        return next(csv.reader([text], delimiter=self._delimiter, strict=strict), [])


def _json_lines(file: BinaryIO, path: Path, mapping: MapsColumns) -> Records:
    header = list(dict.fromkeys(mapping.columns.values()))
    keys: set[str] = set()
    return Records(header, False, _objects(file, path.name, header, keys), keys)


def _objects(
    file: BinaryIO, name: str, header: list[str], keys: set[str]
) -> Iterator[Record | RowProblem]:
    number = 0
    while True:
        number += 1
        try:
            line = file.readline()
        except _FILE_BREAKS as broken:
            message = f"the file breaks off: {broken}"
            yield RowProblem(number, name, "", "file-truncated", message)
            return
        if not line:
            return
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode("utf-8-sig"), parse_float=str, parse_int=str)
        except UnicodeDecodeError:
            yield RowProblem(number, name, "", "broken-text", "bytes that are not UTF-8")
            continue
        except (ValueError, RecursionError):
            yield RowProblem(number, name, "", "not-json", "is not a JSON object")
            continue
        if not isinstance(found, dict):
            yield RowProblem(number, name, "", "not-json", "is not a JSON object")
            continue
        keys.update(found)
        yield _record_of(found, number, name, header)


def _record_of(
    found: dict[str, Any], number: int, name: str, header: list[str]
) -> Record | RowProblem:
    cells = []
    for column in header:
        value = found.get(column)
        if isinstance(value, dict | list):
            return RowProblem(number, name, column, "wrong-type", "must be a text or a number")
        cells.append(_text_of(value))
    return Record(number, cells)


def _workbook(path: Path, sheet_name: str | None) -> Records:
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheet = (
            workbook.get_sheet_by_index(0)
            if sheet_name is None
            else workbook.get_sheet_by_name(sheet_name)
        )
        first_row = (sheet.start or (0, 0))[0] + 1
        rows = sheet.iter_rows()
        header = [_text_of(cell).strip() for cell in next(rows, [])]
    except (CalamineError, OSError, ValueError) as refusal:
        raise FileIsUnreadable(f"{path}: {refusal}") from refusal
    if not any(header):
        raise FileIsUnreadable(f"{path}: no header")
    return Records(header, True, _sheet_records(rows, first_row), None)


def _sheet_records(rows: Iterator[list[Any]], first_row: int) -> Iterator[Record]:
    for number, row in enumerate(rows, first_row + 1):
        cells = [_text_of(cell) for cell in row]
        if any(cells):
            yield Record(number, cells)


def _text_of(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)
