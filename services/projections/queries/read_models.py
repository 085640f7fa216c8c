"""The read models of projections with what they can be searched by."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Table

from services.projections.domain.acknowledgement import ACKNOWLEDGEMENTS, Acknowledgement
from services.projections.domain.customer_identity import CUSTOMER_IDENTITIES, CustomerIdentity
from services.projections.domain.decision_chain import DECISION_CHAINS, DecisionChain
from services.projections.domain.goal_list import GOAL_LIST, MonthOfGoals
from services.projections.domain.lead_course import LEAD_COURSES, LeadCourse
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.process_projection import OPPORTUNITY_PROCESS
from services.projections.domain.reused_evidence import EVIDENCE_USES, EvidenceUses
from services.projections.domain.signal_list import SIGNAL_LIST, SignalRow
from services.projections.domain.stage_titles import STAGE_TITLES, StageTitles
from shared.envelope import RecordedEvent
from shared.events.leads import CustomerDescribed, CustomerRegistered
from shared.projecting import JournalReadModel, ReadModel, RowReadModel
from shared.read_store import METADATA

LOG_NAME = "projections"

PROCESSES: RowReadModel[OpportunityProcess] = RowReadModel(
    LOG_NAME,
    "opportunities",
    OPPORTUNITY_PROCESS,
    columns=(
        ("status", String(16)),
        ("stage", String(64)),
        ("unit_id", String(64)),
        ("owner_id", String(64)),
        ("customer_id", String(64)),
        ("customer_industry", String(64)),
        ("customer_is_key", Boolean),
        ("amount", String(64)),
        ("currency", String(8)),
        ("opened_at", BigInteger),
        ("closed_at", BigInteger),
        ("stage_entered_at", BigInteger),
        ("last_activity_at", BigInteger),
        ("silence_due_at", BigInteger),
        ("limit_hours", Float),
        ("reps", String),
        ("revisions", Integer),
        ("awaits_approval", Boolean),
    ),
    # The first holds every filter of silence and instructions: counting never opens a row, and
    # what is stuck is looked for here.
    indexes=(
        (
            "status",
            "silence_due_at",
            "key",
            "unit_id",
            "owner_id",
            "stage",
            "customer_is_key",
            "stage_entered_at",
        ),
        ("customer_id",),
        ("revisions",),
        ("awaits_approval", "key"),
    ),
    # Funnels are counted from the courses of all of them.
    apart=(("opened_at", BigInteger), ("closed_at", BigInteger), ("course", LargeBinary)),
)

SIGNALS: RowReadModel[SignalRow] = RowReadModel(
    LOG_NAME,
    LOG_NAME,
    SIGNAL_LIST,
    columns=(
        ("rule", String(64)),
        ("state", String(16)),
        ("subject_kind", String(32)),
        ("subject_id", String(64)),
        ("unit_id", String(64)),
        ("owner_id", String(64)),
        ("customer_id", String(64)),
        ("due_at", BigInteger),
        ("ended_at", BigInteger),
        ("stage", String(64)),
        ("anchor_event_id", String(64)),
        ("cause_event_id", String(64)),
    ),
    indexes=(
        ("due_at", "key"),
        ("subject_id",),
        ("anchor_event_id",),
        ("rule", "stage", "due_at"),
    ),
)

ESCALATED: RowReadModel[Acknowledgement] = RowReadModel(
    LOG_NAME,
    "notifications",
    ACKNOWLEDGEMENTS,
    columns=(("signal_id", String(64)), ("is_acknowledged", Boolean)),
    indexes=(("signal_id",),),
)

STAGE_NAMES: RowReadModel[StageTitles] = RowReadModel(LOG_NAME, "opportunities", STAGE_TITLES)

EVIDENCE: RowReadModel[EvidenceUses] = RowReadModel(LOG_NAME, "opportunities", EVIDENCE_USES)

LEADS: RowReadModel[LeadCourse] = RowReadModel(
    LOG_NAME,
    "leads",
    LEAD_COURSES,
    columns=(
        ("customer_id", String(64)),
        ("captured_at", BigInteger),
        ("first_assigned_at", BigInteger),
    ),
    indexes=(("captured_at",), ("first_assigned_at",), ("customer_id",)),
)

CHAINS: RowReadModel[DecisionChain] = RowReadModel(LOG_NAME, "leads", DECISION_CHAINS)

IDENTITIES: RowReadModel[CustomerIdentity] = RowReadModel(LOG_NAME, "leads", CUSTOMER_IDENTITIES)


def _marks(recorded: RecordedEvent) -> Sequence[Mapping[str, Any]]:
    event = recorded.event
    if not isinstance(event, CustomerRegistered | CustomerDescribed):
        return ()
    return [
        {"tenant_id": recorded.tenant_id, "mark": mark, "customer_id": event.customer_id}
        for mark in event.marks
    ]


MARKS = JournalReadModel(
    service=LOG_NAME,
    log="leads",
    journal="customer_marks",
    version=1,
    table=Table(
        "projections_customer_marks_v1",
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("mark", String(80), primary_key=True),
        Column("customer_id", String(64), primary_key=True),
    ),
    entries=_marks,
)
"""Who ever had a mark; whether they have it at a moment, their identity says."""

TARGETS: RowReadModel[MonthOfGoals] = RowReadModel(LOG_NAME, LOG_NAME, GOAL_LIST)

READ_MODELS: tuple[ReadModel, ...] = (
    PROCESSES,
    SIGNALS,
    ESCALATED,
    STAGE_NAMES,
    EVIDENCE,
    LEADS,
    CHAINS,
    IDENTITIES,
    MARKS,
    TARGETS,
)
