"""What a command says: documents and lines on stdout, progress and refusals on stderr."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shared.clock import iso
from shared.errors import DomainError

Advance = Callable[[int], None]
"""Tells how many of them are done by now."""


class Output:
    """Two consoles, which may stand in another process, and whether JSON was asked for."""

    def __init__(self, out: Console, err: Console, *, as_json: bool) -> None:
        self._out = out
        self._err = err
        self.as_json = as_json

    @property
    def out_is_terminal(self) -> bool:
        return self._out.is_terminal

    @property
    def err_is_terminal(self) -> bool:
        return self._err.is_terminal

    @property
    def width(self) -> int:
        return self._out.width

    def document(self, value: Any) -> None:
        """One JSON document, on one line."""
        from shared.http import encode_json

        self.raw(encode_json(value) + b"\n")

    def raw(self, text: bytes) -> None:
        self._out.file.write(text.decode())
        self._out.file.flush()

    def line(self, text: str) -> None:
        self._out.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(
        self,
        title: str | None,
        rows: Iterable[Mapping[str, Any]],
        columns: Sequence[str] | Mapping[str, str],
        empty: str = "nothing",
    ) -> None:
        """`columns` are what is shown of each row, or that with what stands above it."""
        shown = list(rows)
        if not shown:
            self.line(f"{title}: {empty}" if title else empty)
            return
        if title:
            self.line(title)
        table = Table(box=None, pad_edge=False)
        for column in columns:
            numbers = all(isinstance(row.get(column), int | float | None) for row in shown)
            above = columns[column] if isinstance(columns, Mapping) else column.replace("_", " ")
            table.add_column(
                Text(above),
                justify="right" if numbers else "left",
                overflow="fold",  # an id that is cut cannot be typed again
            )
        for row in shown:
            table.add_row(*(Text(cell(row.get(column))) for column in columns))
        self._out.print(table)

    def notice(self, text: str) -> None:
        """For the person at the terminal, beside the answer."""
        self._err.print(text, markup=False, highlight=False, soft_wrap=True)

    def refusal(self, refusal: DomainError) -> None:
        self.notice(f"{refusal.code}: {refusal.detail}")
        for problem in refusal.errors:
            self.notice(f"  {problem.field}: {problem.message} ({problem.code})")

    @contextmanager
    def progress(self, doing: str, total: int | None) -> Iterator[Advance]:
        """A bar on stderr when that is a terminal, otherwise silence."""
        if not self._err.is_terminal:
            yield lambda done: None
            return
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._err,
            auto_refresh=False,
            transient=True,
        )
        with bar:
            task = bar.add_task(doing, total=total)

            def advance(done: int) -> None:
                bar.update(task, completed=done)
                bar.refresh()

            yield advance


def cell(value: Any) -> str:
    """A value as a person reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}"
        case datetime():
            return iso(value)
        case dict():
            return ", ".join(f"{key} {cell(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(cell(each) for each in value)
        case _:
            return str(value)
