"""A page's table as a file: the same rows and words, and nothing that a spreadsheet would run."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi import Response

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_FOR_SPREADSHEETS = "\ufeff"


def defused(value: object) -> str:
    """A text that a spreadsheet would read as a formula begins with an apostrophe instead."""
    if isinstance(value, int | float):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """UTF-8 with the mark by which spreadsheets recognise it."""
    written = io.StringIO(_FOR_SPREADSHEETS)
    written.seek(0, io.SEEK_END)
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([defused(value) for value in row] for row in rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(written.getvalue().encode(), headers=headers, media_type="text/csv")
