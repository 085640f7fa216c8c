"""What a mapping makes of the first rows of a file of leads, before anything is imported."""

from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from services.cli.history_preview import ROWS_SHOWN
from services.cli.history_records import open_records
from services.cli.lead_mapping import LeadMapping
from services.cli.lead_rows import LeadRowParser, RowOfLead
from services.opportunities.domain.history_cells import RowProblem


def preview_leads(path: Path, mapping: LeadMapping, now: datetime) -> list[dict[str, Any]]:
    """The first ten rows: the lead that each says, or why it is refused. Raises Malformed."""
    with open_records(path, mapping) as opened:
        parser = LeadRowParser(mapping, opened.header, now, opened.typed)
        return [
            _of_row(record)
            if isinstance(record, RowProblem)
            else _of_row(parser.parse(record.row, path.name, record.cells))
            for record in islice(opened.records, ROWS_SHOWN)
        ]


def _of_row(row: RowOfLead | RowProblem) -> dict[str, Any]:
    if isinstance(row, RowProblem):
        return {"row": row.row, "case": None, "says": [], "problem": row._asdict()}
    said = {
        "kind": "CaptureLead",
        "at": row.captured_at,
        "customer": {"customer_id": row.customer_id, "name": row.description.name},
        "contacts": [asdict(each) for each in row.description.contacts],
        "source": row.source,
        "unit_id": row.unit_id,
        "end": None if row.end is None else row.end._asdict(),
    }
    return {"row": row.row, "case": row.lead_id, "says": [said], "problem": None}
