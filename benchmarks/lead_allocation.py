"""How fast leads are allocated among 1,000 reps: one decision, one lead alone, 100,000 in one go.

    python -m benchmarks.lead_allocation

Embedded. Before any figure is given: every lead has one rep, equal reps have equal shares, and the
stored book replayed gives each lead to the same rep.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.figure import Figure, table, under
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.tenant import TENANT, ChangeSettings, CreateTenant, GoLive
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit
from services.embedded import open_embedded
from services.leads.allocating import Allocating
from services.leads.domain.allocation import UnitSituation
from services.leads.domain.allocation_book import (
    ALLOCATION_BOOK,
    AllocateLead,
    AllocationBook,
    replayed_rep,
)
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import CaptureLead
from services.leads.domain.lead_state import LeadFields
from services.leads.domain.presence import PRESENCE, NotePresence
from services.leads.queries.reps import allocation_rules, rep_situations
from shared.clock import VirtualClock
from shared.command_handling import CommandContext, Run, Step
from shared.envelope import stream_name
from shared.events.leads import LeadAllocated
from shared.hosting import Hosting

REPS = 1_000
LEADS = 100_000
ALONE = 300
TARGET_MILLISECONDS = 5
TENANT_ID, UNIT = "T1", "team-1"
MONDAY_MORNING = datetime(2026, 3, 30, 2, tzinfo=UTC)
A_COMMIT = 5_000


def measure() -> Iterator[Figure]:
    """Raises AssertionError where leads are lost, doubled or unfairly shared."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-lead-allocation-") as scratch:
        yield from asyncio.run(_measure(Path(scratch)))


async def _measure(scratch: Path) -> list[Figure]:
    clock = VirtualClock(MONDAY_MORNING - timedelta(days=400))
    async with open_embedded(scratch, clock=clock) as hosting:
        await _furnish(hosting, clock)
        decided = await _decide(hosting)
        alone = await _one_by_one(hosting)
        await _capture(hosting, range(ALONE, LEADS))
        began = perf_counter()
        await _allocate(hosting)
        seconds = perf_counter() - began
        await _compare(hosting)
    p99, alone_p99 = _p99(decided), _p99(alone)
    name = f"lead allocation, {REPS:,} reps"
    return [
        under(f"{name}: p99 of a decision", p99, "ms", TARGET_MILLISECONDS),
        Figure(name=f"{name}: p99 of one lead alone, stored", value=alone_p99, unit="ms"),
        Figure(name=f"{name}: {LEADS:,} leads in one go, stored", value=seconds, unit="s"),
    ]


async def _furnish(hosting: Hosting, clock: VirtualClock) -> None:
    """Reps of long standing, all on duty, on a Monday morning; a cap that lets them have all."""
    directory, now = hosting.ports.commands("directory"), clock()
    context = _context(now)
    create = CreateTenant(tenant_id=TENANT_ID, zone="Asia/Shanghai", now=now)
    await directory.handle(TENANT, TENANT_ID, create, context)
    await hosting.catch_up()
    await directory.handle(TENANT, TENANT_ID, GoLive(now=now), context)
    cap = ChangeSettings(settings={"open_lead_cap": LEADS}, now=now)
    await directory.handle(TENANT, TENANT_ID, cap, context)
    unit = AddUnit(unit_id=UNIT, name=UNIT, parent_id="company", kind="team", now=now)
    await directory.handle(UNIT_TREE, TENANT_ID, unit, context)
    people, presences = [], []
    for number in range(REPS):
        rep = f"rep-{number:04d}"
        person = AddPerson(person_id=rep, unit_id=UNIT, name=None, language="en", now=now)
        people.append(Run(rep, [Step(person, context, hosting.ports.new_id())]))
        on_duty = NotePresence(person_id=rep, on_duty=True, now=MONDAY_MORNING)
        step = Step(on_duty, _context(MONDAY_MORNING), hosting.ports.new_id())
        presences.append(Run(rep, [step]))
    await directory.handle_runs(PERSON, people)
    clock.move_to(MONDAY_MORNING)
    await hosting.ports.commands("leads").handle_runs(PRESENCE, presences)
    await hosting.catch_up()


