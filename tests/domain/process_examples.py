"""One opportunity O1 in pipeline P1 (first, second, third), told event by event."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.projections.domain.opportunity_process import evolve
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from shared.envelope import RecordedEvent, StoredEvent
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    ApprovalDecided,
    ApprovalRequested,
    ApprovalResubmitted,
    ApprovalStep,
    Evidence,
    EvidenceAttached,
    GoldenAction,
    NextAction,
    OpportunityAssigned,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    PipelineDefinition,
    StageChanged,
    StageDefinition,
)
from shared.projection import Point

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""09:00 in Shanghai, in 2026-W10."""
STAGES = ("first", "second", "third")
PIPELINE = PipelineDefinition(
    name="P1",
    version=1,
    stages=tuple(StageDefinition(name=name, dwell_limit_seconds=None) for name in STAGES),
    unmet="record",
)
TEAM_1 = ("company", "region", "team-1")
TEAM_2 = ("company", "region", "team-2")
PHOTO = Evidence(sha256="a" * 64, kind="photo")


def hours(number: float) -> datetime:
    """So many hours after the opening."""
    return MONDAY + timedelta(hours=number)


def with_stage(stage: str, **changes: Any) -> PipelineDefinition:
    """P1 with one stage described otherwise."""
    stages = (replace(each, **changes) if each.name == stage else each for each in PIPELINE.stages)
    return replace(PIPELINE, stages=tuple(stages))


def needing(stage: str, *golden: GoldenAction) -> PipelineDefinition:
    return with_stage(stage, golden_actions=golden)


def event_id(version: int) -> str:
    return str(UUID(int=version))


@dataclass
class Story:
    """What happened to O1, in the order it was recorded; times are hours after the opening."""

    pipeline: PipelineDefinition = PIPELINE
    owner: str | None = "rep-1"
    path: tuple[str, ...] = TEAM_1
    zone: str = "Asia/Shanghai"
    origin: str = "live"
    told: list[RecordedEvent] = field(default_factory=list)
    stage: str = "first"

    def __post_init__(self) -> None:
        if not self.told:
            self._tell(
                0,
                OpportunityOpened(
                    opportunity_id="O1",
                    customer_id="C1",
                    customer_type="pharmacy",
                    customer_industry="health",
                    customer_is_key=True,
                    pipeline=self.pipeline,
                    stage="first",
                    unit_id=self.path[-1],
                    unit_path=self.path,
                    owner_id=self.owner,
                    amount=Decimal("1000.00"),
                    currency="CNY",
                    zone=self.zone,
                    opened_at=hours(0),
                ),
            )

    def _tell(self, at: float, event: Any, recorded: float | None = None) -> "Story":
        version = len(self.told) + 1
        self.told.append(recorded_event(event, version, hours(at), self.origin, recorded))
        return self

    def acts(
        self,
        at: float,
        type: str = "call",
        *,
        action_id: str | None = None,
        recorded: float | None = None,
        actor: str | None = "rep-1",
        **fields: Any,
    ) -> "Story":
        given = {"actor_unit_path": TEAM_1, **fields}
        return self._tell(
            at,
            ActionLogged(
                opportunity_id="O1",
                action_id=action_id or f"A{len(self.told) + 1}",
                type=type,
                customer_id="C1",
                subject="customer/C1",
                actor_id=actor,
                happened_at=hours(at),
                **given,
            ),
            recorded,
        )

    def reaches_out(self, at: float) -> "Story":
        return self.acts(at, direction="outbound")

    def books(self, at: float, due: float, type: str | None = None) -> "Story":
        return self.acts(at, next_action=NextAction(due_at=hours(due), type=type))

    def corrects(self, at: float, action_id: str, **fields: Any) -> "Story":
        event = ActionCorrected(
            opportunity_id="O1",
            action_id=action_id,
            subject="customer/C1",
            corrected_at=hours(at),
            **{"type": "call", "happened_at": hours(at), **fields},
        )
        return self._tell(at, event)

    def voids(self, at: float, action_id: str) -> "Story":
        event = ActionVoided(
            opportunity_id="O1", action_id=action_id, reason=None, subject="s", voided_at=hours(at)
        )
        return self._tell(at, event)

    def attaches(self, at: float, action_id: str, *evidence: Evidence) -> "Story":
        event = EvidenceAttached(
            opportunity_id="O1",
            action_id=action_id,
            subject="s",
            evidence=evidence,
            invalid_reasons=(),
            attached_at=hours(at),
        )
        return self._tell(at, event)

    def moves(self, at: float, stage: str) -> "Story":
        steps = STAGES.index(stage) - STAGES.index(self.stage)
        direction = "backward" if steps < 0 else "forward" if steps == 1 else "skip"
        event = StageChanged(
            opportunity_id="O1",
            from_stage=self.stage,
            to_stage=stage,
            direction=direction,
            reason=None,
            subject="s",
            violations=(),
            changed_at=hours(at),
        )
        self.stage = stage
        return self._tell(at, event)

    def is_assigned(self, at: float, owner: str | None, path: tuple[str, ...] = TEAM_1) -> "Story":
        event = OpportunityAssigned(
            opportunity_id="O1",
            owner_id=owner,
            unit_id=path[-1],
            unit_path=path,
            assigned_at=hours(at),
        )
        return self._tell(at, event)

    def is_won(self, at: float) -> "Story":
        event = OpportunityWon(
            opportunity_id="O1", stage=self.stage, violations=(), won_at=hours(at)
        )
        return self._tell(at, event)

    def is_lost(self, at: float) -> "Story":
        event = OpportunityLost(
            opportunity_id="O1",
            stage=self.stage,
            reason="declined",
            note=None,
            subject="s",
            lost_at=hours(at),
        )
        return self._tell(at, event)

    def is_reopened(self, at: float) -> "Story":
        event = OpportunityReopened(
            opportunity_id="O1", stage=self.stage, reason=None, subject="s", reopened_at=hours(at)
        )
        return self._tell(at, event)

    def is_migrated(self, at: float, pipeline: PipelineDefinition) -> "Story":
        event = OpportunityMigrated(
            opportunity_id="O1", pipeline=pipeline, stage=self.stage, migrated_at=hours(at)
        )
        return self._tell(at, event)

    def asks_approval(self, at: float, *roles: str, limit_seconds: int | None = None) -> "Story":
        event = ApprovalRequested(
            opportunity_id="O1",
            approval_id="D1",
            kind="discount",
            steps=tuple(ApprovalStep(role=role, limit_seconds=limit_seconds) for role in roles),
            requested_by="rep-1",
            note=None,
            subject="s",
            requested_at=hours(at),
        )
        return self._tell(at, event)

    def decides_approval(self, at: float, step: int, outcome: str) -> "Story":
        event = ApprovalDecided(
            opportunity_id="O1",
            approval_id="D1",
            step=step,
            role="manager",
            decision="approved",
            outcome=outcome,
            decided_by="boss",
            note=None,
            subject="s",
            decided_at=hours(at),
        )
        return self._tell(at, event)

    def resubmits_approval(self, at: float) -> "Story":
        event = ApprovalResubmitted(opportunity_id="O1", approval_id="D1", resubmitted_at=hours(at))
        return self._tell(at, event)

    def row(self) -> OpportunityProcess:
        return folded(self.told)


