"""Events of which an opportunity's row keeps only that they happened, for funnels (P6)."""

from collections.abc import Mapping

from services.projections.domain.opportunity_row import NotedEvent
from shared.envelope import RecordedEvent
from shared.events import opportunities as facts
from shared.events.visits import (
    VisitFieldsFilled,
    VisitNextActionBooked,
    VisitPassedOn,
    VisitStarted,
    VisitSummarised,
)

NOTED: Mapping[type, str] = {
    facts.OpportunityAssigned: "opportunity_assigned",
    facts.OpportunityUnitChanged: "opportunity_unit_changed",
    facts.OpportunityCustomerChanged: "opportunity_customer_changed",
    facts.OpportunityFieldsChanged: "opportunity_fields_changed",
    facts.OpportunityMigrated: "opportunity_migrated",
    facts.ActionCorrected: "action_corrected",
    facts.ActionVoided: "action_voided",
    facts.EvidenceAttached: "evidence_attached",
    facts.LateChangeRecorded: "late_change_recorded",
    VisitStarted: "visit_started",
    VisitFieldsFilled: "visit_fields_filled",
    VisitNextActionBooked: "visit_next_action_booked",
    VisitSummarised: "visit_summarised",
    VisitPassedOn: "visit_passed_on",
}
"""By event, what its type is called in the log."""


def noted(recorded: RecordedEvent) -> NotedEvent:
    """Of one of NOTED."""
    stored = recorded.stored
    name = NOTED[type(recorded.event)]
    return NotedEvent(stored.occurred_at, stored.version, name, str(stored.event_id))
