"""What authenticity is judged from: a rep's records, their words, what their evidence proved."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from services.scoring.domain.action_record import ActionRecord
from services.scoring.domain.doubt import DoubtLimits
from services.scoring.domain.rule_precision import Precision
from services.scoring.queries.read_models import ACTIONS, CASES
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.ports import Ports

_IDS_A_QUERY = 500


def doubt_limits(organisation: Organisation, at: datetime) -> DoubtLimits:
    """As the tenant's settings are in force at a moment (S4)."""

    def number(name: str) -> float:
        return organisation.number_setting(name, at)

    return DoubtLimits(
        burst_actions=int(number("doubt_burst_actions")),
        burst_minutes=number("doubt_burst_minutes"),
        burst_late_hours=number("doubt_burst_late_hours"),
        template_actions=int(number("doubt_template_actions")),
        template_of_last=int(number("doubt_template_of_last")),
        template_similarity=number("doubt_template_similarity"),
        month_end_actions=int(number("doubt_month_end_actions")),
        month_end_days=int(number("doubt_month_end_days")),
        month_end_after_day=int(number("doubt_month_end_after_day")),
        gap_working_days=int(number("doubt_gap_working_days")),
        gap_weeks=int(number("doubt_gap_weeks")),
        gap_least_actions=int(number("doubt_gap_least_actions")),
        speed_kmh=number("doubt_speed_kmh"),
        distance_metres=number("doubt_distance_metres"),
        photo_metres=number("doubt_photo_metres"),
        photo_minutes=number("doubt_photo_minutes"),
    )


async def records_of(
    ports: Ports, tenant_id: str, rep_id: str, since: datetime
) -> list[ActionRecord]:
    """What the rep recorded from then on, in that order."""
    table = ACTIONS.rows
    query = (
        select(table.c.body)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.rep_id == rep_id,
            table.c.recorded_at >= milliseconds(since),
        )
        .order_by(table.c.recorded_at, table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return [ACTIONS.decode(body) for body in (await connection.execute(query)).scalars()]


async def last_with_summary(
    ports: Ports, tenant_id: str, rep_id: str, until: datetime, count: int
) -> list[ActionRecord]:
    """The last so many that say something, recorded by then."""
    table = ACTIONS.rows
    query = (
        select(table.c.body)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.rep_id == rep_id,
            table.c.has_summary.is_(True),
            table.c.recorded_at <= milliseconds(until),
        )
        .order_by(table.c.recorded_at.desc(), table.c.key.desc())
        .limit(count)
    )
    async with ports.read_store.reading() as connection:
        return [ACTIONS.decode(body) for body in (await connection.execute(query)).scalars()]


async def records_named(
    ports: Ports, tenant_id: str, action_ids: Collection[str]
) -> Mapping[str, ActionRecord]:
    table = ACTIONS.rows
    wanted, found = sorted(action_ids), {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(wanted), _IDS_A_QUERY):
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id,
                table.c.key.in_(wanted[start : start + _IDS_A_QUERY]),
            )
            for key, body in await connection.execute(query):
                found[key] = ACTIONS.decode(body)
    return found


async def summaries_of(ports: Ports, records: Iterable[ActionRecord]) -> Mapping[str, str]:
    """What they say, by action; what was erased says nothing."""
    event_ids = [UUID(each.summary_event_id) for each in records if each.summary_event_id]
    found = await ports.event_store.find_events(event_ids)
    opened = await ports.codec.open([ports.codec.decode(each) for each in found.values()])
    said = {each.event.action_id: each.event.summary for each in opened}
    return {action_id: words for action_id, words in said.items() if isinstance(words, str)}


async def precisions(ports: Ports, tenant_id: str) -> Mapping[str, Precision]:
    """Of the rules that anything was decided about."""
    table = CASES.rows
    query = (
        select(table.c.rule, table.c.state, func.count())
        .where(table.c.tenant_id == tenant_id)
        .group_by(table.c.rule, table.c.state)
    )
    counts: dict[str, dict[str, int]] = {}
    async with ports.read_store.reading() as connection:
        for rule, state, count in await connection.execute(query):
            counts.setdefault(rule, {})[state] = count
    return {
        rule: Precision(genuine=of_rule.get("genuine", 0), false=of_rule.get("false", 0))
        for rule, of_rule in counts.items()
    }


def by_rep(records: Iterable[ActionRecord]) -> Mapping[str, Sequence[ActionRecord]]:
    found: dict[str, list[ActionRecord]] = {}
    for record in records:
        found.setdefault(record.rep_id, []).append(record)
    return found
