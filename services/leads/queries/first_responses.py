"""How long first responses took: the last ones of a rep (L8), the medians of units (L10)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, String, Table, func, select

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.leads import LeadContacted, LeadReturned
from shared.ports import Ports
from shared.projecting import JournalReadModel
from shared.read_store import METADATA

_LAST = 3
_IDS_A_QUERY = 500


def _entries(recorded: RecordedEvent) -> Sequence[Mapping[str, Any]]:
    event = recorded.event
    match event:
        case LeadContacted() if event.response_seconds is not None:
            return _rows(recorded, event.actor_id, event.response_seconds, event.contacted_at)
        case LeadReturned(reason="sales_late") if event.unanswered_seconds is not None:
            return _rows(recorded, None, event.unanswered_seconds, event.returned_at)
        case _:
            return ()


def _rows(
    recorded: RecordedEvent, rep_id: str | None, seconds: float, at: datetime
) -> list[Mapping[str, Any]]:
    """One for each unit on the path, as the tree stood then."""
    return [
        {
            "tenant_id": recorded.tenant_id,
            "unit_id": unit_id,
            "event_id": str(recorded.event_id),
            "rep_id": rep_id,
            "responded_at": milliseconds(at),
            "seconds": seconds,
            "is_own_unit": unit_id == recorded.event.unit_id,
        }
        for unit_id in recorded.event.unit_path
    ]


RESPONSES = JournalReadModel(
    service="leads",
    log="leads",
    journal="first_responses",
    version=1,
    table=Table(
        "leads_first_responses_v1",
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("unit_id", String(64), primary_key=True),
        Column("event_id", String(36), primary_key=True),
        Column("rep_id", String(64)),
        Column("responded_at", BigInteger, nullable=False),
        Column("seconds", Float, nullable=False),
        Column("is_own_unit", Boolean, nullable=False),
        Index("leads_first_responses_v1_when", "tenant_id", "unit_id", "responded_at"),
        Index("leads_first_responses_v1_whose", "tenant_id", "rep_id", "responded_at"),
    ),
    entries=_entries,
)
"""A lead that went back because nobody of sales had answered counts with the time until then, for
its unit and for no rep."""


class MedianResponse(NamedTuple):
    """None of nothing."""

    seconds: float | None
    responses: int


async def mean_of_last_responses(
    ports: Ports, tenant_id: str, reps: Sequence[str]
) -> dict[str, float]:
    """Of the last three first responses, in seconds, by rep who has any (L8)."""
    table = RESPONSES.table
    ranked_by = func.row_number().over(
        partition_by=table.c.rep_id,
        order_by=(table.c.responded_at.desc(), table.c.event_id.desc()),
    )
    means: dict[str, float] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(reps), _IDS_A_QUERY):
            ranked = (
                select(table.c.rep_id, table.c.seconds, ranked_by.label("place"))
                .where(
                    table.c.tenant_id == tenant_id,
                    table.c.rep_id.in_(reps[start : start + _IDS_A_QUERY]),
                    table.c.is_own_unit,
                )
                .subquery()
            )
            query = (
                select(ranked.c.rep_id, func.avg(ranked.c.seconds))
                .where(ranked.c.place <= _LAST)
                .group_by(ranked.c.rep_id)
            )
            for rep_id, mean in await connection.execute(query):
                means[rep_id] = float(mean)
    return means


async def median_responses(
    ports: Ports,
    tenant_id: str,
    window: tuple[datetime, datetime],
    unit_ids: Collection[str] | None = None,
) -> dict[str, MedianResponse]:
    """In seconds by unit, over everything below it as the tree stood; window half-open (L10)."""
    table = RESPONSES.table
    begins, ends = window
    query = select(table.c.unit_id, table.c.seconds).where(
        table.c.tenant_id == tenant_id,
        table.c.responded_at >= milliseconds(begins),
        table.c.responded_at < milliseconds(ends),
    )
    if unit_ids is not None:
        query = query.where(table.c.unit_id.in_(sorted(unit_ids)))
    found: dict[str, list[float]] = {}
    async with ports.read_store.reading() as connection:
        for unit_id, seconds in await connection.execute(query):
            found.setdefault(unit_id, []).append(seconds)
    return {unit: MedianResponse(median(each), len(each)) for unit, each in found.items()}
