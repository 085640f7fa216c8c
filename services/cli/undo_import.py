"""`pulsetrail import --undo RUN`: what an import of leads made is taken back by further events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.leads.domain.customer import CUSTOMER, WithdrawCustomer
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import WithdrawLead
from services.leads.queries.customer_record import tickets
from services.leads.queries.customers import holdings, merges
from services.leads.queries.leads import leads_of_customers
from shared.command_handling import Run, Step
from shared.envelope import StoredEvent, stream_name
from shared.errors import NotFound
from shared.event_type import event_type_of
from shared.events.leads import (
    CustomerRegistered,
    LeadAllocated,
    LeadAssigned,
    LeadCaptured,
    LeadFellAsleep,
    LeadFoundNobody,
    LeadReturned,
    LeadScored,
)

_LOG = "leads"
_BATCH = 2_000
_SHOWN = 20
_OF_THE_SYSTEM = frozenset(
    event_type_of(each).name
    for each in (
        LeadAllocated,
        LeadAssigned,
        LeadFellAsleep,
        LeadFoundNobody,
        LeadReturned,
        LeadScored,
    )
)
"""What follows of itself, where nobody is named who did it."""


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
            output.table("Taken back", [document], ("leads", "customers"))
            if kept := document["kept"]:
                output.table("Kept", kept[:_SHOWN], ("lead_id", "why"))
        return FOUND_SOMETHING if taken_back.kept else DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """How many leads and customers were withdrawn. `kept`: leads that stay, each with why."""

    run: str
    leads: int
    customers: int
    kept: Sequence[Kept]

    def document(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "leads": self.leads,
            "customers": self.customers,
            "kept": [each._asdict() for each in self.kept],
        }


async def take_back(desk: Desk, import_run: str) -> TakenBack:
    """What an import of leads made, by further events. Raises NotFound for one that never was."""
    return await _TakingBack(desk, import_run).run()


class _TakingBack:
    def __init__(self, desk: Desk, import_run: str) -> None:
        self._desk = desk
        self._import_run = import_run
        self._context = desk.context("import --undo")
        self._kept: list[Kept] = []

    async def run(self) -> TakenBack:
        leads, customers = await self._made()
        if not leads and not customers:
            raise NotFound(f"no import of leads {self._import_run!r}")
        withdrawn = await self._withdraw_leads(leads)
        await self._desk.settle()
        forgotten = await self._withdraw_customers(customers)
        await self._desk.settle()
        return TakenBack(
            run=self._import_run, leads=withdrawn, customers=forgotten, kept=self._kept
        )

    async def _made(self) -> tuple[list[str], list[str]]:
        """The leads and customers that the import made, by id."""
        store, codec = self._desk.ports.event_store, self._desk.ports.codec
        leads: dict[str, None] = {}
        customers: dict[str, None] = {}
        wanted = {event_type_of(each).name for each in (LeadCaptured, CustomerRegistered)}
        for partition in range(store.partitions):
            offset = 0
            while stored := await store.read_log(_LOG, partition, offset, _BATCH):
                offset = stored[-1].offset + 1
                for each in stored:
                    if each.type in wanted and self._is_of_run(each):
                        event = codec.decode(each).event
                        if isinstance(event, LeadCaptured):
                            leads[event.lead_id] = None
                        else:
                            customers[event.customer_id] = None
        return sorted(leads), sorted(customers)

    def _is_of_run(self, stored: StoredEvent) -> bool:
        return (
            stored.tenant_id == self._desk.tenant_id and stored.correlation_id == self._import_run
        )

    async def _withdraw_leads(self, leads: Sequence[str]) -> int:
        desk, context = self._desk, self._context
        runs = []
        for start in range(0, len(leads), _BATCH):
            some = {
                stream_name(desk.tenant_id, LEAD.name, each): each
                for each in leads[start : start + _BATCH]
            }
            streams = await desk.ports.event_store.read_streams(list(some))
            for stream, lead_id in some.items():
                if self._is_untouched(streams.get(stream, ())):
                    command = WithdrawLead(lead_id=lead_id, now=context.occurred_at)
                    step = Step(command, context, desk.ports.new_id())
                    runs.append(Run(lead_id, [step]))
                else:
                    self._kept.append(Kept(lead_id, "lead-is-worked-on"))
        refusals = await desk.ports.commands(_LOG).handle_runs(LEAD, runs)
        for run, [refusal] in zip(runs, refusals, strict=True):
            if refusal is not None:
                self._kept.append(Kept(run.aggregate_id, refusal.code))
        return sum(refusal is None for [refusal] in refusals)

    def _is_untouched(self, stored: Iterable[StoredEvent]) -> bool:
        return all(
            self._is_of_run(each) or (each.type in _OF_THE_SYSTEM and each.actor_id is None)
            for each in stored
        )

    async def _withdraw_customers(self, customers: Sequence[str]) -> int:
        """Those whom nothing names any more and nobody has described since."""
        ports, tenant_id, context = self._desk.ports, self._desk.tenant_id, self._context
        known = await merges(ports, tenant_id)
        runs = []
        for customer_id in customers:
            ids = known.members(customer_id)
            stream = stream_name(tenant_id, CUSTOMER.name, customer_id)
            stored = await ports.event_store.read_stream(stream)
            if (
                len(ids) > 1
                or not self._is_untouched(stored)
                or await leads_of_customers(ports, tenant_id, ids)
                or await holdings(ports, tenant_id, ids)
                or await tickets(ports, tenant_id, ids)
            ):
                continue
            command = WithdrawCustomer(customer_id=customer_id, now=context.occurred_at)
            runs.append(Run(customer_id, [Step(command, context, ports.new_id())]))
        if runs:
            await ports.commands(_LOG).handle_runs(CUSTOMER, runs)
        return len(runs)
