"""`pulsetrail import --undo RUN`: what an import of leads made is taken back by further events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.leads.domain.customer import CUSTOMER, WithdrawCustomer
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import WithdrawLead
from services.leads.queries.customer_record import tickets
from services.leads.queries.customers import holdings, merges
from services.leads.queries.leads import leads_of_customers
from shared.command_handling import CommandContext, Run, Step
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoImport(Request):
    """What somebody has worked on since stays, and is named."""

    name: ClassVar[str] = "import --undo"

    import_run: str

    async def run(self, desk: Desk) -> int:
        """Raises NotFound for an import of leads that never was."""
        leads, customers = await self._made(desk)
        if not leads and not customers:
            raise NotFound(f"no import of leads {self.import_run!r}")
        context = desk.context("import --undo")
        kept: list[dict[str, Any]] = []
        withdrawn = await self._withdraw_leads(desk, leads, context, kept)
        await desk.settle()
        forgotten = await self._withdraw_customers(desk, customers, context)
        await desk.settle()
        self._tell(desk, withdrawn, forgotten, kept)
        return FOUND_SOMETHING if kept else DONE

    async def _made(self, desk: Desk) -> tuple[list[str], list[str]]:
        """The leads and customers that the import made, by id."""
        store, codec = desk.ports.event_store, desk.ports.codec
        leads: dict[str, None] = {}
        customers: dict[str, None] = {}
        wanted = {event_type_of(each).name for each in (LeadCaptured, CustomerRegistered)}
        for partition in range(store.partitions):
            offset = 0
            while stored := await store.read_log(_LOG, partition, offset, _BATCH):
                offset = stored[-1].offset + 1
                for each in stored:
                    if each.type in wanted and self._is_of_run(desk, each):
                        event = codec.decode(each).event
                        if isinstance(event, LeadCaptured):
                            leads[event.lead_id] = None
                        else:
                            customers[event.customer_id] = None
        return sorted(leads), sorted(customers)

    def _is_of_run(self, desk: Desk, stored: StoredEvent) -> bool:
        return stored.tenant_id == desk.tenant_id and stored.correlation_id == self.import_run

    async def _withdraw_leads(
        self, desk: Desk, leads: Sequence[str], context: CommandContext, kept: list[dict[str, Any]]
    ) -> int:
        runs = []
        for start in range(0, len(leads), _BATCH):
            some = {
                stream_name(desk.tenant_id, LEAD.name, each): each
                for each in leads[start : start + _BATCH]
            }
            streams = await desk.ports.event_store.read_streams(list(some))
            for stream, lead_id in some.items():
                if self._is_untouched(desk, streams.get(stream, ())):
                    command = WithdrawLead(lead_id=lead_id, now=context.occurred_at)
                    step = Step(command, context, desk.ports.new_id())
                    runs.append(Run(lead_id, [step]))
                else:
                    kept.append({"lead_id": lead_id, "why": "lead-is-worked-on"})
        refusals = await desk.ports.commands(_LOG).handle_runs(LEAD, runs)
        for run, [refusal] in zip(runs, refusals, strict=True):
            if refusal is not None:
                kept.append({"lead_id": run.aggregate_id, "why": refusal.code})
        return sum(refusal is None for [refusal] in refusals)

    def _is_untouched(self, desk: Desk, stored: Iterable[StoredEvent]) -> bool:
        return all(
            self._is_of_run(desk, each) or (each.type in _OF_THE_SYSTEM and each.actor_id is None)
            for each in stored
        )

    async def _withdraw_customers(
        self, desk: Desk, customers: Sequence[str], context: CommandContext
    ) -> int:
        """Those whom nothing names any more and nobody has described since."""
        ports, tenant_id = desk.ports, desk.tenant_id
        known = await merges(ports, tenant_id)
        runs = []
        for customer_id in customers:
            ids = known.members(customer_id)
            stream = stream_name(tenant_id, CUSTOMER.name, customer_id)
            stored = await ports.event_store.read_stream(stream)
            if (
                len(ids) > 1
                or not self._is_untouched(desk, stored)
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

    def _tell(self, desk: Desk, withdrawn: int, forgotten: int, kept: list[dict[str, Any]]) -> None:
        output = desk.output
        document = {
            "run": self.import_run,
            "leads": withdrawn,
            "customers": forgotten,
            "kept": kept,
        }
        if output.as_json:
            output.document(document)
            return
        output.table("Taken back", [document], ("leads", "customers"))
        if kept:
            output.table("Kept", kept[:_SHOWN], ("lead_id", "why"))
