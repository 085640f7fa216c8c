"""The files of one history as one sequence of rows: each case in order of time (G2)."""

import pickle
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from services.cli.history_records import Records, open_records
from services.opportunities.domain.history_cells import HistoryRow, RowParser, RowProblem
from services.opportunities.domain.history_mapping import ColumnIsAbsent, HistoryMapping
from shared.clock import milliseconds
from shared.errors import FieldProblem

_SPOOLED_AT_ONCE = 5_000
_LOOKED_AHEAD = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a first look at the files found. `rows` counts the unreadable ones too, and none
    after `until`; `in_order`: the rows of every case already come by time."""

    rows: int
    in_order: bool


class HistoryFiles:
    """Rows later than `until` are not read at all; those later than `latest` are problems."""

    def __init__(
        self,
        paths: Sequence[Path],
        mapping: HistoryMapping,
        *,
        latest: datetime,
        until: datetime | None = None,
    ) -> None:
        self._paths = tuple(paths)
        self._mapping = mapping
        self._latest = latest
        self._until = until

    def survey(self) -> Survey:
        """Reads everything once. Raises FileIsUnreadable and ColumnIsAbsent."""
        count, in_order = 0, True
        last_of_case: dict[str, datetime] = {}
        for path in self._paths:
            with open_records(path, self._mapping) as opened:
                glance = self._parser(opened).glance
                for record in opened.records:
                    seen = None if isinstance(record, RowProblem) else glance(record.cells)
                    if seen is not None:
                        case, time = seen
                        if self._until is not None and time > self._until:
                            continue
                        if time < last_of_case.get(case, time):
                            in_order = False
                        last_of_case[case] = time
                    count += 1
                self._refuse_absent_keys(opened.keys)
        return Survey(rows=count, in_order=in_order)

    def rows(self, survey: Survey) -> Iterator[HistoryRow | RowProblem]:
        """Every row and every problem; equal times of a case in the files' order.

        Rows of a case come together as far as they lie near each other: what is folded from them
        is then touched once. Nothing depends on the order of cases among each other.
        """
        return _together(self._in_file_order()) if survey.in_order else self._by_case_and_time()

    def _in_file_order(self) -> Iterator[HistoryRow | RowProblem]:
        for path in self._paths:
            yield from self._of_one_file(path)

    def _of_one_file(self, path: Path) -> Iterator[HistoryRow | RowProblem]:
        until, name = self._until, path.name
        with open_records(path, self._mapping) as opened:
            parse = self._parser(opened).parse
            for record in opened.records:
                if isinstance(record, RowProblem):
                    yield record
                    continue
                row = parse(record.row, name, record.cells)
                if until is not None and isinstance(row, HistoryRow) and row.time > until:
                    continue
                yield row

    def _parser(self, opened: Records) -> RowParser:
        return RowParser(self._mapping, opened.header, self._latest, opened.typed)

    def _refuse_absent_keys(self, keys: set[str] | None) -> None:
        """Objects have no header: the column must be in one of them at least."""
        if not keys:
            return
        absent = [
            FieldProblem(f"columns.{name}", "absent-column", f"no object has a {column!r}")
            for name, column in self._mapping.columns.items()
            if column not in keys
        ]
        if absent:
            raise ColumnIsAbsent("the file lacks what the mapping names", errors=absent)

    def _by_case_and_time(self) -> Iterator[HistoryRow | RowProblem]:
        """Sorted through a file of its own, so that memory does not grow with the history."""
        with tempfile.TemporaryDirectory(prefix="pulsetrail-import-") as folder:
            spool = sqlite3.connect(Path(folder) / "rows.db", isolation_level=None)
            try:
                spool.execute("PRAGMA journal_mode = OFF")
                spool.execute("PRAGMA synchronous = OFF")
                spool.execute("CREATE TABLE spooled (rank INT, at INT, seq INT, row BLOB)")
                yield from self._spooled(spool)
                ordered = spool.execute("SELECT row FROM spooled ORDER BY rank, at, seq")
                for (row,) in ordered:
                    yield HistoryRow(*pickle.loads(row))
            finally:
                spool.close()

    def _spooled(self, spool: sqlite3.Connection) -> Iterator[RowProblem]:
        """Puts the rows aside and hands on the problems."""
        rank_of_case: dict[str, int] = {}
        rows = enumerate(self._in_file_order())
        while chunk := list(islice(rows, _SPOOLED_AT_ONCE)):
            yield from (row for _, row in chunk if isinstance(row, RowProblem))
            spool.execute("BEGIN")
            spool.executemany(
                "INSERT INTO spooled VALUES (?, ?, ?, ?)",
                [
                    (
                        rank_of_case.setdefault(row.case, len(rank_of_case)),
                        milliseconds(row.time),
                        sequence,
                        pickle.dumps(tuple(row)),
                    )
                    for sequence, row in chunk
                    if isinstance(row, HistoryRow)
                ],
            )
            spool.execute("COMMIT")


def _together(rows: Iterator[HistoryRow | RowProblem]) -> Iterator[HistoryRow | RowProblem]:
    """Window by window, case by case in the order in which they are first seen."""
    while window := list(islice(rows, _LOOKED_AHEAD)):
        of_case: dict[str, list[HistoryRow]] = {}
        for row in window:
            if isinstance(row, HistoryRow):
                of_case.setdefault(row.case, []).append(row)
            else:
                yield row
        window.clear()
        for case in list(of_case):
            yield from of_case.pop(case)
