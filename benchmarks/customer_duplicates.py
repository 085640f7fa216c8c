"""How fast a look-alike is found among a million customers (L1).

    python -m benchmarks.customer_duplicates

Embedded; registered by commands, their names and phones sealed. Asked are descriptions of customers
who are there, written otherwise, and of some who are not; what is found is compared first.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.figure import Figure, table, under
from services.directory.domain.tenant import TENANT, CreateTenant
from services.embedded import open_embedded
from services.leads.domain.customer import CUSTOMER, CustomerDescription, RegisterCustomer
from services.leads.marking import Marking
from services.leads.queries.look_alikes import candidates
from shared.clock import VirtualClock
from shared.command_handling import CommandContext, Run, Step
from shared.events.leads import Contact
from shared.hosting import Hosting

CUSTOMERS = 1_000_000
ASKED = 2_000
A_COMMIT = 5_000
TARGET_MILLISECONDS = 20
TENANT_ID = "T1"
NOW = datetime(2026, 3, 30, 2, tzinfo=UTC)


def measure() -> Iterator[Figure]:
    """Raises AssertionError where somebody is not found, or somebody else is."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-duplicates-") as scratch:
        yield from asyncio.run(_measure(Path(scratch)))


async def _measure(scratch: Path) -> list[Figure]:
    async with open_embedded(scratch, clock=VirtualClock(NOW)) as hosting:
        create = CreateTenant(tenant_id=TENANT_ID, zone="Asia/Shanghai", now=NOW)
        directory = hosting.ports.commands("directory")
        await directory.handle(TENANT, TENANT_ID, create, _context())
        await hosting.catch_up()
        await _fill(hosting)
        took = sorted([await _ask(hosting, number) for number in range(ASKED)])
    name = f"look-alikes among {CUSTOMERS:,} customers"
    p50, p99 = (took[int(len(took) * share)] for share in (0.50, 0.99))
    return [
        Figure(name=f"{name}: p50", value=p50, unit="ms"),
        under(f"{name}: p99", p99, "ms", TARGET_MILLISECONDS),
    ]


async def _fill(hosting: Hosting) -> None:
    commands, marking = hosting.ports.commands("leads"), Marking(hosting.ports)
    for start in range(0, CUSTOMERS, A_COMMIT):
        runs = []
        for number in range(start, min(start + A_COMMIT, CUSTOMERS)):
            described = CustomerDescription(
                name=f"云杉{number}科技有限公司",
                contacts=(Contact(contact_id="c", name="王芳", phone=_phone(number)),),
            )
            marks = await marking.marks(TENANT_ID, described)
            command = RegisterCustomer(
                customer_id=f"customer-{number}",
                description=CustomerDescription(
                    name=described.name, contacts=described.contacts, marks=marks
                ),
                occurred_at=NOW,
                now=NOW,
            )
            step = Step(command, _context(), hosting.ports.new_id())
            runs.append(Run(command.customer_id, [step]))
        await commands.handle_runs(CUSTOMER, runs)
        commands.forget_states()
        await hosting.catch_up(runners=False)


async def _ask(hosting: Hosting, number: int) -> float:
    """Milliseconds from a description to who it may be; every tenth is nobody's."""
    asked = number * (CUSTOMERS // ASKED)
    is_there = number % 10 > 0
    by_phone = number % 2 == 0
    description = CustomerDescription(
        name=None if by_phone else f"雲杉{asked if is_there else -asked - 1}科技股份公司",
        contacts=(Contact(contact_id="c", name="", phone=f"+86 {_phone(asked)}"),)
        if by_phone and is_there
        else (),
    )
    marking = Marking(hosting.ports)
    began = perf_counter()
    marks = await marking.marks(TENANT_ID, description)
    found = await candidates(hosting.ports, TENANT_ID, marks)
    took = (perf_counter() - began) * 1000
    expected = [f"customer-{asked}"] if is_there else []
    assert [each.customer_id for each in found] == expected, (number, found)
    return took


def _phone(number: int) -> str:
    return f"13{number + 100_000_000:09d}"


def _context() -> CommandContext:
    return CommandContext(
        tenant_id=TENANT_ID, actor_id=None, occurred_at=NOW, correlation_id="benchmark"
    )


if __name__ == "__main__":
    print(table(measure()))
