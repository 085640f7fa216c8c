"""The reps of a unit as allocation looks at them: presence, closed deals, since when (L5)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Boolean, String, func, select

from services.leads.domain.allocation import AllocationRules, RepSituation
from services.leads.domain.deal_outcomes import DEAL_OUTCOMES
from services.leads.domain.goal_attainment import (
    GOAL_TARGETS,
    attainments,
    target_key,
    working_month,
)
from services.leads.domain.lead_list import WITH_SALES
from services.leads.domain.presence import PRESENCE_LIST, Presence
from services.leads.queries.first_responses import mean_of_last_responses
from services.leads.queries.leads import LEADS
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel

_IDS_A_QUERY = 500
_REP = "rep"

PRESENCES = RowReadModel(service="leads", log="leads", projection=PRESENCE_LIST)
OUTCOMES = RowReadModel(
    service="leads",
    log="opportunities",
    projection=DEAL_OUTCOMES,
    columns=(("owner_id", String(64)), ("closed_at", BigInteger), ("won", Boolean)),
    indexes=(("owner_id", "closed_at"),),
)
GOALS = RowReadModel(service="leads", log="projections", projection=GOAL_TARGETS)


def allocation_rules(organisation: Organisation, at: datetime) -> AllocationRules:
    return AllocationRules(
        high_value_score=organisation.number_setting("high_value_lead_score", at),
        seen_for=timedelta(minutes=organisation.number_setting("rep_seen_minutes", at)),
        cap=int(organisation.number_setting("open_lead_cap", at)),
        newcomer_for=timedelta(days=organisation.number_setting("newcomer_days", at)),
    )


def reps_of(organisation: Organisation, unit_id: str) -> tuple[str, ...]:
    """Who belongs to exactly this unit, has not left and sells: holds the role, or none at all."""
    return tuple(
        person_id
        for person_id in organisation.people_in(unit_id)
        if _sells([role for role, _unit in organisation.people[person_id].grants])
    )


def _sells(roles: Sequence[str]) -> bool:
    return not roles or _REP in roles


async def rep_situations(
    ports: Ports, organisation: Organisation, unit_id: str, clock: datetime
) -> tuple[RepSituation, ...]:
    reps = reps_of(organisation, unit_id)
    presences = await _presences(ports, organisation.tenant_id, reps)
    since = clock - timedelta(days=organisation.number_setting("win_rate_days", clock))
    closed = await _closed(ports, organisation.tenant_id, reps, since)
    attained = await attainments_at(ports, organisation, reps, clock)
    nobody = Presence()
    return tuple(
        RepSituation(
            rep_id=rep,
            joined_at=organisation.people[rep].unit_history[0][0],
            seen_at=presences.get(rep, nobody).seen_at,
            on_duty=presences.get(rep, nobody).on_duty,
            won=closed.get((rep, True), 0),
            closed=closed.get((rep, True), 0) + closed.get((rep, False), 0),
            attainment=attained.get(rep),
        )
        for rep in reps
    )


async def with_responses(
    ports: Ports, tenant_id: str, reps: Sequence[RepSituation]
) -> tuple[RepSituation, ...]:
    """With how quickly each responded last (L8)."""
    means = await mean_of_last_responses(ports, tenant_id, [each.rep_id for each in reps])
    return tuple(replace(each, response_seconds=means.get(each.rep_id)) for each in reps)


async def attainments_at(
    ports: Ports, organisation: Organisation, reps: Sequence[str], clock: datetime
) -> dict[str, float]:
    """Of the running month, by those of the reps who have a goal for it (L5, P9)."""
    calendar = organisation.calendar(clock)
    today = calendar.day_of(clock)
    month = today.isoformat()[:7]
    targets = await _targets(ports, organisation.tenant_id, month, reps)
    if not targets:
        return {}
    begins = datetime.combine(today.replace(day=1), time.min, ZoneInfo(calendar.zone))
    valid = await _valid_leads(ports, organisation.tenant_id, list(targets), begins)
    return attainments(valid, targets, working_month(calendar, month, today))


async def _targets(
    ports: Ports, tenant_id: str, month: str, reps: Sequence[str]
) -> dict[str, float]:
    table = GOALS.rows
    rep_of = {target_key(month, rep): rep for rep in reps}
    keys = list(rep_of)
    found: dict[str, float] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(keys), _IDS_A_QUERY):
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id, table.c.key.in_(keys[start : start + _IDS_A_QUERY])
            )
            for key, body in await connection.execute(query):
                found[rep_of[key]] = GOALS.decode(body).target
    return found


async def _valid_leads(
    ports: Ports, tenant_id: str, reps: Sequence[str], since: datetime
) -> dict[str, int]:
    """Of those first assigned from `since` on, how many each has that are valid as they stand."""
    table = LEADS.rows
    found: dict[str, int] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(reps), _IDS_A_QUERY):
            query = (
                select(table.c.owner_id, func.count())
                .where(
                    table.c.tenant_id == tenant_id,
                    table.c.owner_id.in_(reps[start : start + _IDS_A_QUERY]),
                    table.c.first_assigned_at >= milliseconds(since),
                    table.c.status.in_(WITH_SALES),
                    table.c.budget_known_at.is_not(None),
                )
                .group_by(table.c.owner_id)
            )
            for owner_id, number in await connection.execute(query):
                found[owner_id] = number
    return found


async def _presences(ports: Ports, tenant_id: str, reps: Sequence[str]) -> dict[str, Presence]:
    table = PRESENCES.rows
    found: dict[str, Presence] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(reps), _IDS_A_QUERY):
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id, table.c.key.in_(reps[start : start + _IDS_A_QUERY])
            )
            for key, body in await connection.execute(query):
                found[key] = PRESENCES.decode(body)
    return found


async def _closed(
    ports: Ports, tenant_id: str, reps: Sequence[str], since: datetime
) -> dict[tuple[str, bool], int]:
    """How many by rep and outcome, closed from `since` on."""
    table = OUTCOMES.rows
    found: dict[tuple[str, bool], int] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(reps), _IDS_A_QUERY):
            query = (
                select(table.c.owner_id, table.c.won, func.count())
                .where(
                    table.c.tenant_id == tenant_id,
                    table.c.owner_id.in_(reps[start : start + _IDS_A_QUERY]),
                    table.c.closed_at >= milliseconds(since),
                )
                .group_by(table.c.owner_id, table.c.won)
            )
            for owner_id, won, number in await connection.execute(query):
                found[owner_id, bool(won)] = number
    return found
