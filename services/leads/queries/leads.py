"""Leads as they are looked up: one, the lists people work from, the rules they are judged by."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Boolean, String, select

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_intent import intent
from services.leads.domain.lead_judgement import allocation_score, score_now
from services.leads.domain.lead_list import LEAD_LIST, LeadRow, contact_due_at, row_of
from services.leads.domain.lead_score import LeadScoreRules
from services.leads.domain.lead_state import KnownLead, LeadFacts, Unknown
from services.leads.domain.lead_tags import lead_tags
from shared.access import Caller, Resource, Verb, Visibility, visible_rows
from shared.business_time import BusinessCalendar
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.events.directory import SettingValue
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel
from shared.tenant_settings import LEAD_BEHAVIOUR_POINTS, LEAD_SOURCE_POINTS

LOG_NAME = "leads"
AS_SET: Mapping[str, SettingValue] = {}

LEADS = RowReadModel(
    service="leads",
    log=LOG_NAME,
    projection=LEAD_LIST,
    columns=(
        ("status", String(16)),
        ("unit_id", String(64)),
        ("owner_id", String(64)),
        ("customer_id", String(64)),
        ("captured_at", BigInteger),
        ("awaited_since", BigInteger),
        ("first_assigned_at", BigInteger),
        ("has_hot_word", Boolean),
        ("is_appealed", Boolean),
        ("found_nobody", Boolean),
        ("budget_said", Boolean),
        ("first_captured_at", BigInteger),
        ("budget_known_at", BigInteger),
    ),
    indexes=(
        ("status", "captured_at", "key"),
        ("status", "awaited_since", "captured_at", "key"),
        ("owner_id", "captured_at", "key"),
        ("owner_id", "first_assigned_at"),
        ("is_appealed", "captured_at", "key"),
        ("unit_id", "first_captured_at", "budget_known_at"),
        ("customer_id",),
    ),
)


def score_rules(
    organisation: Organisation, at: datetime, instead: Mapping[str, SettingValue] = AS_SET
) -> LeadScoreRules:
    """As the tenant's settings are in force at a moment (L4), with others `instead` of some."""

    def number(name: str) -> float:
        value: Any = instead.get(name, organisation.setting(name, at))
        return float(value)

    def points(names: Collection[str]) -> Mapping[str, float]:
        return {each: number(f"lead_points_{each}") for each in names}

    def calendar(name: str) -> BusinessCalendar | None:
        return organisation.calendar(at) if number(name) else None

    return LeadScoreRules(
        source_points=points(LEAD_SOURCE_POINTS),
        behaviour_points=points(LEAD_BEHAVIOUR_POINTS),
        threshold=number("lead_score_threshold"),
        first_judged_hours=number("lead_first_judged_hours"),
        timely_hours=number("lead_timely_hours"),
        late_hours=number("lead_late_hours"),
        calendar=calendar("lead_score_in_business_time"),
        sleeping_hours=number("lead_sleeping_hours"),
        sleeping_calendar=calendar("lead_sleeping_in_business_time"),
    )


def unit_now(organisation: Organisation, facts: LeadFacts) -> str:
    """A lead's unit is its owner's, as the tree stands now (A9)."""
    owners = organisation.unit_of(facts.owner_id) if facts.owner_id else None
    return owners or facts.unit_id


async def lead(ports: Ports, tenant_id: str, lead_id: str) -> tuple[int, KnownLead]:
    """Version and state as stored. Raises NotFound."""
    stream = stream_name(tenant_id, LEAD.name, lead_id)
    version, state = await ports.commands(LOG_NAME).load(LEAD, stream, fresh=True)
    if isinstance(state, Unknown):
        raise NotFound(f"there is no lead {lead_id!r}")
    return version, state


