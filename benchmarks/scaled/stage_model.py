"""The read model of the contest: the latest stage of each opportunity."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String

from benchmarks.scaled.stages import LOG
from shared.clock import iso
from shared.envelope import RecordedEvent
from shared.events.opportunities import StageChanged
from shared.projecting import RowReadModel
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class LatestStage:
    """Changed in place, since many events of a batch change the same."""

    to_stage: str
    changed_at: datetime


def evolve(row: LatestStage | None, recorded: RecordedEvent) -> LatestStage:
    event: StageChanged = recorded.event
    if row is None:
        return LatestStage(to_stage=event.to_stage, changed_at=event.changed_at)
    row.to_stage, row.changed_at = event.to_stage, event.changed_at
    return row


MODEL = RowReadModel(
    service="benchmark",
    log=LOG,
    projection=Projection(
        name="latest_stage",
        version=1,
        reads=(StageChanged,),
        row_type=LatestStage,
        key=lambda event: str(event.opportunity_id),
        evolve=evolve,
        columns=lambda row: {"to_stage": row.to_stage, "changed_at": iso(row.changed_at)},
    ),
    columns=(("to_stage", String(64)), ("changed_at", String(32))),
)
TABLE = f"read_models.{MODEL.rows.name}"
