"""Facts that the system itself concluded; written by services/projections (log `projections`)."""

from datetime import datetime

from shared.event_type import Plain, event


@event("projections.signal_raised.v1")
class SignalRaised:
    """One stream per (tenant, subject, rule, anchor), also when raised again after a retraction.

    `unit_path` runs from the root to `unit_id`. `anchor_event_id` None: a figure of a `window`
    such as `2011-W45`. `facts` explain it (limit, hours, pipeline, figures), by name.
    `told`: roles or person ids that the pipeline names for it beside the policy.
    """

    signal_id: Plain[str]
    rule: Plain[str]
    subject_kind: Plain[str]
    subject_id: Plain[str]
    customer_id: Plain[str | None]
    stage: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[list[str]]
    owner_id: Plain[str | None]
    due_at: Plain[datetime]
    raised_at: Plain[datetime]
    anchor_event_id: Plain[str | None]
    window: Plain[str | None]
    historical: Plain[bool]
    facts: Plain[dict[str, str | int | float | bool | list[str] | None]]
    told: Plain[list[str]]


@event("projections.signal_resolved.v1")
class SignalResolved:
    """The cause ended at `ended_at`, after it was due. `cause_event_id` ended it."""

    signal_id: Plain[str]
    ended_at: Plain[datetime]
    cause_event_id: Plain[str | None]


@event("projections.signal_retracted.v1")
class SignalRetracted:
    """What ends the cause happened in time after all, or the anchor was voided."""

    signal_id: Plain[str]
    retracted_at: Plain[datetime]
    reason: Plain[str]
