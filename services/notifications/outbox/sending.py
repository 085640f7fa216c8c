"""One request to one channel, and how it ended (N5)."""

from datetime import datetime, timedelta

import structlog

from services.notifications.channels.channel import Address, Outgoing
from services.notifications.channels.table import CHANNELS
from services.notifications.domain.attempt_plan import Try
from services.notifications.domain.channel_book import ConfiguredChannel
from services.notifications.domain.message import Waiting
from services.notifications.domain.message_commands import EndAttempt, Outcome
from services.notifications.outbox.links import Links
from services.notifications.queries.messages import shown
from shared.clock import to_milliseconds
from shared.ports import Ports

LOG = structlog.get_logger(__name__)


class Sending:
    def __init__(self, ports: Ports, links: Links) -> None:
        self._ports = ports
        self._links = links

    async def attempt(
        self,
        tenant_id: str,
        message: Waiting,
        plan: Try,
        configured: ConfiguredChannel | None,
        now: datetime,
    ) -> EndAttempt:
        queued = message.queued
        if configured is None or configured.kind not in CHANNELS:
            return EndAttempt(
                message_id=queued.message_id,
                attempt=plan.attempt,
                outcome=Outcome.REFUSED,
                detail="channel-was-removed",
                now=now,
            )
        channel = CHANNELS[configured.kind]
        title, body = await shown(self._ports, tenant_id, queued.message_id)
        outgoing = Outgoing(
            message_id=queued.message_id,
            language=queued.language,
            title=title,
            body=body,
            link=await self._links.link(tenant_id, queued, channel.is_group_robot, now),
            escalation_ids=queued.escalation_ids,
            may_be_repeat=plan.may_be_repeat,
            sent_at=now,
        )
        address = await self._address(tenant_id, configured, queued.person_id)
        report = await channel.send(outgoing, address, self._ports.outbound)
        ended_at = max(now, to_milliseconds(self._ports.clock()))
        retry_after = report.retry_after_seconds
        if report.outcome is not Outcome.ACCEPTED:
            LOG.warning(
                "attempt_in_vain",
                channel=configured.channel_id,
                outcome=report.outcome.value,
                why=report.detail,
            )
        return EndAttempt(
            message_id=queued.message_id,
            attempt=plan.attempt,
            outcome=report.outcome,
            detail=report.detail,
            now=ended_at,
            retry_at=None if retry_after is None else ended_at + timedelta(seconds=retry_after),
        )

    async def _address(
        self, tenant_id: str, configured: ConfiguredChannel, person_id: str | None
    ) -> Address:
        """A robot mentions the person by the id kept for its kind, mail and phone reach them by
        it; a webhook names who is told."""
        people = (await self._ports.organisations.of(tenant_id)).people
        person = people.get(person_id or "")
        mention = person.addresses.get(configured.kind) if person else None
        channel = CHANNELS[configured.kind]
        if not channel.is_group_robot and not channel.needs_address:
            mention = person_id
        return Address(
            url=configured.url if isinstance(configured.url, str) else "",
            secret=configured.secret if isinstance(configured.secret, str) else "",
            template=configured.template if isinstance(configured.template, str) else "",
            mention=mention if isinstance(mention, str) else None,
        )