async def _decide(hosting: Hosting) -> list[float]:
    """Milliseconds of each decision, the book growing with it; of both tracks."""
    organisation = await hosting.ports.organisations.of(TENANT_ID)
    reps = await rep_situations(hosting.ports, organisation, UNIT, MONDAY_MORNING)
    assert len(reps) == REPS
    book: AllocationBook = ALLOCATION_BOOK.initial
    took = []
    for number in range(LEADS):
        command = AllocateLead(
            lead_id=f"lead-{number:06d}",
            unit_id=UNIT,
            round=1,
            score=60.0 + 30 * (number % 2),
            reps=reps,
            rules=allocation_rules(organisation, MONDAY_MORNING),
            unit=UnitSituation(),
            day=MONDAY_MORNING.date(),
            now=MONDAY_MORNING,
        )
        began = perf_counter()
        events = ALLOCATION_BOOK.decide(command, book)
        took.append((perf_counter() - began) * 1000)
        book = ALLOCATION_BOOK.fold(events, book)
    return took


async def _one_by_one(hosting: Hosting) -> list[float]:
    """Milliseconds from the look at who waits until the decision is stored."""
    allocating = Allocating(hosting.ports)
    took = []
    for number in range(ALONE):
        await _capture(hosting, range(number, number + 1))
        began = perf_counter()
        assert await allocating.step(MONDAY_MORNING)
        took.append((perf_counter() - began) * 1000)
        await hosting.catch_up(runners=False)
    return took


async def _capture(hosting: Hosting, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, A_COMMIT):
        some = range(start, min(start + A_COMMIT, numbers.stop))
        await hosting.ports.commands("leads").handle_runs(LEAD, [_run(hosting, n) for n in some])
        await hosting.catch_up(runners=False)


def _run(hosting: Hosting, number: int) -> Run:
    lead_id = f"lead-{number:06d}"
    command = CaptureLead(
        lead_id=lead_id,
        customer_id=f"customer-{number:06d}",
        source="referral",
        fields=LeadFields(),
        behaviours=(),
        unit_id=UNIT,
        unit_path=("company", UNIT),
        owner_id=None,
        occurred_at=MONDAY_MORNING,
        now=MONDAY_MORNING,
    )
    return Run(lead_id, [Step(command, _context(MONDAY_MORNING), hosting.ports.new_id())])


async def _allocate(hosting: Hosting) -> None:
    """Until nobody waits: decided, stored, and known to the leads."""
    allocating = Allocating(hosting.ports)
    while await allocating.step(MONDAY_MORNING):
        await hosting.catch_up(runners=False)


async def _compare(hosting: Hosting) -> None:
    ports = hosting.ports
    book: AllocationBook = ALLOCATION_BOOK.initial
    given: Counter[str] = Counter()
    shares: Counter[str] = Counter()
    version = 0
    stream = stream_name(TENANT_ID, ALLOCATION_BOOK.name, UNIT)
    for stored in await ports.event_store.read_stream(stream, version):
        event = ports.codec.decode(stored).event
        assert isinstance(event, LeadAllocated), event
        assert replayed_rep(book, event) == event.rep_id
        book = ALLOCATION_BOOK.fold([event], book)
        given[event.lead_id] += 1
        shares[event.rep_id] += 1
    assert len(given) == LEADS
    assert set(given.values()) == {1}
    assert set(shares.values()) == {LEADS // REPS}


def _p99(milliseconds: list[float]) -> float:
    return sorted(milliseconds)[int(len(milliseconds) * 0.99)]


def _context(now: datetime) -> CommandContext:
    return CommandContext(
        tenant_id=TENANT_ID, actor_id=None, occurred_at=now, correlation_id="benchmark"
    )


if __name__ == "__main__":
    print(table(measure()))
