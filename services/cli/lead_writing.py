"""The rows of a file of leads into events: each is decided against the file and the store (L1)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from services.cli.history_rehearsal import Destination
from services.cli.history_staff import HistoryStaff
from services.cli.lead_outcome import Decision, LeadOutcome
from services.cli.lead_rows import EndOfLead, RowOfLead
from services.leads.domain.customer import CUSTOMER, CustomerDescription, RegisterCustomer, Unknown
from services.leads.domain.customer_merges import CustomerMerges
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import CaptureLead, ConvertLead, DisqualifyLead
from services.leads.domain.lead_state import Converted, Disqualified, Lead
from services.leads.domain.lead_state import Unknown as UnknownLead
from services.leads.marking import Marking
from services.leads.queries.customers import merges
from services.leads.queries.look_alikes import candidates_among, customers_with
from services.opportunities.domain.history_cells import RowProblem
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import OpenOpportunity, WinOpportunity
from services.opportunities.domain.pipeline import STANDARD_PIPELINE
from shared.command_handling import CommandContext, Run, Step, derived_id
from shared.envelope import stream_name
from shared.ports import Ports


class Customer(NamedTuple):
    """`reasons`: why it is taken for one that was there; `is_new`: to be registered."""

    customer_id: str
    is_new: bool
    reasons: tuple[str, ...] = ()


class LeadWriting:
    def __init__(
        self,
        ports: Ports,
        tell: Destination,
        staff: HistoryStaff,
        marking: Marking,
        context: CommandContext,
        *,
        only_known: bool,
    ) -> None:
        self._ports = ports
        self._tell = tell
        self._staff = staff
        self._marking = marking
        self._context = context
        self._only_known = only_known
        self._named_in_file: dict[str, set[str]] = {}
        self._registered: set[str] = set()
        self._captured_here: set[str] = set()
        self.outcome = LeadOutcome()

    async def write(self, batch: Sequence[RowOfLead | RowProblem]) -> None:
        """One commit for what is new of customers, one for leads; what a later row says of the same
        lead comes after that. Raises StoreAway, Busy."""
        self.outcome.rows += len(batch)
        for problem in batch:
            if isinstance(problem, RowProblem):
                self._reject(problem)
        waiting = [row for row in batch if isinstance(row, RowOfLead)]
        while waiting:
            first = {row.lead_id: row for row in reversed(waiting)}
            now = [row for row in waiting if first[row.lead_id] is row]
            waiting = [row for row in waiting if first[row.lead_id] is not row]
            await self._write(now)

    async def _write(self, rows: Sequence[RowOfLead]) -> None:
        """Each of another lead."""
        await self._staff.add_reps({row.rep: row.captured_at for row in rows if row.rep})
        tenant_id = self._context.tenant_id
        described = [await self._marked(row) for row in rows]
        wanted = frozenset(mark for row in described for mark in row.description.marks)
        known = await merges(self._ports, tenant_id)
        alike = await customers_with(self._ports, tenant_id, wanted) if wanted else {}
        customers: list[Run] = []
        leads: dict[str, list[Step]] = {}
        won: list[Run] = []
        for row in described:
            await self._row(row, (known, alike.values()), customers, leads, won)
        if customers:
            await self._tell.leads.handle_runs(CUSTOMER, customers)
        for refusals in await self._tell.leads.handle_runs(
            LEAD, [Run(lead_id, steps) for lead_id, steps in leads.items()]
        ):
            for refusal in filter(None, refusals):
                raise refusal
        if won:
            await self._tell.opportunities.handle_runs(OPPORTUNITY, won)

    async def _marked(self, row: RowOfLead) -> RowOfLead:
        marks = await self._marking.marks(self._context.tenant_id, row.description)
        return replace(row, description=replace(row.description, marks=marks))

    async def _row(
        self,
        row: RowOfLead,
        store: tuple[CustomerMerges, Iterable[Any]],
        customers: list[Run],
        leads: dict[str, list[Step]],
        won: list[Run],
    ) -> None:
        lead = await self._lead(row.lead_id)
        is_there = not isinstance(lead, UnknownLead)
        if self._only_known and not is_there:
            message = f"there is no lead {row.lead_id!r}"
            self._reject(RowProblem(row.row, row.file, "lead.id", "unknown-lead", message))
            return
        if not self._staff.knows_unit(row.unit_id):
            message = f"there is no unit {row.unit_id!r}"
            self._reject(RowProblem(row.row, row.file, "lead.unit", "unknown-unit", message))
            return
        if is_there and (row.end is None or isinstance(lead, Converted | Disqualified)):
            in_file = row.lead_id in self._captured_here
            self.outcome.decide(
                Decision(row.row, row.file, "duplicate", row.lead_id, in_file=in_file)
            )
            return
        steps = leads.setdefault(row.lead_id, [])
        if not isinstance(lead, UnknownLead):
            customer = Customer(lead.facts.customer_id, False)
        else:
            customer = await self._customer(row, *store)
            if customer.is_new and not self._register(row, customer, customers):
                del leads[row.lead_id]
                return
            steps.append(self._step(row, self._captured(row, customer), row.captured_at, "lead"))
            self._captured_here.add(row.lead_id)
        if row.end is not None:
            self._end(row, row.end, customer, steps, won)
        self._accept(row, customer, is_there)

    async def _lead(self, lead_id: str) -> Lead:
        stream = stream_name(self._context.tenant_id, LEAD.name, lead_id)
        _version, lead = await self._tell.leads.load(LEAD, stream)
        found: Lead = lead
        return found

    async def _customer(
        self, row: RowOfLead, known: CustomerMerges, alike: Iterable[Any]
    ) -> Customer:
        """The one that the mapping names where it is there; else whom the description fits, in the
        store or in a row before; else a new one. Of several it fits none may be chosen."""
        named = row.customer_id or f"customer-{row.lead_id}"[:64]
        stream = stream_name(self._context.tenant_id, CUSTOMER.name, named)
        _version, there = await self._tell.leads.load(CUSTOMER, stream)
        if not isinstance(there, Unknown):
            return Customer(named, False)
        marks = row.description.marks
        found: dict[str, set[str]] = {
            each.customer_id: set(each.reasons) for each in candidates_among(alike, known, marks)
        }
        for mark in marks:
            for customer_id in self._named_in_file.get(mark, ()):
                found.setdefault(customer_id, set()).add(mark.partition(":")[0])
        if not found:
            return Customer(named, True)
        if len(found) > 1:
            return Customer(named, True, ("several", *sorted(found)))
        [(customer_id, reasons)] = found.items()
        return Customer(customer_id, False, tuple(sorted(reasons)))

    def _register(self, row: RowOfLead, customer: Customer, customers: list[Run]) -> bool:
        """False for a row that fits several customers."""
        if customer.reasons:
            several = ", ".join(customer.reasons[1:])
            message = f"looks like several customers: {several}"
            self._reject(
                RowProblem(row.row, row.file, "customer", "customer-looks-familiar", message)
            )
            return False
        self._registered.add(customer.customer_id)
        description: CustomerDescription = row.description
        for mark in description.marks:
            self._named_in_file.setdefault(mark, set()).add(customer.customer_id)
        command = RegisterCustomer(
            customer_id=customer.customer_id,
            description=description,
            occurred_at=row.captured_at,
            now=self._context.occurred_at,
        )
        step = self._step(row, command, row.captured_at, "customer")
        customers.append(Run(customer.customer_id, [step]))
        return True

    def _captured(self, row: RowOfLead, customer: Customer) -> CaptureLead:
        return CaptureLead(
            lead_id=row.lead_id,
            customer_id=customer.customer_id,
            source=row.source,
            fields=row.fields,
            behaviours=row.behaviours,
            unit_id=row.unit_id,
            unit_path=self._staff.path_of(row.unit_id),
            owner_id=None,
            occurred_at=row.captured_at,
            now=row.captured_at,
            attributes=row.attributes,
        )

    def _end(
        self,
        row: RowOfLead,
        end: EndOfLead,
        customer: Customer,
        steps: list[Step],
        won: list[Run],
    ) -> None:
        if end.ending == "disqualified":
            reason = end.reason or "imported history"
            command = DisqualifyLead(lead_id=row.lead_id, reason=reason, now=end.ended_at)
            steps.append(self._step(row, command, end.ended_at, "end"))
            return
        rep_id = None if row.rep is None else row.rep.rep_id
        place = None if rep_id is None else self._staff.place_of(rep_id, end.ended_at)
        unit_id = row.unit_id if place is None else place.unit_id
        convert = ConvertLead(
            lead_id=row.lead_id,
            opportunity_id=end.opportunity_id,
            pipeline=STANDARD_PIPELINE.name,
            now=end.ended_at,
            recorded_history=True,
            owner_id=rep_id,
            unit_id=unit_id,
        )
        steps.append(self._step(row, convert, end.ended_at, "end"))
        if end.ending == "won":
            won.append(self._won(row, end, customer, rep_id, unit_id))

    def _won(
        self,
        row: RowOfLead,
        end: EndOfLead,
        customer: Customer,
        rep_id: str | None,
        unit_id: str,
    ) -> Run:
        """Opened when it was won: when it began the file does not say."""
        opened = OpenOpportunity(
            opportunity_id=end.opportunity_id,
            customer_id=customer.customer_id,
            pipeline=STANDARD_PIPELINE,
            unit_id=unit_id,
            unit_path=self._staff.path_of(unit_id),
            owner_id=rep_id,
            zone=self._staff.zone,
            occurred_at=end.ended_at,
            now=self._context.occurred_at,
        )
        win = WinOpportunity(
            opportunity_id=end.opportunity_id,
            recorded_history=True,
            occurred_at=end.ended_at,
            now=self._context.occurred_at,
        )
        steps = [
            self._step(row, opened, end.ended_at, "opened"),
            self._step(row, win, end.ended_at, "won"),
        ]
        return Run(end.opportunity_id, steps)

    def _step(self, row: RowOfLead, command: Any, at: datetime, what: str) -> Step:
        context = replace(self._context, occurred_at=at)
        run = self._context.correlation_id
        return Step(command, context, derived_id(run, row.file, row.row, what))

    def _accept(self, row: RowOfLead, customer: Customer, is_there: bool) -> None:
        outcome = self.outcome
        outcome.accepted += 1
        outcome.reached(row.captured_at)
        if row.end is not None:
            outcome.reached(row.end.ended_at)
        is_linked = bool(customer.reasons)
        outcome.decide(
            Decision(
                row.row,
                row.file,
                "more" if is_there else "linked" if is_linked else "new",
                row.lead_id,
                customer.customer_id,
                customer.reasons,
                in_file=is_linked and customer.customer_id in self._registered,
            )
        )

    def _reject(self, problem: RowProblem) -> None:
        self.outcome.reject(problem)
        self.outcome.decide(Decision(problem.row, problem.file, "rejected"))
