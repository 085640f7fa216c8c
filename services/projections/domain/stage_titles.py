"""STAGE_TITLES: how people call the stages of a pipeline, by language; joined only when shown."""

from dataclasses import dataclass

from shared.envelope import RecordedEvent
from shared.events.opportunities import PipelinePublished
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class StageTitles:
    """Stage → language → title, of every version: opportunities stay on the one they began with."""

    titles: dict[str, dict[str, str]]


def evolve(row: StageTitles | None, recorded: RecordedEvent) -> StageTitles:
    event: PipelinePublished = recorded.event
    known = {} if row is None else row.titles
    titled = {stage.name: dict(stage.title) for stage in event.pipeline.stages if stage.title}
    return StageTitles(titles=known | titled)


STAGE_TITLES: Projection[StageTitles] = Projection(
    name="stage_titles",
    version=1,
    reads=(PipelinePublished,),
    row_type=StageTitles,
    key=lambda event: event.pipeline.name,
    evolve=evolve,
)
