"""Queued events posted to webhooks, signed, tried again, each attempt kept (G4)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from services.notifications.channels.channel import Report, posted
from services.notifications.channels.webhook import signature_headers
from services.notifications.domain.escalation import ESCALATION
from services.notifications.domain.escalation_commands import OpenEscalation
from services.notifications.domain.message_commands import Outcome
from services.notifications.domain.webhook_book import (
    WEBHOOK_BOOK,
    DisableWebhook,
    Webhook,
    Why,
)
from services.notifications.domain.webhook_plan import is_given_up, next_try
from services.notifications.queries.read_models import by_the_clock
from services.notifications.queries.tenant_choices import ONE_PER_TENANT, TenantChoices
from services.notifications.queries.vault import webhook_binding
from services.notifications.queries.webhook_deliveries import (
    Delivery,
    End,
    begin_attempt,
    due_deliveries,
    end_attempt,
    failing_since,
)
from shared.clock import iso, to_milliseconds
from shared.command_handling import CommandHandling, derived_id
from shared.event_log_api import shown_to_outsiders
from shared.http import encode_json
from shared.ports import Ports

LOG = structlog.get_logger(__name__)

RULE = "webhook_disabled"
_SUBJECT_KIND = "webhook"
_AT_ONCE = 20
_GONE = "http-410"


class WebhookDelivery:
    """One per log. Webhooks side by side, of each a handful at a time; order is not promised.

    A process that was killed leaves attempts without an end; their deliveries still wait and are
    tried again under the same id.
    """

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices

    async def step(self, now: datetime) -> bool:
        webhooks: dict[tuple[str, str], Webhook] = {}
        for tenant_id in await self._ports.organisations.tenants():
            book = await self._choices.webhook_book(tenant_id)
            for each in book.by_id.values():
                if each.disabled is None:
                    webhooks[tenant_id, each.webhook_id] = each
        if not webhooks:
            return False
        due = await due_deliveries(self._ports.read_store, sorted(webhooks), now, _AT_ONCE)
        by_webhook: dict[tuple[str, str], list[Delivery]] = {}
        for delivery in due:
            by_webhook.setdefault(delivery[:2], []).append(delivery)
        await asyncio.gather(
            *(self._post_all(webhooks[key], part, now) for key, part in by_webhook.items())
        )
        return bool(due)

    async def _post_all(self, webhook: Webhook, due: Sequence[Delivery], now: datetime) -> None:
        reports = await asyncio.gather(*(self._post(webhook, each, now) for each in due))
        tenant_id = due[0].tenant_id
        if any(report.outcome is Outcome.ACCEPTED for report in reports):
            return
        if any(report.detail == _GONE for report in reports):
            await self._disable(tenant_id, webhook, Why.GONE, now)
            return
        reads = self._ports.read_store
        since = await failing_since(reads, tenant_id, webhook.webhook_id, webhook.enabled_at)
        if is_given_up(since, now):
            await self._disable(tenant_id, webhook, Why.FAILING, now)

    async def _post(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Report:
        began = max(now, to_milliseconds(self._ports.clock()))
        attempt = await begin_attempt(self._ports.read_store, delivery, began)
        report = await self._sent(webhook, delivery, began)
        ended = max(began, to_milliseconds(self._ports.clock()))
        if report.outcome is Outcome.ACCEPTED:
            state, again = "arrived", None
        else:
            again = next_try(delivery.tries + 1, ended, report.retry_after_seconds)
            state = "failed" if again is None else "waiting"
            LOG.warning("webhook_in_vain", webhook=webhook.webhook_id, why=report.detail)
        end = End(report.outcome.value, report.detail, state, again)
        await end_attempt(self._ports.read_store, delivery, attempt, ended, end)
        return report

    async def _sent(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Report:
        event_id = UUID(delivery.event_id)
        stored = (await self._ports.event_store.find_events([event_id])).get(event_id)
        if stored is None or stored.tenant_id != delivery.tenant_id:
            return Report(outcome=Outcome.REFUSED, detail="event-not-found")
        event = await shown_to_outsiders(
            self._ports.codec, stored, personal_fields=webhook.personal_fields
        )
        document = {"type": stored.type, "timestamp": iso(stored.occurred_at), "data": event}
        body = encode_json(document)
        url = await self._opened(delivery.tenant_id, webhook, webhook.url)
        secrets = [
            await self._opened(delivery.tenant_id, webhook, each)
            for each in webhook.secrets_at(now)
        ]
        headers = {
            "content-type": "application/json",
            "user-agent": "Pulsetrail",
            **_signed(delivery.event_id, now, body, secrets),
        }
        answer = await posted(self._ports.outbound, url, body, headers)
        if isinstance(answer, Report):
            return answer
        return Report(outcome=Outcome.ACCEPTED, detail=f"http-{answer.status}")

    async def _opened(self, tenant_id: str, webhook: Webhook, sealed: str) -> str:
        return await self._choices.vault.opened(
            tenant_id, webhook_binding(webhook.webhook_id), sealed
        )

    async def _disable(self, tenant_id: str, webhook: Webhook, why: Why, now: datetime) -> None:
        """Told to the operator's log, and to whom the policies name."""
        LOG.error("webhook_disabled", tenant=tenant_id, webhook=webhook.webhook_id, why=why.value)
        command = DisableWebhook(webhook_id=webhook.webhook_id, why=why, now=now)
        context = by_the_clock(tenant_id, now, webhook.webhook_id)
        policy = (await self._choices.policies(tenant_id)).in_force_for(RULE)
        root_id = (await self._ports.organisations.of(tenant_id)).root_id
        if policy is not None and root_id is not None:
            enabled_at = iso(webhook.enabled_at)
            escalation_id = str(
                derived_id(tenant_id, RULE, f"{webhook.webhook_id}/{enabled_at}", 0)
            )
            told = OpenEscalation(
                escalation_id=escalation_id,
                signal_id=escalation_id,
                rule=RULE,
                subject_kind=_SUBJECT_KIND,
                subject_id=webhook.webhook_id,
                customer_id=None,
                stage=None,
                unit_id=root_id,
                unit_path=(root_id,),
                owner_id=None,
                due_at=now,
                policy=policy,
                digest=False,
                now=now,
            )
            await self._commands.handle(ESCALATION, escalation_id, told, context)
        await self._commands.handle(WEBHOOK_BOOK, ONE_PER_TENANT, command, context)


def _signed(event_id: str, now: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """While a secret is being changed both sign: receivers accept any of the signatures."""
    signed = [signature_headers(event_id, now, body, secret) for secret in secrets]
    signatures = " ".join(each["webhook-signature"] for each in signed)
    return {**signed[0], "webhook-signature": signatures}
