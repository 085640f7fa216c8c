"""What a mapping makes of the first rows of a file, before anything is imported."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from services.cli.history_records import open_records
from services.opportunities.domain.history_case import CaseState
from services.opportunities.domain.history_cells import RowParser, RowProblem
from services.opportunities.domain.history_mapping import FileForm, HistoryMapping
from services.opportunities.domain.history_rows import HistoryReader, RowIsRefused
from shared.events.opportunities import PipelineDefinition

ROWS_SHOWN = 10
_LOOKED_THROUGH = 20_000
_MOST_VALUES = 60


class _AsItIs(NamedTuple):
    """A file before its columns mean anything."""

    file: FileForm
    columns: Mapping[str, str]


def columns_of(path: Path, form: FileForm) -> list[str]:
    """Raises FileIsUnreadable."""
    with open_records(path, _AsItIs(form, {})) as opened:
        if opened.keys is None:
            return opened.header
        list(islice(opened.records, ROWS_SHOWN))
        return sorted(opened.keys)


def values_of(path: Path, form: FileForm, column: str) -> list[str]:
    """The most frequent values of a column in the first 20,000 rows, by how often they come."""
    counted: Counter[str] = Counter()
    with open_records(path, _AsItIs(form, {"value": column})) as opened:
        if opened.keys is None and column not in opened.header:
            return []
        at = opened.header.index(column)
        for record in islice(opened.records, _LOOKED_THROUGH):
            if not isinstance(record, RowProblem) and at < len(record.cells):
                counted[record.cells[at].strip()] += 1
    del counted[""]
    return [value for value, _times in counted.most_common(_MOST_VALUES)]


def preview(
    path: Path, mapping: HistoryMapping, pipeline: PipelineDefinition, now: datetime
) -> list[dict[str, Any]]:
    """The first ten rows: what each says, or why it is refused. Raises Malformed."""
    reader = HistoryReader(mapping, pipeline)
    states: dict[str, CaseState | None] = {}
    with open_records(path, mapping) as opened:
        parser = RowParser(mapping, opened.header, now, opened.typed)
        return [
            _of_row(reader, record, states)
            if isinstance(record, RowProblem)
            else _of_row(reader, parser.parse(record.row, path.name, record.cells), states)
            for record in islice(opened.records, ROWS_SHOWN)
        ]


def _of_row(reader: HistoryReader, row: Any, states: dict[str, CaseState | None]) -> dict[str, Any]:
    if isinstance(row, RowProblem):
        return {"row": row.row, "case": None, "says": [], "problem": row._asdict()}
    shown: dict[str, Any] = {"row": row.row, "case": row.case, "says": [], "problem": None}
    try:
        shown["case"] = case = reader.opportunity_id(row)
        reading = reader.read(row, states.get(case))
    except RowIsRefused as refusal:
        problem = {"field": refusal.field, "code": refusal.code, "message": str(refusal)}
        return {**shown, "problem": problem}
    states[case] = reading.state
    says = [{"kind": type(each).__name__, **asdict(each)} for each in reading.statements]
    return {**shown, "says": says}
