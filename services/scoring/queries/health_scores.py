"""Health as it is at a moment, of opportunities and assigned leads, and as it was recorded (S2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from services.scoring.domain.behaviour import Standing, measured
from services.scoring.domain.health import Health, health
from services.scoring.domain.health_record import HEALTH, HealthOf, Subject
from services.scoring.domain.health_rules import HEALTH_RULES, ONE_PER_TENANT, Compared, RuleBook
from services.scoring.domain.lead_behaviour import LeadBehaviour
from services.scoring.domain.opportunity_behaviour import (
    OPEN,
    WON,
    OpportunityBehaviour,
    median_dwells,
    stay_at,
)
from services.scoring.queries.read_models import LEADS, LOG_NAME, OPPORTUNITIES, process_of
from shared.business_time import BusinessCalendar
from shared.envelope import stream_name
from shared.events.scoring import HealthRules
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel

OPPORTUNITY, LEAD = "opportunity", "lead"
_CONTACTS_OF_LEADS = frozenset({"call", "visit", "message", "email", "meeting"})
_HOUR = 3600.0

Behaviour = OpportunityBehaviour | LeadBehaviour


class Norms(NamedTuple):
    """What one tenant's subjects are measured against."""

    calendar: BusinessCalendar
    median_dwells: Mapping[tuple[str, str], float]
    types: frozenset[str]
    lead_silence_seconds: float
    lead_silence_in_business_time: bool


async def norms_of(ports: Ports, organisation: Organisation, at: datetime) -> Norms:
    won = await _bodies(ports, OPPORTUNITIES, organisation.tenant_id, WON)
    process = await process_of(ports, organisation.tenant_id)
    return Norms(
        calendar=organisation.calendar(at),
        median_dwells=median_dwells(won),
        types=frozenset(process.types),
        lead_silence_seconds=organisation.number_setting("lead_sleeping_hours", at) * _HOUR,
        lead_silence_in_business_time=bool(
            organisation.setting("lead_sleeping_in_business_time", at)
        ),
    )


async def rule_book(ports: Ports, tenant_id: str) -> RuleBook:
    stream = stream_name(tenant_id, HEALTH_RULES.name, ONE_PER_TENANT)
    _version, book = await ports.commands(LOG_NAME).load(HEALTH_RULES, stream, fresh=True)
    return book


async def recorded_health(ports: Ports, tenant_id: str, kind: str, subject_id: str) -> HealthOf:
    stream = stream_name(tenant_id, HEALTH.name, health_id(kind, subject_id))
    _version, known = await ports.commands(LOG_NAME).load(HEALTH, stream, fresh=True)
    return known


def health_id(kind: str, subject_id: str) -> str:
    """The id of the aggregate."""
    return f"{kind}:{subject_id}"


def subject_of(row: Behaviour) -> Subject:
    stage: str | None = None
    match row:
        case OpportunityBehaviour():
            kind, subject_id, stage = OPPORTUNITY, row.opportunity_id, row.stage
        case LeadBehaviour():
            kind, subject_id = LEAD, row.lead_id
    return Subject(
        kind=kind,
        subject_id=subject_id,
        customer_id=row.customer_id,
        stage=stage,
        owner_id=row.owner_id,
        unit_path=row.unit_path,
    )


def health_at(rules: HealthRules, row: Behaviour, norms: Norms, at: datetime) -> Health:
    return health(rules, measured(rules, row.deeds, _standing(row, norms, at), at))


def is_scored_at(row: Behaviour, at: datetime) -> bool:
    """Opportunities while open and known, leads while somebody has them."""
    match row:
        case OpportunityBehaviour():
            begun = max(row.opened_at, row.known_at) <= at
            return begun and (row.closed_at is None or row.closed_at > at)
        case LeadBehaviour():
            return row.is_open and row.assigned_at is not None and row.assigned_at <= at


def _standing(row: Behaviour, norms: Norms, at: datetime) -> Standing:
    match row:
        case OpportunityBehaviour():
            stay = stay_at(row, at)
            return Standing(
                active_at=row.active_at,
                silence_limit_seconds=row.silence_limits.get(stay.stage),
                calendar=norms.calendar if row.silence_in_business_time else None,
                entered_stage_at=stay.entered_at,
                median_dwell_seconds=norms.median_dwells.get((row.pipeline, stay.stage)),
                known_types=norms.types,
            )
        case LeadBehaviour():
            return Standing(
                active_at=row.assigned_at or row.captured_at,
                silence_limit_seconds=norms.lead_silence_seconds,
                calendar=norms.calendar if norms.lead_silence_in_business_time else None,
                entered_stage_at=None,
                median_dwell_seconds=None,
                known_types=_CONTACTS_OF_LEADS,
            )


async def compared(
    ports: Ports, organisation: Organisation, book: RuleBook, at: datetime
) -> tuple[Compared, ...]:
    """Everything that is scored now, by the rules in force and by those proposed."""
    proposed = book.proposed
    if proposed is None:
        return ()
    norms = await norms_of(ports, organisation, at)
    tenant_id = organisation.tenant_id
    rows: list[Behaviour] = [
        *await _bodies(ports, OPPORTUNITIES, tenant_id, OPEN),
        *await _bodies(ports, LEADS, tenant_id, OPEN),
    ]
    found = []
    for row in rows:
        if is_scored_at(row, at):
            subject = subject_of(row)
            found.append(
                Compared(
                    kind=subject.kind,
                    subject_id=subject.subject_id,
                    before=health_at(book.in_force, row, norms, at).score,
                    after=health_at(proposed, row, norms, at).score,
                )
            )
    return tuple(found)


async def _bodies(
    ports: Ports, model: RowReadModel[Any], tenant_id: str, status: str
) -> Sequence[Any]:
    table = model.rows
    query = (
        select(table.c.body)
        .where(table.c.tenant_id == tenant_id, table.c.status == status)
        .order_by(table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return [model.decode(body) for body in (await connection.execute(query)).scalars()]


async def behaviour(ports: Ports, model: RowReadModel[Any], tenant_id: str, key: str) -> Any | None:
    """The row of one opportunity or lead, None where there is none."""
    table = model.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id, table.c.key == key)
    async with ports.read_store.reading() as connection:
        body = (await connection.execute(query)).scalar()
    return None if body is None else model.decode(body)
