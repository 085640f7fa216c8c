"""Facts of services/opportunities: customer types, door codes, visits in five nodes (O4).

A visit is an action of an opportunity: `action_id` names it, its `ActionLogged` comes with its
start, its photos are evidence attached to it. What authenticity (S4) reads is plain:

- place: `VisitStarted.place_latitude`, `place_longitude` (of the customer's place, to 3 decimals,
  about 100 m) with `scanned_at` and `actor_id`; `scan_distance_metres` from the phone to the place;
- photos: `exif` of each `Evidence` of `ActionLogged`, `ActionCorrected`, `EvidenceAttached`:
  `exif.taken_at` by the camera's clock, `exif.distance_metres` from where it says it was taken to
  the visit's place; None stands where the photo, or a visit's place, says nothing.

Where people were is not kept, only how far that was from the customer's place.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, Withheld, event, personal
from shared.events.opportunities import ActionField, FieldValue, NextAction, TextField


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTypeDefinition:
    """What a visit to a customer of this type has to find out (O4)."""

    type: str
    fields: tuple[ActionField, ...] = ()
    title: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Said to the customer, with when it is to be kept where that was said too."""

    text: str
    due_at: datetime | None = None


@event("opportunities.customer_type_defined.v1")
class CustomerTypeDefined:
    definition: Plain[CustomerTypeDefinition]


@event("opportunities.door_code_issued.v1")
class DoorCodeIssued:
    """Replaces the door's former code. The code itself is signed, never stored. `place`: one, or
    none where nobody said where the door is."""

    door_id: Plain[str]
    code_id: Plain[str]
    customer_id: Plain[str]
    place: Annotated[list[Place] | Withheld | None, personal("customer_id", "customer")]
    issued_by: Plain[str | None]
    expires_at: Plain[datetime]
    issued_at: Plain[datetime]


@event("opportunities.door_code_withdrawn.v1")
class DoorCodeWithdrawn:
    door_id: Plain[str]
    code_id: Plain[str]
    withdrawn_at: Plain[datetime]


@event("opportunities.visit_started.v1")
class VisitStarted:
    """Node 1: the customer's door code was scanned, which fixes place and time.

    `asked`: what the visit has to find out, by the types of customer and action as they were then.
    `next_action_within_seconds` of `scanned_at` the next action has to be due.
    """

    opportunity_id: Plain[str]
    action_id: Plain[str]
    customer_id: Plain[str]
    customer_type: Plain[str | None]
    door_id: Plain[str]
    code_id: Plain[str]
    actor_id: Plain[str | None]
    place_latitude: Plain[float | None]
    place_longitude: Plain[float | None]
    scan_distance_metres: Plain[float | None]
    asked: Plain[tuple[ActionField, ...]]
    next_action_within_seconds: Plain[int]
    scanned_at: Plain[datetime]


@event("opportunities.visit_fields_filled.v1")
class VisitFieldsFilled:
    """Node 3. `fields` and `texts` of this time; `invalid_reasons` as they stand after it."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    subject: Plain[str]
    fields: Plain[dict[str, FieldValue]]
    texts: Annotated[list[TextField] | Withheld | None, personal("subject")]
    invalid_reasons: Plain[tuple[str, ...]]
    filled_at: Plain[datetime]


@event("opportunities.visit_next_action_booked.v1")
class VisitNextActionBooked:
    """Node 4. `invalid_reasons` as they stand after it."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    next_action: Plain[NextAction]
    invalid_reasons: Plain[tuple[str, ...]]
    booked_at: Plain[datetime]


@event("opportunities.visit_summarised.v1")
class VisitSummarised:
    """Node 5: the summary card, in place of an earlier one. `customer_tags` are the tenant's words;
    what people typed is sealed. `invalid_reasons` as they stand after it."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    subject: Plain[str]
    summary: Annotated[PersonalText, personal("subject")]
    summary_characters: Plain[int]
    customer_tags: Plain[tuple[str, ...]]
    promises: Annotated[list[Promise] | Withheld | None, personal("subject")]
    open_points: Annotated[list[str] | Withheld | None, personal("subject")]
    pain_point: Plain[bool | None]
    invalid_reasons: Plain[tuple[str, ...]]
    summarised_at: Plain[datetime]


@event("opportunities.visit_passed_on.v1")
class VisitPassedOn:
    """The summary card, to colleagues who have not got it yet."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    passed_on_by: Plain[str | None]
    passed_on_to: Plain[tuple[str, ...]]
    passed_on_at: Plain[datetime]
