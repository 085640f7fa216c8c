"""PROCESS_RULES: which actions are golden, which types there are and what their dates must keep."""

from dataclasses import dataclass
from typing import Any

from shared.envelope import RecordedEvent
from shared.events.opportunities import ActionTypeDefined, DateRule, PipelinePublished
from shared.projection import Projection

_PIPELINE, _TYPE = "pipeline:", "type:"


@dataclass(slots=True, kw_only=True)
class ProcessRule:
    """Of a pipeline its golden actions; of an action type its name and date rules."""

    golden: tuple[str, ...] = ()
    type: str | None = None
    date_rules: tuple[DateRule, ...] = ()


def evolve(row: ProcessRule | None, recorded: RecordedEvent) -> ProcessRule:
    """The latest version of each."""
    event = recorded.event
    if isinstance(event, PipelinePublished):
        stages = event.pipeline.stages
        named = {golden.action for stage in stages for golden in stage.golden_actions}
        return ProcessRule(golden=tuple(sorted(named)))
    definition = event.definition
    return ProcessRule(type=definition.type, date_rules=definition.date_rules)


def _key(event: Any) -> str:
    if isinstance(event, PipelinePublished):
        return _PIPELINE + event.pipeline.name
    return f"{_TYPE}{event.definition.type}"


PROCESS_RULES: Projection[ProcessRule] = Projection(
    name="process_rules",
    version=1,
    reads=(PipelinePublished, ActionTypeDefined),
    row_type=ProcessRule,
    key=_key,
    evolve=evolve,
)
