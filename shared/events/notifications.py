"""Facts of services/notifications: policies, escalations, messages and attempts at delivery."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, event, personal


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStep:
    """Who is told when (N2). `after_seconds` from the opening or handing over; `to`: owner, manager
    (climbs one unit a step when repeated), director, role:<role>, person:<id>.
    `in_business_hours`: only business hours count, so that the step falls into them."""

    after_seconds: int
    to: str
    channels: tuple[str, ...] = ("inbox",)
    in_business_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDefinition:
    """An escalation policy as data. `repeat_seconds`: the last step is repeated, each time one
    level further up the unit tree, until acknowledged, or `repeat_limit` times if that is given."""

    name: str
    rules: tuple[str, ...]
    steps: tuple[PolicyStep, ...]
    repeat_seconds: int | None = None
    repeat_limit: int | None = None
    group_seconds: int = 60
    quiet_hours: tuple[str, str] | None = ("21:00", "08:00")
    expires_seconds: int = 7 * 24 * 3600
    title: dict[str, str] = field(default_factory=dict)


@event("notifications.policy_set.v1")
class PolicySet:
    policy: Plain[PolicyDefinition]


@event("notifications.policy_removed.v1")
class PolicyRemoved:
    name: Plain[str]


@event("notifications.words_set.v1")
class WordsSet:
    """The tenant's own words for a rule in one language (N6); placeholders in braces."""

    rule: Plain[str]
    language: Plain[str]
    title: Plain[str]
    line: Plain[str]


@event("notifications.words_removed.v1")
class WordsRemoved:
    rule: Plain[str]
    language: Plain[str]


@event("notifications.channel_configured.v1")
class ChannelConfigured:
    """A robot, webhook or other address of a unit (N1); sealed under the tenant's subject.

    `template`: how a request is made, where the channel asks for one; it may hold secrets."""

    channel_id: Plain[str]
    kind: Plain[str]
    unit_id: Plain[str]
    url: Annotated[PersonalText, personal("subject")]
    secret: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    template: Annotated[PersonalText, personal("subject")] = None


@event("notifications.channel_removed.v1")
class ChannelRemoved:
    channel_id: Plain[str]


@event("notifications.escalation_opened.v1")
class EscalationOpened:
    """One per signal that is not historical; the policy is pinned."""

    escalation_id: Plain[str]
    signal_id: Plain[str]
    rule: Plain[str]
    subject_kind: Plain[str]
    subject_id: Plain[str]
    customer_id: Plain[str | None]
    stage: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[tuple[str, ...]]
    owner_id: Plain[str | None]
    due_at: Plain[datetime]
    policy: Plain[PolicyDefinition]
    digest: Plain[bool]
    opened_at: Plain[datetime]


@event("notifications.going_live_digest_made.v1")
class GoingLiveDigestMade:
    """What was open when the tenant went live has been escalated, once ("The clock")."""

    escalations: Plain[int]
    made_at: Plain[datetime]


@event("notifications.escalation_step_reached.v1")
class EscalationStepReached:
    """`level` 0, 1, 2 … of the policy, beyond its steps repetitions; `person_ids` are told now."""

    escalation_id: Plain[str]
    level: Plain[int]
    person_ids: Plain[tuple[str, ...]]
    channels: Plain[tuple[str, ...]]
    reached_at: Plain[datetime]


@event("notifications.escalation_acknowledged.v1")
class EscalationAcknowledged:
    escalation_id: Plain[str]
    by: Plain[str | None]
    acknowledged_at: Plain[datetime]


@event("notifications.escalation_snoozed.v1")
class EscalationSnoozed:
    escalation_id: Plain[str]
    by: Plain[str | None]
    until: Plain[datetime]
    snoozed_at: Plain[datetime]


@event("notifications.escalation_handed_over.v1")
class EscalationHandedOver:
    escalation_id: Plain[str]
    by: Plain[str | None]
    to_person_id: Plain[str]
    handed_over_at: Plain[datetime]


@event("notifications.escalation_resolved.v1")
class EscalationResolved:
    """`by` None: the signal's cause is gone and it resolved itself; `reason` says which."""

    escalation_id: Plain[str]
    by: Plain[str | None]
    reason: Plain[str]
    resolved_at: Plain[datetime]


