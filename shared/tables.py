"""Rows as files that people open: CSV without formulas, and NDJSON (G4)."""

import csv
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from shared.http import encode_json

CSV = "text/csv; charset=utf-8"
NDJSON = "application/x-ndjson"
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA = re.compile(r"[\s\u0000-\u001f\u007f\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""How a spreadsheet recognises one, full-width signs too, behind whatever it skips."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every name that any row has, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def csv_file(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """With a byte order mark, so that spreadsheets read Chinese as Chinese."""
    named = columns_of(rows) if columns is None else columns
    lines = (csv_line([row.get(name) for name in named]) for row in rows)
    return csv_head(named) + b"".join(lines)


async def csv_stream(
    rows: AsyncIterable[Mapping[str, Any]], columns: Sequence[str]
) -> AsyncIterator[bytes]:
    yield csv_head(columns)
    async for row in rows:
        yield csv_line([row.get(name) for name in columns])


def csv_head(columns: Iterable[str]) -> bytes:
    return _BYTE_ORDER_MARK.encode() + csv_line(columns)


def csv_line(values: Iterable[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_cell(value) for value in values])
    return line.getvalue().encode()


def ndjson_line(row: Mapping[str, Any]) -> bytes:
    return encode_json(row) + b"\n"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return defused(value)
        case _:
            return defused(encode_json(value).decode().strip('"'))


def defused(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe; numbers stay."""
    is_formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text
