"""ACTION_RECORDS: every action as authenticity reads it, one row each (S4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.clock import milliseconds
from shared.envelope import Origin, RecordedEvent
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    Evidence,
    EvidenceAttached,
    FieldValue,
)
from shared.events.visits import VisitFieldsFilled, VisitStarted, VisitSummarised
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class Photo:
    """`taken_at` and `distance_metres` (from the place of the visit) as it says itself."""

    sha256: str
    taken_at: datetime | None
    distance_metres: float | None


@dataclass(slots=True, kw_only=True)
class ScannedPlace:
    """Degrees of the customer's place, and how far from it the code was scanned."""

    latitude: float | None
    longitude: float | None
    scan_distance_metres: float | None
    scanned_at: datetime


@dataclass(slots=True, kw_only=True)
class ActionRecord:
    """`summary_event_id`: the event that holds the summary, sealed; None: there is none."""

    action_id: str
    opportunity_id: str
    rep_id: str
    unit_path: tuple[str, ...]
    type: str
    happened_at: datetime
    recorded_at: datetime
    summary_event_id: str | None
    fields: dict[str, FieldValue]
    photos: list[Photo] = field(default_factory=list)
    place: ScannedPlace | None = None
    is_valid: bool = True


def evolve(row: ActionRecord | None, recorded: RecordedEvent) -> ActionRecord | None:
    """Imported history is fact: nobody entered it. Nor does a machine's key enter anything."""
    event = recorded.event
    match event:
        case ActionLogged():
            is_import = recorded.stored.origin == Origin.IMPORT
            if is_import or event.actor_id is None or not event.actor_unit_path:
                return None
            return _logged(event, event.actor_id, recorded)
        case ActionVoided():
            return None
    return None if row is None else _changed(row, event, recorded)


def _changed(row: ActionRecord, event: Any, recorded: RecordedEvent) -> ActionRecord:
    match event:
        case ActionCorrected():
            row.type, row.happened_at = event.type, event.happened_at
            row.fields = dict(event.fields)
            row.summary_event_id = _summary_event(event, recorded)
            row.photos = _photos(event.evidence)
            row.is_valid = not event.invalid_reasons
        case EvidenceAttached():
            row.photos = [*row.photos, *_photos(event.evidence)]
            row.is_valid = not event.invalid_reasons
        case VisitStarted():
            row.place = ScannedPlace(
                latitude=event.place_latitude,
                longitude=event.place_longitude,
                scan_distance_metres=event.scan_distance_metres,
                scanned_at=event.scanned_at,
            )
        case VisitSummarised():
            row.summary_event_id = _summary_event(event, recorded)
            row.is_valid = not event.invalid_reasons
        case VisitFieldsFilled():
            row.fields = {**row.fields, **event.fields}
            row.is_valid = not event.invalid_reasons
    return row


def _logged(event: ActionLogged, rep_id: str, recorded: RecordedEvent) -> ActionRecord:
    return ActionRecord(
        action_id=event.action_id,
        opportunity_id=event.opportunity_id,
        rep_id=rep_id,
        unit_path=event.actor_unit_path,
        type=event.type,
        happened_at=event.happened_at,
        recorded_at=recorded.stored.recorded_at,
        summary_event_id=_summary_event(event, recorded),
        fields=dict(event.fields),
        photos=_photos(event.evidence),
        is_valid=not event.invalid_reasons,
    )


def _summary_event(
    event: ActionLogged | ActionCorrected | VisitSummarised, recorded: RecordedEvent
) -> str | None:
    return None if event.summary is None else str(recorded.event_id)


def _photos(evidence: tuple[Evidence, ...]) -> list[Photo]:
    """Those that say something of themselves."""
    return [
        Photo(
            sha256=each.sha256,
            taken_at=each.exif.taken_at,
            distance_metres=each.exif.distance_metres,
        )
        for each in evidence
        if each.exif is not None
    ]


def columns(row: ActionRecord) -> Mapping[str, Any]:
    return {
        "rep_id": row.rep_id,
        "type": row.type,
        "recorded_at": milliseconds(row.recorded_at),
        "happened_at": milliseconds(row.happened_at),
        "has_summary": row.summary_event_id is not None,
    }


def next_due(row: ActionRecord) -> datetime | None:
    """To be looked at once it is there, and again when it changed."""
    return row.recorded_at


def _action_id(event: Any) -> str:
    action_id: str = event.action_id
    return action_id


ACTION_RECORDS: Projection[ActionRecord] = Projection(
    name="action_records",
    version=1,
    reads=(
        ActionLogged,
        ActionCorrected,
        ActionVoided,
        EvidenceAttached,
        VisitStarted,
        VisitSummarised,
        VisitFieldsFilled,
    ),
    row_type=ActionRecord,
    key=_action_id,
    evolve=evolve,
    columns=columns,
    next_due=next_due,
)