async def seen_lead(
    ports: Ports, caller: Caller, lead_id: str, verb: Verb
) -> tuple[int, KnownLead]:
    """Raises NotFound, also for what the caller may not see (A9)."""
    version, known = await lead(ports, caller.tenant_id, lead_id)
    organisation = await ports.organisations.of(caller.tenant_id)
    visibility = visible_rows(caller, organisation, Resource.LEADS, verb)
    if not is_in_sight(visibility, organisation, known.facts):
        raise NotFound(f"there is no lead {lead_id!r}")
    return version, known


async def leads_of_customers(
    ports: Ports, tenant_id: str, customer_ids: Collection[str]
) -> list[LeadRow]:
    table = LEADS.rows
    query = (
        select(table.c.body)
        .where(table.c.tenant_id == tenant_id, table.c.customer_id.in_(sorted(customer_ids)))
        .order_by(table.c.captured_at, table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return [LEADS.decode(body) for body in (await connection.execute(query)).scalars()]


def shown_leads(
    rows: Sequence[LeadRow], organisation: Organisation, ports: Ports
) -> list[dict[str, Any]]:
    """With their scores as they are now and what each part comes to; nothing personal."""
    clock = organisation.clock(ports.clock())
    rules = score_rules(organisation, clock)
    appealable = timedelta(minutes=organisation.number_setting("lead_appeal_minutes", clock))
    return [
        {
            **_shown(row, organisation, rules, clock),
            "contact_due_at": contact_due_at(row, rules),
            "appeal_until": row.facts.assigned_at and row.facts.assigned_at + appealable,
        }
        for row in rows
    ]


def _shown(
    row: LeadRow, organisation: Organisation, rules: LeadScoreRules, clock: datetime
) -> dict[str, Any]:
    facts = row.facts
    score = score_now(facts, rules, clock)
    return {
        "lead_id": facts.lead_id,
        "customer_id": facts.customer_id,
        "status": row.status,
        "source": facts.source,
        "industry": facts.fields.industry,
        "size": facts.fields.size,
        "region": facts.fields.region,
        "budget_status": facts.fields.budget_status,
        "core_needs": list(facts.fields.core_needs),
        "behaviours": list(facts.behaviours),
        "tags": list(lead_tags(facts)),
        "unit_id": unit_now(organisation, facts),
        "owner_id": facts.owner_id,
        "captured_at": facts.captured_at,
        "assigned_at": facts.assigned_at,
        "track": facts.track,
        "allocation": facts.allocation,
        "first_contact_at": facts.first_contact_at,
        "contacts": facts.contacts,
        "fell_asleep_at": facts.fell_asleep_at,
        "appealed_at": facts.appealed_at,
        "found_nobody_at": facts.found_nobody_at,
        "passed_over": {why: list(reps) for why, reps in facts.passed_over},
        "hot_word_at": facts.hot_word_at,
        "intent": intent(facts),
        "reason": row.reason,
        "opportunity_id": row.opportunity_id,
        "score": {
            "total": score.total,
            "source": score.source,
            "behaviour": score.behaviour,
            "timeliness": score.timeliness,
            "missing": score.missing,
            "judged_at": facts.judged_at,
            "judged_total": None if facts.judged is None else facts.judged.total,
            "for_allocation": allocation_score(facts, rules),
        },
    }


def shown_state(lead: KnownLead) -> dict[str, Any]:
    """What a command answers with: no figure that time alone changes."""
    row = row_of(lead)
    assert row is not None
    facts = row.facts
    return {
        "lead_id": facts.lead_id,
        "customer_id": facts.customer_id,
        "status": row.status,
        "unit_id": facts.unit_id,
        "owner_id": facts.owner_id,
        "budget_status": facts.fields.budget_status,
        "reason": row.reason,
        "opportunity_id": row.opportunity_id,
    }


def is_in_sight(visibility: Visibility, organisation: Organisation, facts: LeadFacts) -> bool:
    return visibility.includes(unit_id=unit_now(organisation, facts), owner_id=facts.owner_id)
