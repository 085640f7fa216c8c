"""Health as it is at a moment, of opportunities and assigned leads, and as it was recorded (S2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, select

from services.scoring.domain.behaviour import Standing, measured
from services.scoring.domain.health import Health, health
from services.scoring.domain.health_record import HEALTH, HealthOf, Subject
from services.scoring.domain.health_rules import HEALTH_RULES, ONE_PER_TENANT, Compared, RuleBook
from services.scoring.domain.lead_behaviour import LeadBehaviour
from services.scoring.domain.opportunity_behaviour import OPEN, WON, OpportunityBehaviour
from services.scoring.domain.opportunity_course import Course, median_dwells
from services.scoring.queries.read_models import LEADS, LOG_NAME, OPPORTUNITIES, process_of
from shared.business_time import BusinessCalendar
from shared.clock import milliseconds
from shared.envelope import stream_name
from shared.events.scoring import HealthRules
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel

OPPORTUNITY, LEAD = "opportunity", "lead"
_CONTACTS_OF_LEADS = frozenset({"call", "visit", "message", "email", "meeting"})
_HOUR = 3600.0

Behaviour = OpportunityBehaviour | LeadBehaviour
_course = msgspec.json.Decoder(Course).decode


class Norms(NamedTuple):
    """What one tenant's subjects are measured against."""

    calendar: BusinessCalendar
    median_dwells: Mapping[tuple[str, str], float]
    types: frozenset[str]
    lead_silence_seconds: float
    lead_silence_in_business_time: bool


async def norms_of(ports: Ports, organisation: Organisation, at: datetime) -> Norms:
    """As they stood at a moment: of the settings, and of what was won before."""
    before = OPPORTUNITIES.rows.c.closed_at < milliseconds(at)
    won = await _bodies(ports, OPPORTUNITIES, organisation.tenant_id, WON, before)
    courses = [_course(body) for body in won]
    process = await process_of(ports, organisation.tenant_id)
    return Norms(
        calendar=organisation.calendar(at),
        median_dwells=median_dwells(courses),
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


def subject_of(row: Behaviour, at: datetime) -> Subject:
    """With the stage it was in, and who is told of it now."""
    stage: str | None = None
    match row:
        case OpportunityBehaviour():
            kind, subject_id, stage = OPPORTUNITY, row.opportunity_id, row.stay_at(at).stage
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
    deeds = row.counted_deeds() if isinstance(row, OpportunityBehaviour) else row.deeds
    return health(rules, measured(rules, deeds, _standing(row, norms, at), at))


def is_scored_at(row: Behaviour, at: datetime) -> bool:
    """Opportunities while open and known, leads while somebody has them: as they stood then."""
    match row:
        case OpportunityBehaviour():
            return row.known_at < at and row.is_open_at(at)
        case LeadBehaviour():
            return row.holding_at(at) is not None


def goes_on(row: Behaviour) -> bool:
    """Whether there is more to score to come."""
    match row:
        case OpportunityBehaviour():
            return row.status == OPEN
        case LeadBehaviour():
            return row.is_held


def scored_since(row: Behaviour, at: datetime) -> datetime:
    """Since when it was scored day by day without a break."""
    match row:
        case OpportunityBehaviour():
            return row.open_since(at)
        case LeadBehaviour():
            return row.held_since(at)


def _standing(row: Behaviour, norms: Norms, at: datetime) -> Standing:
    match row:
        case OpportunityBehaviour():
            stay = row.stay_at(at)
            return Standing(
                active_at=row.active_at(at),
                silence_limit_seconds=row.silence_limits.get(stay.stage),
                calendar=norms.calendar if row.silence_in_business_time else None,
                entered_stage_at=stay.entered[0],
                median_dwell_seconds=norms.median_dwells.get((row.pipeline, stay.stage)),
                known_types=norms.types,
            )
        case LeadBehaviour():
            held = row.holding_at(at)
            return Standing(
                active_at=held.since if held else row.captured_at,
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
        *map(OPPORTUNITIES.decode, await _bodies(ports, OPPORTUNITIES, tenant_id, OPEN)),
        *map(LEADS.decode, await _bodies(ports, LEADS, tenant_id, OPEN)),
    ]
    found = []
    for row in rows:
        if is_scored_at(row, at):
            subject = subject_of(row, at)
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
    ports: Ports,
    model: RowReadModel[Any],
    tenant_id: str,
    status: str,
    *more: ColumnElement[bool],
) -> Sequence[bytes]:
    table = model.rows
    query = (
        select(table.c.body)
        .where(table.c.tenant_id == tenant_id, table.c.status == status, *more)
        .order_by(table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return list((await connection.execute(query)).scalars())


async def behaviour(ports: Ports, model: RowReadModel[Any], tenant_id: str, key: str) -> Any | None:
    """The row of one opportunity or lead, None where there is none."""
    table = model.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id, table.c.key == key)
    async with ports.read_store.reading() as connection:
        body = (await connection.execute(query)).scalar()
    return None if body is None else model.decode(body)
