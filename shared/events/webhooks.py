"""Facts of services/notifications about webhooks out (G4): who is told of which events."""

from datetime import datetime

from shared.event_type import Plain, event


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
    """The one before signs beside it until `former_until`."""

    webhook_id: Plain[str]
    secret: Plain[str]
    former_until: Plain[datetime]
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