@event("notifications.message_queued.v1")
class MessageQueued:
    """One message to one address; may hold several escalations. `body` is what will be sent (kept).

    `person_id` None: a group. `channels`: in the order to be tried. `step_versions`: for each
    escalation, which event of its stream is the step that is told. `letter`: of those that tell
    this person of escalations, by the inbox or otherwise, the how manieth. `quiet_hours`: it
    leaves outside of one of these, like `21:00-08:00`; at any time where there are none.
    `resolved_id`: the escalation that resolved itself, where that is what it says.
    """

    message_id: Plain[str]
    person_id: Plain[str | None]
    subject: Plain[str]
    channels: Plain[tuple[str, ...]]
    escalation_ids: Plain[tuple[str, ...]]
    language: Plain[str]
    title: Annotated[PersonalText, personal("subject")]
    body: Annotated[PersonalText, personal("subject")]
    urgency: Plain[int]
    not_before: Plain[datetime]
    expires_at: Plain[datetime]
    queued_at: Plain[datetime]
    step_versions: Plain[tuple[int, ...]] = ()
    letter: Plain[int | None] = None
    quiet_hours: Plain[tuple[str, ...]] = ()
    resolved_id: Plain[str | None] = None


@event("notifications.attempt_started.v1")
class AttemptStarted:
    """Stored before the request leaves (N5). `may_be_repeat`: an earlier outcome is unknown."""

    message_id: Plain[str]
    attempt: Plain[int]
    channel: Plain[str]
    may_be_repeat: Plain[bool]
    started_at: Plain[datetime]


@event("notifications.attempt_ended.v1")
class AttemptEnded:
    """`outcome`: accepted, refused (definitely not delivered), limited (the same, not before
    `retry_at`), unknown. `detail` holds no secret."""

    message_id: Plain[str]
    attempt: Plain[int]
    channel: Plain[str]
    outcome: Plain[str]
    detail: Plain[str]
    ended_at: Plain[datetime]
    retry_at: Plain[datetime | None] = None


@event("notifications.message_closed.v1")
class MessageClosed:
    """`ending`: delivered, expired or operator, with the reason."""

    message_id: Plain[str]
    ending: Plain[str]
    reason: Plain[str]
    closed_at: Plain[datetime]


@event("notifications.message_read.v1")
class MessageRead:
    message_id: Plain[str]
    by: Plain[str | None]
    read_at: Plain[datetime]


@event("notifications.absence_announced.v1")
class AbsenceAnnounced:
    """In [begins_at, ends_at) whoever stands in is told instead; without one the manager."""

    absence_id: Plain[str]
    person_id: Plain[str]
    stand_in_id: Plain[str | None]
    begins_at: Plain[datetime]
    ends_at: Plain[datetime]


@event("notifications.absence_withdrawn.v1")
class AbsenceWithdrawn:
    absence_id: Plain[str]
    withdrawn_at: Plain[datetime]


@event("notifications.webhook_subscribed.v1")
class WebhookSubscribed:
    """`url` and `secret` are sealed by the vault: the log cannot tell them. `personal_fields`: the
    administrator has granted that personal data leaves."""

    webhook_id: Plain[str]
    host: Plain[str]
    url: Plain[str]
    secret: Plain[str]
    event_types: Plain[tuple[str, ...]]
    personal_fields: Plain[bool]
    subscribed_at: Plain[datetime]


@event("notifications.webhook_secret_rotated.v1")
class WebhookSecretRotated:
    """The one before signs beside it until `former_ends_at`."""

    webhook_id: Plain[str]
    secret: Plain[str]
    former_ends_at: Plain[datetime]
    rotated_at: Plain[datetime]


@event("notifications.webhook_disabled.v1")
class WebhookDisabled:
    """`reason`: asked-for, failing, gone. What is queued waits."""

    webhook_id: Plain[str]
    reason: Plain[str]
    disabled_at: Plain[datetime]


@event("notifications.webhook_enabled.v1")
class WebhookEnabled:
    webhook_id: Plain[str]
    enabled_at: Plain[datetime]


@event("notifications.webhook_removed.v1")
class WebhookRemoved:
    webhook_id: Plain[str]
    removed_at: Plain[datetime]
