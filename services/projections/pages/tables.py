"""A page's table as a file: the same rows and words, and nothing that a spreadsheet would run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi import Response
from starlette.responses import StreamingResponse

from services.projections.pages.visits import Visit
from shared.tables import CSV, csv_head, csv_line

ROWS_AT_ONCE = 500
"""The most that the API gives at once."""
Rows = list[dict[str, Any]]
Lines = Iterable[Sequence[object]]


def csv_file(name: str, columns: Sequence[str], rows: Lines) -> Response:
    """Of what a page shows as a whole."""
    content = csv_head(columns) + b"".join(map(csv_line, rows))
    return Response(content, headers=_headers(name), media_type=CSV)


async def whole_file(
    visit: Visit,
    name: str,
    columns: Sequence[str],
    pages: AsyncIterator[Rows],
    lines: Callable[[Rows], Awaitable[Lines]],
) -> Response:
    """Every row, of which no more than a page is held at once.

    Raises as the first page does; what fails later breaks the file off, so that nobody takes a part
    for the whole.
    """
    parts = _parts(visit, pages, lines)
    first = csv_head(columns) + await anext(parts, b"")

    async def answered() -> AsyncIterator[bytes]:
        yield first
        async for part in parts:
            yield part

    return StreamingResponse(answered(), headers=_headers(name), media_type=CSV)


async def _parts(
    visit: Visit, pages: AsyncIterator[Rows], lines: Callable[[Rows], Awaitable[Lines]]
) -> AsyncIterator[bytes]:
    async for rows in pages:
        visit.customers.clear()
        yield b"".join(map(csv_line, await lines(rows)))


async def every_page(
    ask: Callable[[str | None, int], Awaitable[Mapping[str, Any]]],
) -> AsyncIterator[Rows]:
    """`ask`: for what comes after a cursor, and how much at once."""
    cursor: str | None = None
    while True:
        found = await ask(cursor, ROWS_AT_ONCE)
        yield found["rows"]
        cursor = found["next_cursor"]
        if cursor is None:
            return


def _headers(name: str) -> Mapping[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
