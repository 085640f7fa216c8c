"""`pulsetrail import`: a history's files, by their mapping, become events with original times."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, assert_never

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.history_cases import HistoryCases
from services.cli.history_commands import HistoryCommands, Writing
from services.cli.history_customers import HistoryCustomers
from services.cli.history_files import HistoryFiles, Survey
from services.cli.history_outcome import HistoryOutcome
from services.cli.history_rehearsal import Commands, Destination, to_nowhere, to_the_logs
from services.cli.history_staff import HistoryStaff
from services.cli.history_writing import HistoryWriting, Known
from services.cli.import_leads import Leads, import_leads
from services.cli.lead_mapping import is_of_leads, parse_lead_mapping
from services.cli.lead_outcome import LeadOutcome
from services.cli.pipelines import publish_pipeline
from services.cli.toml_files import read_toml
from services.directory.domain.tenant import TENANT, ChangeSettings, MoveHistoryClock
from services.leads.marking import Marking
from services.opportunities.domain.action_type import ACTION_TYPES, ActionTypes
from services.opportunities.domain.history_mapping import HistoryMapping
from services.opportunities.domain.history_mapping_reading import parse_mapping
from services.opportunities.domain.history_rows import HistoryReader
from services.opportunities.domain.pipeline import parse_pipeline
from shared.envelope import Origin, stream_name
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import PipelineDefinition

_BATCH = 5_000
_SHOWN_PROBLEMS = 20


class History(NamedTuple):
    """What is imported, and until when; the pipeline's own version is found when it is stored."""

    mapping: HistoryMapping
    pipeline: PipelineDefinition
    paths: tuple[Path, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportHistory(Request):
    name: ClassVar[str] = "import"

    files: tuple[str, ...]
    mapping: str
    dry_run: bool = False
    until: datetime | None = None

    async def run(self, desk: Desk) -> int:
        began = time.monotonic()
        outcome = await import_files(desk, self._asked(), dry_run=self.dry_run)
        self._tell(desk, outcome, time.monotonic() - began)
        return FOUND_SOMETHING if outcome.rejected else DONE

    def _asked(self) -> History | Leads:
        """Raises MappingIsMalformed and what a pipeline is refused for."""
        document, paths = read_toml(Path(self.mapping)), tuple(map(Path, self.files))
        if is_of_leads(document):
            return Leads(parse_lead_mapping(document), paths)
        mapping = parse_mapping(document)
        pipeline = parse_pipeline(read_toml(Path(self.mapping).parent / mapping.pipeline))
        return History(mapping, pipeline, paths, self.until)

    def _tell(self, desk: Desk, outcome: HistoryOutcome, seconds: float) -> None:
        output = desk.output
        document = outcome.document(seconds, dry_run=self.dry_run)
        if output.as_json:
            output.document(document)
            return
        output.table("Dry run" if self.dry_run else "Import", [document], outcome.counted)
        if outcome.problems:
            shown = [problem._asdict() for problem in outcome.problems[:_SHOWN_PROBLEMS]]
            output.table("Rejected", shown, ("file", "row", "field", "code", "message"))
        if outcome.rejected > _SHOWN_PROBLEMS:
            output.line(f"… and {outcome.rejected - _SHOWN_PROBLEMS} more; --json lists them")
        if isinstance(outcome, LeadOutcome) and outcome.run is not None:
            output.line(f"Taken back by: pulsetrail import --undo {outcome.run}")


async def import_files(desk: Desk, asked: History | Leads, *, dry_run: bool) -> HistoryOutcome:
    """Of either kind, for every shell. Raises as `import_history` and `import_leads` do."""
    match asked:
        case History():
            return await import_history(desk, asked, dry_run=dry_run)
        case Leads():
            return await import_leads(desk, asked, dry_run=dry_run)
        case _:
            assert_never(asked)


async def import_history(desk: Desk, history: History, *, dry_run: bool) -> HistoryOutcome:
    """Raises Malformed for files, a mapping or a pipeline that cannot be used; then nothing is
    written."""
    reader = HistoryReader(history.mapping, history.pipeline)
    now = desk.ports.clock()
    if history.until is not None and history.until > now:
        problem = FieldProblem("until", "in-the-future", "must have passed")
        raise Malformed("--until has yet to come", errors=[problem])
    files = HistoryFiles(history.paths, history.mapping, latest=now, until=history.until)
    survey = await asyncio.to_thread(files.survey)
    importing = _Importing(desk, history.mapping, now, dry_run=dry_run)
    under_way = desk.ports.organisations.importing
    under_way.add(desk.tenant_id)
    try:
        outcome = await importing.run(reader, history.pipeline, files, survey)
    finally:
        under_way.discard(desk.tenant_id)
    if not dry_run:
        # Only now: the clock's event makes those who watch look again.
        await importing.move_clock(history.until or outcome.latest_at)
        desk.ports.commands("opportunities").forget_states()
        with desk.output.progress("Read models", None):
            await desk.settle()
    return outcome


class _Importing:
    """One import into one tenant."""

    def __init__(
        self, desk: Desk, mapping: HistoryMapping, now: datetime, *, dry_run: bool
    ) -> None:
        self._desk = desk
        self._mapping = mapping
        self._now = now
        self._dry_run = dry_run
        self._context = replace(desk.context("import"), origin=Origin.IMPORT)

    async def run(
        self,
        reader: HistoryReader,
        pipeline: PipelineDefinition,
        files: HistoryFiles,
        survey: Survey,
    ) -> HistoryOutcome:
        desk, ports = self._desk, self._desk.ports
        tell = await self._destination()
        staff = HistoryStaff(tell, await tell.organisation(), self._context, self._now)
        new_units = staff.new_units(self._mapping.units)
        pipeline = await publish_pipeline(tell.opportunities, pipeline, self._context)
        await self._change_settings(tell.directory)
        await staff.add_units(new_units)
        writing = Writing(
            tenant_id=desk.tenant_id,
            correlation_id=self._context.correlation_id,
            pipeline=pipeline,
            zone=staff.zone,
            types=await self._types(tell.opportunities),
            now=self._now,
        )
        marking = None if self._dry_run else Marking(ports)
        history = HistoryWriting(
            desk.tenant_id,
            reader,
            Known(
                HistoryCases(ports, desk.tenant_id),
                staff,
                HistoryCustomers(tell.leads, marking, self._context, self._now),
            ),
            HistoryCommands(writing, staff),
            tell.opportunities,
        )
        with desk.output.progress("Rows", survey.rows) as advance:
            for batch in _batches(files.rows(survey)):
                await history.write(batch)
                await desk.keep_up()
                advance(history.outcome.rows)
        return history.outcome

    async def _destination(self) -> Destination:
        ports, tenant_id = self._desk.ports, self._desk.tenant_id
        if self._dry_run:
            return await to_nowhere(ports, tenant_id)
        return to_the_logs(ports, tenant_id)

    async def _change_settings(self, directory: Commands) -> None:
        if self._mapping.settings:
            command = ChangeSettings(settings=self._mapping.settings, now=self._now)
            await directory.handle(TENANT, self._desk.tenant_id, command, self._context)

    async def move_clock(self, clock_at: datetime | None) -> None:
        if clock_at is not None:
            directory = self._desk.ports.commands("directory")
            command = MoveHistoryClock(clock_at=clock_at, now=self._now)
            await directory.handle(TENANT, self._desk.tenant_id, command, self._context)

    async def _types(self, commands: Commands) -> dict[str, Any]:
        tenant_id = self._desk.tenant_id
        stream = stream_name(tenant_id, ACTION_TYPES.name, tenant_id)
        types: ActionTypes
        _version, types = await commands.load(ACTION_TYPES, stream)
        return dict(types.definitions)


def _batches(rows: Iterator[Any]) -> Iterable[list[Any]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
