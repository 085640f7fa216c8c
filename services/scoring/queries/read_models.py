"""READ_MODELS: what services/scoring folds of what others record, and of its own cases."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, Boolean, String, select

from services.scoring.domain.action_record import ACTION_RECORDS, ActionRecord
from services.scoring.domain.case_list import CASE_LIST, CaseRow
from services.scoring.domain.evidence_uses import EVIDENCE_USES, EvidenceUse
from services.scoring.domain.lead_behaviour import LEAD_BEHAVIOUR, LeadBehaviour
from services.scoring.domain.opportunity_behaviour import (
    OPPORTUNITY_BEHAVIOUR,
    OpportunityBehaviour,
)
from services.scoring.domain.process_rules import PROCESS_RULES, ProcessRule
from shared.events.opportunities import DateRule
from shared.ports import Ports
from shared.projecting import ReadModel, RowReadModel

LOG_NAME = "scoring"

OPPORTUNITIES: RowReadModel[OpportunityBehaviour] = RowReadModel(
    LOG_NAME,
    "opportunities",
    OPPORTUNITY_BEHAVIOUR,
    columns=(
        ("status", String(16)),
        ("unit_id", String(64)),
        ("owner_id", String(64)),
        ("closed_at", BigInteger),
    ),
    indexes=(("status", "closed_at"),),
)

LEADS: RowReadModel[LeadBehaviour] = RowReadModel(
    LOG_NAME,
    "leads",
    LEAD_BEHAVIOUR,
    columns=(("status", String(16)), ("unit_id", String(64)), ("owner_id", String(64))),
    indexes=(("status", "key"),),
)

ACTIONS: RowReadModel[ActionRecord] = RowReadModel(
    LOG_NAME,
    "opportunities",
    ACTION_RECORDS,
    columns=(
        ("rep_id", String(64)),
        ("type", String(64)),
        ("recorded_at", BigInteger),
        ("happened_at", BigInteger),
        ("has_summary", Boolean),
    ),
    indexes=(("rep_id", "recorded_at"),),
)

EVIDENCE: RowReadModel[EvidenceUse] = RowReadModel(LOG_NAME, "opportunities", EVIDENCE_USES)

PROCESS: RowReadModel[ProcessRule] = RowReadModel(LOG_NAME, "opportunities", PROCESS_RULES)

CASES: RowReadModel[CaseRow] = RowReadModel(
    LOG_NAME,
    LOG_NAME,
    CASE_LIST,
    columns=(
        ("rule", String(32)),
        ("state", String(16)),
        ("rep_id", String(64)),
        ("unit_id", String(64)),
        ("opened_at", BigInteger),
    ),
    indexes=(("opened_at", "key"), ("rule", "state")),
)

READ_MODELS: tuple[ReadModel, ...] = (OPPORTUNITIES, LEADS, ACTIONS, EVIDENCE, PROCESS, CASES)


class Process(NamedTuple):
    """What the tenant's process says: golden actions of any pipeline, action types, date rules."""

    golden: tuple[str, ...]
    types: Collection[str]
    date_rules: Mapping[str, tuple[DateRule, ...]]


async def process_of(ports: Ports, tenant_id: str) -> Process:
    table = PROCESS.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id).order_by(table.c.key)
    async with ports.read_store.reading() as connection:
        rows = [PROCESS.decode(body) for body in (await connection.execute(query)).scalars()]
    types = {row.type: row.date_rules for row in rows if row.type is not None}
    golden = {action for row in rows for action in row.golden}
    return Process(tuple(sorted(golden)), types.keys(), types)
