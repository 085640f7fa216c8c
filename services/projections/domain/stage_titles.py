"""STAGE_TITLES: a pipeline's stages, and how people call them by language; joined when shown."""

from dataclasses import dataclass
from datetime import datetime

from shared.envelope import RecordedEvent
from shared.events.opportunities import PipelinePublished
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class StageTitles:
    """Stage → language → title, of every version: opportunities stay on the one they began with.

    `stages` are those of the latest version, in order.
    """

    titles: dict[str, dict[str, str]]
    stages: list[str]
    published_at: datetime


def evolve(row: StageTitles | None, recorded: RecordedEvent) -> StageTitles:
    event: PipelinePublished = recorded.event
    known = {} if row is None else row.titles
    titled = {stage.name: dict(stage.title) for stage in event.pipeline.stages if stage.title}
    return StageTitles(
        titles=known | titled,
        stages=[stage.name for stage in event.pipeline.stages],
        published_at=recorded.stored.recorded_at,
    )


STAGE_TITLES: Projection[StageTitles] = Projection(
    name="stage_titles",
    version=1,
    reads=(PipelinePublished,),
    row_type=StageTitles,
    key=lambda event: event.pipeline.name,
    evolve=evolve,
)
