"""Where a message leads: to its reader alone, or, from a group, to the sign-in (N3)."""

from datetime import datetime, timedelta

from services.notifications.domain.person_link import PersonLink, token_of
from services.notifications.queries.tenant_choices import TenantChoices
from shared.events.notifications import MessageQueued


class Links:
    def __init__(self, choices: TenantChoices, public_url: str | None, valid_hours: int) -> None:
        self._choices = choices
        self._public_url = (public_url or "").rstrip("/")
        self._valid = timedelta(hours=valid_hours)

    async def link(
        self, tenant_id: str, queued: MessageQueued, in_a_group: bool, now: datetime
    ) -> str | None:
        """None where the installation has no address of its own or there is nothing to act on.

        In a group the link names the escalations only; otherwise it names the person, works once
        and expires.
        """
        if not self._public_url or not queued.escalation_ids:
            return None
        if in_a_group or queued.person_id is None:
            return f"{self._public_url}/told/{queued.message_id}"
        key = await self._choices.link_key(tenant_id)
        if key is None:
            return None
        link = PersonLink(
            tenant_id=tenant_id,
            person_id=queued.person_id,
            message_id=queued.message_id,
            expires_at=queued.queued_at + self._valid,
        )
        return f"{self._public_url}/act/{token_of(link, key)}"