def recorded_event(
    event: Any,
    version: int,
    occurred_at: datetime,
    origin: str = "live",
    recorded: float | None = None,
) -> RecordedEvent:
    stored = StoredEvent(
        log="opportunities",
        partition=0,
        offset=version,
        stream="T1/opportunity/O1",
        version=version,
        event_id=UUID(int=version),
        type=type(event).__name__,
        schema_version=1,
        tenant_id="T1",
        actor_id="rep-1",
        occurred_at=occurred_at,
        raw_occurred_at=None,
        sent_at=None,
        entered_at=None,
        origin=origin,
        recorded_at=occurred_at if recorded is None else hours(recorded),
        correlation_id="R1",
        causation_id=None,
        command_id=None,
        trace_context=None,
        payload=b"",
        hash=b"",
    )
    return RecordedEvent(event, stored)


def folded(told: Iterable[RecordedEvent]) -> OpportunityProcess:
    row: OpportunityProcess | None = None
    for recorded in told:
        row = evolve(row, recorded)
    assert row is not None
    return row


def figure(
    points: Mapping[Point, int],
    name: str,
    before: datetime,
    *,
    unit: str = "team-1",
    rep: str = "",
    since: datetime | None = None,
    stage: str | None = None,
) -> int:
    """The sum of a figure's points in [since, before)."""
    return sum(
        amount
        for point, amount in points.items()
        if point.figure == name
        and (point.unit_id, point.rep_id) == (unit, rep)
        and point.at < before
        and (since is None or point.at >= since)
        and (stage is None or point.stage == stage)
    )


def series(points: Mapping[Point, int], name: str, unit: str = "team-1") -> list[tuple[float, int]]:
    """(hours after the opening, amount) of a unit's figure, in order, moments with 0 left out."""
    sums: dict[float, int] = defaultdict(int)
    for point, amount in points.items():
        if point.figure == name and (point.unit_id, point.rep_id) == (unit, ""):
            sums[(point.at - MONDAY) / timedelta(hours=1)] += amount
    return sorted((at, amount) for at, amount in sums.items() if amount)


def rules_and_hours(deadlines: Sequence[Any]) -> list[tuple[str, float]]:
    return [(each.rule, (each.due_at - MONDAY) / timedelta(hours=1)) for each in deadlines]
