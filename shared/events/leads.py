"""Facts of services/leads: customers, their merges, leads, their allocation."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, Withheld, event, personal

LeadAttribute = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """`role` in the decision chain: KP, influencer or user (L2)."""

    contact_id: str
    name: str
    role: str | None = None
    phone: str | None = None
    email: str | None = None


@event("leads.customer_registered.v1")
class CustomerRegistered:
    """`confirmed` False: only named by an opportunity so far, nobody has described it.

    `marks`: `<reason>:<HMAC under the tenant's key>` of what it is recognised by (L1).
    `distinct_from`: the look-alikes from which it was confirmed to be another. `decision_chain`:
    the roles of its contacts, each once (L2).
    """

    customer_id: Plain[str]
    name: Annotated[PersonalText, personal("customer_id", "customer")]
    customer_type: Plain[str | None]
    industry: Plain[str | None]
    is_key: Plain[bool]
    contacts: Annotated[list[Contact] | Withheld | None, personal("customer_id", "customer")]
    confirmed: Plain[bool]
    registered_at: Plain[datetime]
    credit_code: Annotated[PersonalText, personal("customer_id", "customer")] = None
    marks: Plain[list[str]] = field(default_factory=list)
    distinct_from: Plain[list[str]] = field(default_factory=list)
    decision_chain: Plain[list[str]] = field(default_factory=list)


@event("leads.customer_described.v1")
class CustomerDescribed:
    """The whole description as it stands now; describing an unconfirmed customer confirms it."""

    customer_id: Plain[str]
    name: Annotated[PersonalText, personal("customer_id", "customer")]
    customer_type: Plain[str | None]
    industry: Plain[str | None]
    is_key: Plain[bool]
    contacts: Annotated[list[Contact] | Withheld | None, personal("customer_id", "customer")]
    credit_code: Annotated[PersonalText, personal("customer_id", "customer")] = None
    marks: Plain[list[str]] = field(default_factory=list)
    distinct_from: Plain[list[str]] = field(default_factory=list)
    decision_chain: Plain[list[str]] = field(default_factory=list)


@event("leads.customer_withdrawn.v1")
class CustomerWithdrawn:
    """The import that made it was taken back before anybody else named it."""

    customer_id: Plain[str]
    withdrawn_at: Plain[datetime]


@event("leads.customer_merged.v1")
class CustomerMerged:
    """`customer_id` names from now on whatever `into_customer_id` names. One stream per tenant
    holds all merges, so that no two of them make a circle."""

    customer_id: Plain[str]
    into_customer_id: Plain[str]
    merged_at: Plain[datetime]


@event("leads.customer_merge_undone.v1")
class CustomerMergeUndone:
    customer_id: Plain[str]
    into_customer_id: Plain[str]
    undone_at: Plain[datetime]


@event("leads.customers_kept_apart.v1")
class CustomersKeptApart:
    """Looked alike, and are two."""

    customer_id: Plain[str]
    other_customer_id: Plain[str]
    kept_apart_at: Plain[datetime]


@event("leads.customer_message_received.v1")
class CustomerMessageReceived:
    """Said in a group chat. `hot_words`: those of the tenant's that are in it (L8)."""

    message_id: Plain[str]
    customer_id: Plain[str]
    group_id: Plain[str | None]
    text: Annotated[PersonalText, personal("customer_id", "customer")]
    hot_words: Plain[list[str]]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    received_at: Plain[datetime]


@event("leads.lead_captured.v1")
class LeadCaptured:
    """`unit_path` runs from the root to `unit_id`. `budget_status`: untouched, oral or written,
    None where nobody has said (L2). `attributes`: what else its source knows of it, by name:
    choices, numbers, yes or no, never text that somebody typed. `round`: it goes on counting where
    a lead of this name was withdrawn before."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    source: Plain[str]
    industry: Plain[str | None]
    size: Plain[str | None]
    region: Plain[str | None]
    budget_status: Plain[str | None]
    core_needs: Plain[list[str]]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    captured_at: Plain[datetime]
    attributes: Plain[dict[str, LeadAttribute]] = field(default_factory=dict)
    round: Plain[int] = 1


@event("leads.lead_fields_changed.v1")
class LeadFieldsChanged:
    """All of them as they stand now."""

    lead_id: Plain[str]
    industry: Plain[str | None]
    size: Plain[str | None]
    region: Plain[str | None]
    budget_status: Plain[str | None]
    core_needs: Plain[list[str]]
    changed_at: Plain[datetime]


@event("leads.lead_behaviour_noted.v1")
class LeadBehaviourNoted:
    """The first time of its kind (L4)."""

    lead_id: Plain[str]
    behaviour: Plain[str]
    noted_at: Plain[datetime]


@event("leads.lead_scored.v1")
class LeadScored:
    """Points of each part as judged at `judged_at`; `score` is their sum (L4)."""

    lead_id: Plain[str]
    source_points: Plain[float]
    behaviour_points: Plain[float]
    timeliness_points: Plain[float]
    score: Plain[float]
    judged_at: Plain[datetime]


@event("leads.lead_found_nobody.v1")
class LeadFoundNobody:
    """It waits: `passed_over` names for each reason the reps of the unit (L5)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    passed_over: Plain[dict[str, list[str]]]
    found_nobody_at: Plain[datetime]


