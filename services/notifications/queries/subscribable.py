"""Which event types a webhook may be subscribed to (G4)."""

from functools import cache

from shared.event_type import all_event_types

_ABOUT_WEBHOOKS = "notifications.webhook_"


@cache
def subscribable() -> frozenset[str]:
    """Every one but those about webhooks themselves: a delivery would bring forth another."""
    return frozenset(
        each.name for each in all_event_types() if not each.name.startswith(_ABOUT_WEBHOOKS)
    )
