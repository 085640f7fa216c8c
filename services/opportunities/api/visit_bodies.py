"""What clients send about doors, customer types and visits (O4)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.opportunities.api.bodies import Fields, NextActionBody, Text, TimedBody
from services.opportunities.api.setup import FieldBody
from services.opportunities.domain.door_code import LONGEST_DOOR_CODE
from shared.clock import to_milliseconds
from shared.events.opportunities import ActionField
from shared.events.visits import CustomerTypeDefinition, Place, Promise
from shared.http import Body, Id, Name, When

Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class PlaceBody(Body):
    latitude: Degrees
    longitude: Degrees

    def place(self) -> Place:
        return Place(latitude=self.latitude, longitude=self.longitude)


class NewDoorCode(Body):
    """Without `door_id` the door has the customer's id; without `expires_at` the tenant's setting
    `door_code_days` holds."""

    door_id: Id | None = None
    customer_id: Id
    place: PlaceBody | None = None
    expires_at: When | None = None


class DoorCodeWithdrawal(Body):
    pass


class CustomerTypeBody(Body):
    type: Name
    fields: Annotated[tuple[FieldBody, ...], Field(max_length=100)] = ()
    title: dict[Name, Name] = Field(default_factory=dict)

    def definition(self) -> CustomerTypeDefinition:
        fields = tuple(ActionField(**each.model_dump()) for each in self.fields)
        return CustomerTypeDefinition(type=self.type, fields=fields, title=self.title)


class VisitStart(TimedBody):
    """`door_code`: what the phone read; `position`: where the phone was, as far as it knows."""

    visit_id: Id | None = None
    door_code: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_DOOR_CODE)]
    position: PlaceBody | None = None
    contact_id: Id | None = None
    actor_id: Id | None = None


class VisitFilling(TimedBody):
    visit_id: Id
    fields: Fields


class VisitBooking(TimedBody):
    visit_id: Id
    next_action: NextActionBody


class PromiseBody(Body):
    text: Line
    due_at: When | None = None

    def promise(self) -> Promise:
        due_at = None if self.due_at is None else to_milliseconds(self.due_at)
        return Promise(text=self.text, due_at=due_at)


class VisitSummary(TimedBody):
    visit_id: Id
    summary: Text
    customer_tags: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    promises: Annotated[list[PromiseBody], Field(max_length=50)] = Field(default_factory=list)
    open_points: Annotated[list[Line], Field(max_length=50)] = Field(default_factory=list)
    pain_point: bool | None = None


class VisitPassing(Body):
    """Without `to` it goes to the colleagues of the visitor's unit."""

    visit_id: Id
    to: Annotated[list[Id], Field(min_length=1, max_length=500)] | None = None
