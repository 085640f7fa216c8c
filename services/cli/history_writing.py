"""The rows of a history into events: read, decided and appended batch by batch (G2)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.cli.history_cases import HistoryCases
from services.cli.history_commands import HistoryCommands
from services.cli.history_customers import HistoryCustomers
from services.cli.history_outcome import HistoryOutcome
from services.cli.history_rehearsal import Commands
from services.cli.history_staff import HistoryStaff
from services.opportunities.domain.history_cells import HistoryRow, RowProblem
from services.opportunities.domain.history_identity import EqualRows, row_identity
from services.opportunities.domain.history_rows import HistoryReader, RowIsRefused
from services.opportunities.domain.history_statement import (
    ActionOfCase,
    AssignCase,
    OpenCase,
    RepOfHistory,
    Statement,
)
from services.opportunities.domain.opportunity import OPPORTUNITY
from shared.command_handling import Run, Step, derived_id
from shared.envelope import stream_name
from shared.errors import DomainError


class Said(NamedTuple):
    """A row that says something new."""

    row: HistoryRow
    event_id: UUID
    statements: tuple[Statement, ...]


class Known(NamedTuple):
    """What was there before, and is added to as rows name more of it."""

    cases: HistoryCases
    staff: HistoryStaff
    customers: HistoryCustomers


class HistoryWriting:
    """`opportunities`: who is told the commands that `commands` makes of the rows."""

    def __init__(
        self,
        tenant_id: str,
        reader: HistoryReader,
        known: Known,
        commands: HistoryCommands,
        opportunities: Commands,
    ) -> None:
        self._tenant_id = tenant_id
        self._reader = reader
        self._cases, self._staff, self._customers = known
        self._commands = commands
        self._opportunities = opportunities
        self._equal_rows = EqualRows()
        self.outcome = HistoryOutcome()

    async def write(self, batch: Sequence[HistoryRow | RowProblem]) -> None:
        """One commit for all that is new in the batch. Raises StoreAway, Busy."""
        outcome = self.outcome
        outcome.rows += len(batch)
        rows = [row for row in batch if isinstance(row, HistoryRow)]
        for problem in batch:
            if isinstance(problem, RowProblem):
                outcome.reject(problem)
        rows = await self._of_known_cases(rows)
        said = [each for row in rows if (each := self._read(row)) is not None]
        if not said:
            return
        await self._staff.add_reps(_reps_of(said))
        await self._customers.register(_openings_of(said))
        await self._append(said)

    async def _of_known_cases(self, rows: Iterable[HistoryRow]) -> list[HistoryRow]:
        """Rows whose case makes an opportunity's id, once their cases are looked up."""
        kept = []
        new: dict[str, str] = {}
        for row in rows:
            if row.case not in self._cases and row.case not in new:
                try:
                    new[row.case] = self._reader.opportunity_id(row)
                except RowIsRefused as refusal:
                    self._refuse(row, refusal.field, refusal.code, str(refusal))
                    continue
            kept.append(row)
        if new:
            await self._cases.look_up(new)
        return kept

    def _read(self, row: HistoryRow) -> Said | None:
        number = self._equal_rows.number(row)
        identity = row_identity(self._tenant_id, self._reader.mapping.source, row, number)
        event_id = derived_id("history", identity)
        case = self._cases[row.case]
        if event_id in case.stored:
            self.outcome.duplicates += 1
            self.outcome.reached(row.time)
            return None
        try:
            statements, case.state = self._reader.read(row, case.state)
        except RowIsRefused as refusal:
            self._refuse(row, refusal.field, refusal.code, str(refusal))
            return None
        self.outcome.reached(row.time)
        if not statements:
            self.outcome.ignored += 1
            return None
        return Said(row, event_id, statements)

    async def _append(self, said: Sequence[Said]) -> None:
        steps: dict[str, list[Step]] = {}
        said_by: dict[str, list[Said]] = {}
        for each in said:
            opportunity_id = self._cases[each.row.case].opportunity_id
            named = self._commands.steps(each.row, opportunity_id, each.statements, each.event_id)
            steps.setdefault(opportunity_id, []).extend(named)
            said_by.setdefault(opportunity_id, []).append(each)
        runs = [Run(opportunity_id, part) for opportunity_id, part in steps.items()]
        refusals = await self._opportunities.handle_runs(OPPORTUNITY, runs)
        for run, refused in zip(runs, refusals, strict=True):
            self._count(said_by[run.aggregate_id], refused)
            if any(refused):
                await self._put_right(run.aggregate_id, said_by[run.aggregate_id])

    def _count(self, said: Sequence[Said], refused: Sequence[DomainError | None]) -> None:
        if not any(refused):
            self.outcome.accepted += len(said)
            return
        at = 0
        for each in said:
            of_row = refused[at : at + len(each.statements)]
            at += len(each.statements)
            refusal = next((one for one in of_row if one is not None), None)
            if refusal is None:
                self.outcome.accepted += 1
                continue
            field = refusal.errors[0].field if refusal.errors else ""
            self._refuse(each.row, field, refusal.code, refusal.detail)

    async def _put_right(self, opportunity_id: str, said: Sequence[Said]) -> None:
        stream = stream_name(self._tenant_id, OPPORTUNITY.name, opportunity_id)
        _version, opportunity = await self._opportunities.load(OPPORTUNITY, stream)
        for case in {each.row.case for each in said}:
            self._cases.put_right(case, opportunity)

    def _refuse(self, row: HistoryRow, field: str, code: str, message: str) -> None:
        self.outcome.reject(RowProblem(row.row, row.file, field, code, message))


def _reps_of(said: Iterable[Said]) -> dict[RepOfHistory, datetime]:
    """Every rep whom the rows name, with the time at which they are first seen."""
    reps: dict[RepOfHistory, datetime] = {}
    for each in said:
        for statement in each.statements:
            match statement:
                case ActionOfCase(actor=RepOfHistory() as rep) | AssignCase(owner=rep):
                    reps.setdefault(rep, statement.at)
                case OpenCase(owner=RepOfHistory() as rep):
                    reps.setdefault(rep, statement.at)
                case _:
                    continue
    return reps


def _openings_of(said: Iterable[Said]) -> list[OpenCase]:
    return [each for one in said for each in one.statements if isinstance(each, OpenCase)]
