"""`pulsetrail import` of leads: their customers found or made, every row decided (L1, G2)."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.cli.desk import Desk
from services.cli.history_records import open_records
from services.cli.history_rehearsal import Destination, to_nowhere, to_the_logs
from services.cli.history_staff import HistoryStaff
from services.cli.lead_mapping import LeadMapping
from services.cli.lead_outcome import LeadOutcome
from services.cli.lead_rows import LeadRowParser, RowOfLead
from services.cli.lead_writing import LeadWriting
from services.directory.domain.tenant import TENANT, MoveHistoryClock
from services.leads.marking import Marking
from services.opportunities.domain.history_cells import RowProblem
from shared.envelope import Origin

_BATCH = 1_000


class Leads(NamedTuple):
    """What is imported."""

    mapping: LeadMapping
    paths: tuple[Path, ...]


async def import_leads(desk: Desk, leads: Leads, *, dry_run: bool) -> LeadOutcome:
    """Raises FileIsUnreadable, ColumnIsAbsent, UnitsDoNotFit; then nothing is written."""
    mapping, paths = leads
    now = desk.ports.clock()
    context = replace(desk.context("import"), origin=Origin.IMPORT)
    ports, tenant_id = desk.ports, desk.tenant_id
    tell = await to_nowhere(ports, tenant_id) if dry_run else to_the_logs(ports, tenant_id)
    await asyncio.to_thread(_check_headers, paths, mapping, now)
    under_way = ports.organisations.importing
    under_way.add(tenant_id)
    try:
        staff = HistoryStaff(tell, await tell.organisation(), context, now)
        await staff.add_units(staff.new_units(mapping.units))
        marking = Marking(ports, rehearsing=dry_run)
        writing = LeadWriting(ports, tell, staff, marking, context, only_known=mapping.only_known)
        with desk.output.progress("Rows", None) as advance:
            rows = _rows(paths, mapping, now)
            while batch := await asyncio.to_thread(_some, rows):
                await writing.write(batch)
                await desk.keep_up()
                advance(writing.outcome.rows)
    finally:
        under_way.discard(tenant_id)
    if not dry_run:
        await _finish(desk, tell, writing.outcome, now)
        writing.outcome.run = context.correlation_id
    return writing.outcome


def _check_headers(paths: tuple[Path, ...], mapping: LeadMapping, now: datetime) -> None:
    """Before anything is written every file is known to be readable."""
    for path in paths:
        with open_records(path, mapping) as opened:
            LeadRowParser(mapping, opened.header, now, opened.typed)


def _some(rows: Iterator[RowOfLead | RowProblem]) -> list[RowOfLead | RowProblem]:
    return list(islice(rows, _BATCH))


def _rows(
    paths: tuple[Path, ...], mapping: LeadMapping, now: datetime
) -> Iterator[RowOfLead | RowProblem]:
    for path in paths:
        with open_records(path, mapping) as opened:
            parser = LeadRowParser(mapping, opened.header, now, opened.typed)
            for record in opened.records:
                if isinstance(record, RowProblem):
                    yield record
                else:
                    yield parser.parse(record.row, path.name, record.cells)


async def _finish(desk: Desk, tell: Destination, outcome: LeadOutcome, now: datetime) -> None:
    """On the history clock it moves to the latest time that the rows name."""
    organisation = await tell.organisation()
    if outcome.latest_at is not None and not organisation.is_live:
        latest = outcome.latest_at
        if organisation.clock_at is not None:
            latest = max(latest, organisation.clock_at)
        command = MoveHistoryClock(clock_at=latest, now=now)
        await tell.directory.handle(TENANT, desk.tenant_id, command, desk.context("import"))
    with desk.output.progress("Read models", None):
        await desk.settle()
