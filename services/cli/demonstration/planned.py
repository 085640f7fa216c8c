"""A command of the demonstration: who sends what when, and what is expected of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.directory.domain.person import PersonCommand
from services.directory.domain.tenant import TenantCommand
from services.directory.domain.unit_tree import UnitTreeCommand
from services.leads.domain.customer import CustomerCommand
from services.leads.domain.customer_merges import CustomerMergesCommand
from services.leads.domain.customer_message import ReceiveMessage
from services.leads.domain.lead_commands import LeadCommand
from services.leads.domain.presence import NotePresence
from services.leads.domain.ticket import TicketCommand
from services.notifications.domain.policy import PolicyCommand
from services.opportunities.domain.action_type import DefineActionTypes
from services.opportunities.domain.customer_type import DefineCustomerTypes
from services.opportunities.domain.door import DoorCommand
from services.opportunities.domain.opportunity_commands import OpportunityCommand
from services.opportunities.domain.pipeline import PublishPipeline
from services.projections.domain.goals import GoalCommand
from shared.command_handling import derived_id

DEMO_TENANT = "demo"

Command = (
    TenantCommand
    | UnitTreeCommand
    | PersonCommand
    | CustomerCommand
    | PolicyCommand
    | DefineActionTypes
    | DefineCustomerTypes
    | DoorCommand
    | GoalCommand
    | PublishPipeline
    | OpportunityCommand
    | CustomerMergesCommand
    | ReceiveMessage
    | LeadCommand
    | NotePresence
    | TicketCommand
)


class To(StrEnum):
    """Whom a command is for."""

    TENANT = "tenant"
    UNIT_TREE = "unit_tree"
    PERSON = "person"
    CUSTOMER = "customer"
    POLICIES = "policies"
    ACTION_TYPES = "action_types"
    PIPELINE = "pipeline"
    OPPORTUNITY = "opportunity"
    CUSTOMER_TYPES = "customer_types"
    DOOR = "door"
    GOALS = "goals"
    CUSTOMER_MERGES = "customer_merges"
    MESSAGE = "message"
    LEAD = "lead"
    PRESENCE = "presence"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """`name` is told once in a script: the event's id derives from it, so that a script that was
    interrupted goes on where it stopped. `refused_with`: the code of the refusal it is meant for.
    """

    name: str
    sent_at: datetime
    to: To
    aggregate_id: str
    command: Command
    occurred_at: datetime
    actor_id: str | None = None
    refused_with: str | None = None

    def event_id(self, seed: int) -> UUID:
        return derived_id(DEMO_TENANT, "demonstration", seed, self.name)
