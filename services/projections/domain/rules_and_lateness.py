"""What the fold keeps of a pipeline version, and of how late something was entered."""

from datetime import datetime
from math import ceil

from services.projections.domain.opportunity_row import (
    GoldenRule,
    LightRules,
    RulesInForce,
    StageRules,
)
from shared.envelope import Origin, StoredEvent
from shared.events.opportunities import PipelineDefinition

_MOST_HOURS_LATE = 9_999


def rules_in_force(pipeline: PipelineDefinition, since: datetime, version: int = 0) -> RulesInForce:
    """What the fold keeps of a pipeline version."""
    stages = tuple(
        StageRules(
            stage.name,
            stage.silence_limit_seconds,
            stage.dwell_limit_seconds,
            tuple(
                GoldenRule(
                    golden.action, tuple(golden.evidence), golden.limit_seconds, golden.after
                )
                for golden in stage.golden_actions
            ),
            tuple(stage.told),
        )
        for stage in pipeline.stages
    )
    return RulesInForce(
        since,
        version,
        pipeline.name,
        pipeline.version,
        pipeline.silence_in_business_time,
        pipeline.dwell_in_business_time,
        stages,
        LightRules(
            pipeline.lights.entered_seconds,
            pipeline.lights.proposal_stage,
            pipeline.lights.proposal_seconds,
            pipeline.lights.reaction_seconds,
        ),
    )


def seconds_late(at: datetime, stored: StoredEvent) -> float | None:
    """From when something happened to when it was entered; imports may not say."""
    entered_at = stored.entered_at if stored.origin == Origin.IMPORT else stored.recorded_at
    return None if entered_at is None else max(0.0, (entered_at - at).total_seconds())


def hours_late(at: datetime, stored: StoredEvent) -> int | None:
    """Whole hours, rounded up: what is within a limit of whole hours can be told from them."""
    seconds = seconds_late(at, stored)
    return None if seconds is None else min(ceil(seconds / 3600), _MOST_HOURS_LATE)