@event("leads.lead_assigned.v1")
class LeadAssigned:
    """`track`: by_hand, or standard or high_value by number `allocation` of the unit's book. The
    previous owner has it no longer; `found_nobody_at`: until then nobody was eligible. What it ends
    is named by when it began, here and below: `fell_asleep_at` (L11), `appealed_at` (L6)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    owner_id: Plain[str]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    previous_owner_id: Plain[str | None]
    previous_unit_id: Plain[str]
    track: Plain[str]
    allocation: Plain[int | None]
    found_nobody_at: Plain[datetime | None]
    assigned_at: Plain[datetime]
    fell_asleep_at: Plain[datetime | None] = None
    appealed_at: Plain[datetime | None] = None


@event("leads.lead_unit_changed.v1")
class LeadUnitChanged:
    """Its owner moved to another unit, or the unit moved in the tree (A9)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    previous_unit_id: Plain[str]
    changed_at: Plain[datetime]


@event("leads.hot_word_said.v1")
class HotWordSaid:
    """In message `message_id` of the customer's group chat: the lead comes before others (L8)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    message_id: Plain[str]
    words: Plain[list[str]]
    said_at: Plain[datetime]


@event("leads.lead_contacted.v1")
class LeadContacted:
    """A call, visit, message, e-mail or meeting. `response_seconds`: from the assignment, where it
    is the first by the rep it is assigned to. `interested`: who contacted it says so (O16).
    `fell_asleep_at`: it had fallen asleep then (L11)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    type: Plain[str]
    actor_id: Plain[str | None]
    summary: Annotated[PersonalText, personal("customer_id", "customer")]
    response_seconds: Plain[float | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    fell_asleep_at: Plain[datetime | None]
    contacted_at: Plain[datetime]
    interested: Plain[bool] = False


@event("leads.lead_fell_asleep.v1")
class LeadFellAsleep:
    """Contacted once and not again within the limit that ended at `fell_asleep_at` (L11)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    fell_asleep_at: Plain[datetime]


@event("leads.lead_appealed.v1")
class LeadAppealed:
    """The rep who received it asks for it to be scored again (L6)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    rep_id: Plain[str]
    reason: Annotated[PersonalText, personal("rep_id", "person")]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    appealed_at: Plain[datetime]


@event("leads.lead_appeal_decided.v1")
class LeadAppealDecided:
    """`decision`: keep, rescore or reassign; what follows is an event of its own."""

    lead_id: Plain[str]
    rep_id: Plain[str]
    decision: Plain[str]
    decided_by: Plain[str | None]
    appealed_at: Plain[datetime]
    decided_at: Plain[datetime]


@event("leads.lead_qualified.v1")
class LeadQualified:
    lead_id: Plain[str]
    qualified_at: Plain[datetime]
    fell_asleep_at: Plain[datetime | None] = None


@event("leads.lead_returned.v1")
class LeadReturned:
    """To marketing. `reason`: score, sales_late (L4) or by_hand; `missing`: points by part.
    `unanswered_seconds`: since it was assigned, where its rep never responded (L10)."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    reason: Plain[str]
    score: Plain[float | None]
    missing: Plain[dict[str, float]]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    found_nobody_at: Plain[datetime | None]
    unanswered_seconds: Plain[float | None]
    returned_at: Plain[datetime]
    fell_asleep_at: Plain[datetime | None] = None
    appealed_at: Plain[datetime | None] = None


@event("leads.lead_released.v1")
class LeadReleased:
    """Marketing gives it to sales again."""

    lead_id: Plain[str]
    released_at: Plain[datetime]


@event("leads.lead_disqualified.v1")
class LeadDisqualified:
    lead_id: Plain[str]
    reason: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    found_nobody_at: Plain[datetime | None]
    disqualified_at: Plain[datetime]
    fell_asleep_at: Plain[datetime | None] = None
    appealed_at: Plain[datetime | None] = None


@event("leads.lead_withdrawn.v1")
class LeadWithdrawn:
    """The import that captured it was taken back before anybody worked on it: it never was."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    found_nobody_at: Plain[datetime | None]
    withdrawn_at: Plain[datetime]
    fell_asleep_at: Plain[datetime | None] = None
    appealed_at: Plain[datetime | None] = None


@event("leads.lead_ending_taken_back.v1")
class LeadEndingTakenBack:
    """The import that converted or disqualified it was taken back: it stands in the `status` that
    it had before, which for a returned one goes with the `reason`."""

    lead_id: Plain[str]
    status: Plain[str]
    reason: Plain[str | None]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    taken_back_at: Plain[datetime]


@event("leads.lead_converted.v1")
class LeadConverted:
    """`opportunity_id` is opened with this customer, owner and pipeline."""

    lead_id: Plain[str]
    customer_id: Plain[str]
    opportunity_id: Plain[str]
    pipeline: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    converted_at: Plain[datetime]
    found_nobody_at: Plain[datetime | None] = None
    fell_asleep_at: Plain[datetime | None] = None
    appealed_at: Plain[datetime | None] = None


@event("leads.lead_allocated.v1")
class LeadAllocated:
    """Number `number` of the unit's allocation book, with all it was decided from (L5).

    `weights`: thousandths by eligible rep, in the recorded order; `win_rates` and `attainments` are
    what they come from (who has no goal for the month has no attainment: P9). `passed_over`: for
    each reason the reps. `why` this rep: least_recently_served, highest_current_weight, or
    highest_current_weight_least_recently_served where several had it. `day` in the tenant's zone.
    `is_high_value`: by its score, whatever the track (L7).

    Of a lead with a hot word (L8): `response_seconds` is the mean of the last three first-response
    times by eligible rep that has any, `served_customer` who of the eligible knows the customer,
    `why` quickest_to_respond, quickest_to_respond_served_customer or
    quickest_to_respond_least_recently_served.
    """

    unit_id: Plain[str]
    lead_id: Plain[str]
    round: Plain[int]
    number: Plain[int]
    track: Plain[str]
    score: Plain[float]
    is_high_value: Plain[bool]
    rep_id: Plain[str]
    why: Plain[str]
    weights: Plain[dict[str, int]]
    win_rates: Plain[dict[str, float]]
    attainments: Plain[dict[str, float]]
    passed_over: Plain[dict[str, list[str]]]
    day: Plain[date]
    allocated_at: Plain[datetime]
    response_seconds: Plain[dict[str, float]] = field(default_factory=dict)
    served_customer: Plain[list[str]] = field(default_factory=list)


@event("leads.rep_took_lead.v1")
class RepTookLead:
    """Given by hand: it counts against the cap."""

    unit_id: Plain[str]
    rep_id: Plain[str]
    lead_id: Plain[str]


@event("leads.rep_let_go_of_lead.v1")
class RepLetGoOfLead:
    """Closed, returned or given to another: it no longer counts against the cap."""

    unit_id: Plain[str]
    rep_id: Plain[str]
    lead_id: Plain[str]


@event("leads.rep_seen.v1")
class RepSeen:
    """At most one a minute."""

    person_id: Plain[str]
    seen_at: Plain[datetime]


@event("leads.rep_went_on_duty.v1")
class RepWentOnDuty:
    person_id: Plain[str]
    went_on_duty_at: Plain[datetime]


@event("leads.rep_went_off_duty.v1")
class RepWentOffDuty:
    person_id: Plain[str]
    went_off_duty_at: Plain[datetime]


@event("leads.first_response_slowed.v1")
class FirstResponseSlowed:
    """The unit's median of the last days is over the alert's multiple of that of the days before,
    each over so many responses (L10). `slowed_at`: the midnight at which they end."""

    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    recent_median_seconds: Plain[float]
    recent_responses: Plain[int]
    before_median_seconds: Plain[float]
    before_responses: Plain[int]
    slowed_at: Plain[datetime]


@event("leads.first_response_recovered.v1")
class FirstResponseRecovered:
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    recent_median_seconds: Plain[float]
    before_median_seconds: Plain[float]
    slowed_at: Plain[datetime]
    recovered_at: Plain[datetime]


@event("leads.ticket_opened.v1")
class TicketOpened:
    """A fact of service about a customer (L12)."""

    ticket_id: Plain[str]
    customer_id: Plain[str]
    kind: Plain[str]
    summary: Annotated[PersonalText, personal("customer_id", "customer")]
    unit_id: Plain[str]
    opened_at: Plain[datetime]


@event("leads.ticket_closed.v1")
class TicketClosed:
    ticket_id: Plain[str]
    outcome: Plain[str]
    closed_at: Plain[datetime]
