"""`pulsetrail import --undo RUN`: what an import of leads made is taken back by further events."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.import_traces import BATCH, LOG, ImportTraces, ended_at, still_holding
from services.leads.domain.customer import CUSTOMER, WithdrawCustomer
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import TakeBackLeadEnding, WithdrawLead
from services.leads.domain.lead_state import unclosed
from services.leads.queries.customer_record import tickets
from services.leads.queries.customers import holdings, merges
from services.leads.queries.leads import leads_of_customers
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import WithdrawOpportunity
from shared.command_handling import Run, Step
from shared.envelope import StoredEvent, stream_name
from shared.errors import NotFound
from shared.events.leads import LeadConverted

_OPPORTUNITIES = "opportunities"
_SHOWN = 20
_TOLD = ("leads", "reopened", "opportunities", "customers")


class Kept(NamedTuple):
    lead_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoImport(Request):
    """What somebody has worked on since stays, and is named."""

    name: ClassVar[str] = "import --undo"

    import_run: str

    async def run(self, desk: Desk) -> int:
        taken_back = await take_back(desk, self.import_run)
        output, document = desk.output, taken_back.document()
        if output.as_json:
            output.document(document)
        else:
            output.table("Taken back", [document], _TOLD)
            if kept := document["kept"]:
                output.table("Kept", kept[:_SHOWN], ("lead_id", "why"))
        return FOUND_SOMETHING if taken_back.kept else DONE


@dataclass(slots=True, kw_only=True)
class TakenBack:
    """How many leads, opportunities and customers were withdrawn; `reopened`: leads that the import
    only converted or disqualified, which stand as before. `kept`: leads that stay as they are,
    each with why."""

    run: str
    leads: int = 0
    reopened: int = 0
    opportunities: int = 0
    customers: int = 0
    kept: list[Kept] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "kept": [each._asdict() for each in self.kept]}


class _Undoing(NamedTuple):
    """What is to become of one lead; `opportunity_id`: what the import converted it to."""

    lead_id: str
    commands: Sequence[TakeBackLeadEnding | WithdrawLead]
    opportunity_id: str | None

    @property
    def is_withdrawn(self) -> bool:
        return isinstance(self.commands[-1], WithdrawLead)


async def take_back(desk: Desk, import_run: str) -> TakenBack:
    """What an import of leads made, by further events. Raises NotFound for one that never was."""
    return await _TakingBack(desk, import_run).run()


class _TakingBack:
    def __init__(self, desk: Desk, import_run: str) -> None:
        self._desk = desk
        self._context = desk.context("import --undo")
        self._traces = ImportTraces(ports=desk.ports, tenant_id=desk.tenant_id, run=import_run)
        self._told = TakenBack(run=import_run)

    async def run(self) -> TakenBack:
        made = await self._traces.made()
        if not made.leads and not made.customers:
            raise NotFound(f"no import of leads {self._traces.run!r}")
        await self._desk.settle()
        for start in range(0, len(made.leads), BATCH):
            await self._take_back(made.leads[start : start + BATCH])
        await self._desk.settle()
        self._told.customers = await self._withdraw_customers(made.customers)
        await self._desk.settle()
        return self._told

    async def _take_back(self, lead_ids: Sequence[str]) -> None:
        """First the opportunities: where one stays, its lead does."""
        streams = await self._streams(LEAD.name, lead_ids)
        wanted = [
            undoing
            for lead_id, stored in streams.items()
            if (undoing := self._undoing(lead_id, stored)) is not None
        ]
        free = await self._withdraw_opportunities(wanted)
        runs = [Run(each.lead_id, self._steps(each.commands)) for each in free]
        every = await self._desk.ports.commands(LOG).handle_runs(LEAD, runs)
        for undoing, refusals in zip(free, every, strict=True):
            refusal = next(filter(None, refusals), None)
            if refusal is not None:
                self._told.kept.append(Kept(undoing.lead_id, refusal.code))
            elif undoing.is_withdrawn:
                self._told.leads += 1
            else:
                self._told.reopened += 1

    async def _streams(self, kind: str, ids: Sequence[str]) -> dict[str, list[StoredEvent]]:
        """By id, as far as it still holds."""
        names = {each: stream_name(self._desk.tenant_id, kind, each) for each in ids}
        streams = await self._desk.ports.event_store.read_streams(list(names.values()))
        return {each: still_holding(streams.get(name, ())) for each, name in names.items()}

    def _undoing(self, lead_id: str, stored: Sequence[StoredEvent]) -> _Undoing | None:
        """None where nothing of the import holds any more, or somebody has worked on it since."""
        is_captured, end = self._traces.began(stored), ended_at(stored)
        is_ended = end < len(stored) and self._traces.is_of_run(stored[end])
        if not is_captured and not is_ended:
            return None
        if not self._traces.is_untouched(stored if is_captured else stored[end:]):
            self._told.kept.append(Kept(lead_id, "lead-is-worked-on"))
            return None
        now = self._context.occurred_at
        withdraw = WithdrawLead(lead_id=lead_id, now=now)
        decode = self._desk.ports.codec.decode
        ending = decode(stored[end]).event if is_ended else None
        opportunity_id = ending.opportunity_id if isinstance(ending, LeadConverted) else None
        if is_captured and opportunity_id is None:
            return _Undoing(lead_id, [withdraw], None)
        before = LEAD.fold([decode(each).event for each in stored[:end]])
        reopen = TakeBackLeadEnding(lead_id=lead_id, before=unclosed(before, lead_id), now=now)
        return _Undoing(lead_id, (reopen, withdraw) if is_captured else (reopen,), opportunity_id)

    async def _withdraw_opportunities(self, wanted: Sequence[_Undoing]) -> list[_Undoing]:
        """Those leads that nothing holds back any more."""
        ids = [each.opportunity_id for each in wanted if each.opportunity_id is not None]
        streams = await self._streams(OPPORTUNITY.name, ids)
        runs: dict[str, Run] = {}
        worked_on: dict[str, str] = {}
        for opportunity_id, stored in streams.items():
            if not stored:
                continue
            if not self._traces.began(stored) or not self._traces.is_untouched(stored):
                worked_on[opportunity_id] = "opportunity-is-worked-on"
                continue
            now = self._context.occurred_at
            command = WithdrawOpportunity(opportunity_id=opportunity_id, now=now)
            runs[opportunity_id] = Run(opportunity_id, self._steps([command]))
        handling = self._desk.ports.commands(_OPPORTUNITIES)
        refusals = await handling.handle_runs(OPPORTUNITY, list(runs.values()))
        for opportunity_id, [refusal] in zip(runs, refusals, strict=True):
            if refusal is not None:
                worked_on[opportunity_id] = refusal.code
        self._told.opportunities += sum(refusal is None for [refusal] in refusals)
        self._told.kept += [
            Kept(each.lead_id, worked_on[each.opportunity_id])
            for each in wanted
            if each.opportunity_id in worked_on
        ]
        return [each for each in wanted if each.opportunity_id not in worked_on]

    def _steps(self, commands: Sequence[Any]) -> list[Step]:
        return [Step(each, self._context, self._desk.ports.new_id()) for each in commands]

    async def _withdraw_customers(self, customers: Sequence[str]) -> int:
        """Those whom nothing names any more and nobody has described since."""
        ports, tenant_id = self._desk.ports, self._desk.tenant_id
        known = await merges(ports, tenant_id)
        runs = []
        for customer_id in customers:
            ids = known.members(customer_id)
            stream = stream_name(tenant_id, CUSTOMER.name, customer_id)
            stored = still_holding(await ports.event_store.read_stream(stream))
            if (
                len(ids) > 1
                or not self._traces.began(stored)
                or not self._traces.is_untouched(stored)
                or await leads_of_customers(ports, tenant_id, ids)
                or await holdings(ports, tenant_id, ids)
                or await tickets(ports, tenant_id, ids)
            ):
                continue
            command = WithdrawCustomer(customer_id=customer_id, now=self._context.occurred_at)
            runs.append(Run(customer_id, self._steps([command])))
        if runs:
            await ports.commands(LOG).handle_runs(CUSTOMER, runs)
        return len(runs)
