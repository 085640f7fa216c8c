"""The latest version of every pipeline, to be chosen from."""

from shared.envelope import RecordedEvent
from shared.events.opportunities import PipelineDefinition, PipelinePublished
from shared.projection import Projection


def evolve(_row: PipelineDefinition | None, recorded: RecordedEvent) -> PipelineDefinition:
    published: PipelinePublished = recorded.event
    return published.pipeline


def _name(event: PipelinePublished) -> str:
    return event.pipeline.name


PIPELINE_LIST: Projection[PipelineDefinition] = Projection(
    name="pipeline_list",
    version=1,
    reads=(PipelinePublished,),
    row_type=PipelineDefinition,
    key=_name,
    evolve=evolve,
)
