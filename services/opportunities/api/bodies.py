"""What clients send about opportunities; anything else is refused with the field at fault."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StringConstraints

from services.opportunities.domain.valid_action import ActionDraft
from shared.access import Role
from shared.clock import to_milliseconds
from shared.events.opportunities import Evidence, FieldValue, NextAction
from shared.http import Body, Id, Name, When

Text = Annotated[str, StringConstraints(max_length=20_000)]
Reason = Annotated[str, StringConstraints(max_length=2_000)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Value = (
    Annotated[str, Field(strict=True, max_length=5_000)]
    | StrictBool
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-(2**53), le=2**53)]
    | None
)
Fields = Annotated[dict[Name, Value], Field(max_length=200)]


class TimedBody(Body):
    """When it happened by the client's clock, and what that clock said when this was sent (G5)."""

    occurred_at: When | None = None
    sent_at: When | None = None

    def said(self) -> dict[str, Any]:
        """All but the times."""
        names = type(self).model_fields.keys() - TimedBody.model_fields.keys()
        return {name: getattr(self, name) for name in names}


class NewOpportunity(TimedBody):
    opportunity_id: Id | None = None
    customer_id: Id
    pipeline: Id = "standard"
    unit_id: Id | None = None
    owner_id: Id | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class Assignment(Body):
    """`owner_id` null: nobody's, in `unit_id` or the unit it is in."""

    owner_id: Id | None
    unit_id: Id | None = None


class FieldsChange(TimedBody):
    fields: Fields = Field(default_factory=dict)
    amount: Amount | None = None
    currency: Currency | None = None


class Migration(Body):
    pipeline: Id | None = None
    stage: Name | None = None


class StageChange(TimedBody):
    stage: Name
    reason: Reason | None = None


class Winning(TimedBody):
    pass


class Losing(TimedBody):
    reason: Name
    note: Reason | None = None


class Reopening(TimedBody):
    reason: Reason | None = None


class EvidenceBody(Body):
    sha256: Sha256
    kind: Name
    consent: bool | None = None

    def evidence(self) -> Evidence:
        return Evidence(sha256=self.sha256, kind=self.kind, consent=self.consent)


EvidenceList = Annotated[list[EvidenceBody], Field(max_length=100)]


class NextActionBody(Body):
    due_at: When
    type: Name | None = None

    def next_action(self) -> NextAction:
        return NextAction(due_at=to_milliseconds(self.due_at), type=self.type)


class ActionContent(TimedBody):
    """What a rep says about an action; what its type asks for is checked by the domain (O15)."""

    summary: Text | None = None
    fields: Fields = Field(default_factory=dict)
    direction: Name | None = None
    evidence: EvidenceList = Field(default_factory=list)
    pain_point: bool | None = None
    next_action: NextActionBody | None = None

    def draft(self) -> ActionDraft:
        fields: dict[str, FieldValue] = dict(self.fields)
        return ActionDraft(
            summary=self.summary,
            fields=fields,
            direction=self.direction,
            evidence=tuple(each.evidence() for each in self.evidence),
            pain_point=self.pain_point,
            next_action=None if self.next_action is None else self.next_action.next_action(),
        )


class NewAction(ActionContent):
    """`actor_id`: who did it, by default the caller."""

    action_id: Id | None = None
    type: Name
    contact_id: Id | None = None
    actor_id: Id | None = None


class ActionCorrection(ActionContent):
    """The whole action as it should have been; without `type` and times these stay."""

    action_id: Id
    type: Name | None = None
    keep_evidence: bool = True


class ActionVoiding(Body):
    action_id: Id
    reason: Reason | None = None


class EvidenceAttachment(TimedBody):
    """`occurred_at`: when it was taken, made or signed; parts of a visit may come late."""

    action_id: Id
    evidence: Annotated[EvidenceList, Field(min_length=1)]


class StepBody(Body):
    """Without `limit_hours` the tenant's setting `approval_limit_hours` holds."""

    role: Role
    limit_hours: Annotated[float, Field(gt=0, le=8_784)] | None = None


class ApprovalRequest(Body):
    """`steps` in order; without any the manager, then legal, then finance (O6)."""

    approval_id: Id | None = None
    kind: Name
    steps: Annotated[list[Role | StepBody], Field(min_length=1, max_length=20)] | None = None
    note: Reason | None = None


class ApprovalDecision(Body):
    """`step`: the one that the decider saw, counted from 0; refused when it has passed."""

    approval_id: Id
    decision: Literal["approve", "approved", "reject", "rejected", "send_back", "sent_back"]
    note: Reason | None = None
    step: Annotated[int, Field(ge=0)] | None = None


class ApprovalResubmission(Body):
    approval_id: Id
