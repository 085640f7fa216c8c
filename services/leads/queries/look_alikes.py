"""Customers that may be one: found by the marks that they share (L1)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, String, Table, func, select

from services.leads.domain.customer_list import CustomerRow, evolve
from services.leads.domain.customer_merges import CustomerMerges
from services.leads.queries.customers import CUSTOMERS, LOG_NAME, described, is_visible, merges
from services.leads.queries.unapplied import unapplied
from shared.access import Caller, Verb
from shared.envelope import RecordedEvent
from shared.errors import NotFound
from shared.events.leads import CustomerDescribed, CustomerRegistered, CustomerWithdrawn
from shared.ports import Ports
from shared.projecting import JournalReadModel
from shared.read_store import METADATA

_DESCRIPTIONS = (CustomerRegistered, CustomerDescribed)
_CHANGES = (*_DESCRIPTIONS, CustomerWithdrawn)
_CANDIDATES_AT_MOST = 20
_IDS_A_QUERY = 500


def _entries(recorded: RecordedEvent) -> Sequence[Mapping[str, Any]]:
    event = recorded.event
    if not isinstance(event, _DESCRIPTIONS):
        return ()
    return [
        {"tenant_id": recorded.tenant_id, "mark": mark, "customer_id": event.customer_id}
        for mark in event.marks
    ]


MARKS = JournalReadModel(
    service="leads",
    log=LOG_NAME,
    journal="customer_marks",
    version=1,
    table=Table(
        "leads_customer_marks_v1",
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("mark", String(80), primary_key=True),
        Column("customer_id", String(64), primary_key=True),
    ),
    entries=_entries,
)
"""Every mark a customer ever had; whether it still has it, its row in CUSTOMERS says."""


class Candidate(NamedTuple):
    customer_id: str
    reasons: tuple[str, ...]


async def candidates(
    ports: Ports, tenant_id: str, marks: Collection[str], leaving_out: Collection[str] = ()
) -> list[Candidate]:
    """Who has one of the marks now, each with the reasons; those with more of them first."""
    if not marks:
        return []
    rows = await customers_with(ports, tenant_id, frozenset(marks))
    known = await merges(ports, tenant_id)
    return candidates_among(rows.values(), known, marks, leaving_out)


def candidates_among(
    rows: Iterable[CustomerRow],
    known: CustomerMerges,
    marks: Collection[str],
    leaving_out: Collection[str] = (),
) -> list[Candidate]:
    """As `candidates`, of customers that were looked up for many descriptions at once."""
    wanted = frozenset(marks)
    left_out = {known.survivor(each) for each in leaving_out}
    reasons: dict[str, set[str]] = {}
    for row in rows:
        survivor = known.survivor(row.customer_id)
        shared = {mark.partition(":")[0] for mark in wanted.intersection(row.marks)}
        if shared and survivor not in left_out:
            reasons.setdefault(survivor, set()).update(shared)
    found = [Candidate(each, tuple(sorted(why))) for each, why in reasons.items()]
    found.sort(key=lambda each: (-len(each.reasons), each.customer_id))
    return found[:_CANDIDATES_AT_MOST]


async def shown_candidates(
    ports: Ports, caller: Caller, found: Sequence[Candidate]
) -> list[dict[str, Any]]:
    """That there is somebody like this everybody is told who would make it a second time; a name
    only who may see the customer."""
    shown = []
    for candidate in found:
        name = None
        visible = await is_visible(ports, caller, candidate.customer_id, Verb.READ)
        if visible:
            try:
                _version, record = await described(ports, caller.tenant_id, candidate.customer_id)
            except NotFound:
                continue
            name = record["name"]
        shown.append(
            {
                "customer_id": candidate.customer_id,
                "reasons": list(candidate.reasons),
                "name": name if isinstance(name, str) else None,
                "visible": visible,
            }
        )
    return shown


async def duplicates(
    ports: Ports, tenant_id: str, after: str, limit: int
) -> tuple[list[tuple[str, list[str]]], str | None]:
    """Marks that several customers have who are neither merged nor told apart, each with these
    customers; in the order of the marks after `after`, and where to go on."""
    known = await merges(ports, tenant_id)
    found: list[tuple[str, list[str]]] = []
    cursor: str | None = after
    while cursor is not None and len(found) < limit:
        page = await _shared_marks(ports, tenant_id, cursor, limit)
        for mark in page:
            cursor = mark
            rows = await customers_with(ports, tenant_id, frozenset((mark,)))
            owners = _unlike(known, [row for row in rows.values() if mark in row.marks])
            if owners:
                found.append((mark, owners))
                if len(found) == limit:
                    return found, cursor
        if len(page) < limit:
            cursor = None
    return found, cursor


def _unlike(known: CustomerMerges, rows: Sequence[CustomerRow]) -> list[str]:
    """Those who still have somebody among the others to be told apart from."""
    survivors = sorted({known.survivor(row.customer_id) for row in rows})
    told_apart = {
        frozenset((known.survivor(row.customer_id), known.survivor(other)))
        for row in rows
        for other in row.distinct_from
    }
    told_apart |= {frozenset(map(known.survivor, each)) for each in known.apart}
    return [
        each
        for each in survivors
        if any(frozenset((each, other)) not in told_apart for other in survivors if other != each)
    ]


async def _shared_marks(ports: Ports, tenant_id: str, after: str, limit: int) -> list[str]:
    table = MARKS.table
    query = (
        select(table.c.mark)
        .where(table.c.tenant_id == tenant_id, table.c.mark > after)
        .group_by(table.c.mark)
        .having(func.count() > 1)
        .order_by(table.c.mark)
        .limit(limit)
    )
    async with ports.read_store.reading() as connection:
        return list((await connection.execute(query)).scalars())


async def customers_with(
    ports: Ports, tenant_id: str, wanted: frozenset[str]
) -> dict[str, CustomerRow]:
    """Customers that have or had one of the marks, as they are described by now."""
    table = MARKS.table
    query = (
        select(table.c.customer_id)
        .where(table.c.tenant_id == tenant_id, table.c.mark.in_(sorted(wanted)))
        .distinct()
    )
    async with ports.read_store.reading() as connection:
        ids = sorted((await connection.execute(query)).scalars())
        rows: dict[str, CustomerRow] = {}
        for start in range(0, len(ids), _IDS_A_QUERY):
            named = select(CUSTOMERS.rows.c.body).where(
                CUSTOMERS.rows.c.tenant_id == tenant_id,
                CUSTOMERS.rows.c.key.in_(ids[start : start + _IDS_A_QUERY]),
            )
            bodies = (await connection.execute(named)).scalars()
            rows |= {row.customer_id: row for row in map(CUSTOMERS.decode, bodies)}
    for read_model in (MARKS.name, CUSTOMERS.name):
        async for recorded in unapplied(ports, LOG_NAME, read_model, tenant_id, _CHANGES):
            customer_id = recorded.event.customer_id
            marks = getattr(recorded.event, "marks", ())
            if customer_id in rows or not wanted.isdisjoint(marks):
                row = evolve(rows.pop(customer_id, None), recorded)
                rows |= {} if row is None else {customer_id: row}
    return rows
