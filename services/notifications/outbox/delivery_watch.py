"""Looks at every channel's delivery rate: a low one is escalated until it is well (N5, L10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifications.domain.channel_book import ChannelBook
from services.notifications.domain.delivery_alarm import (
    RECOVERED,
    RULE,
    SUBJECT_KIND,
    Alarm,
    alarm,
)
from services.notifications.domain.escalation import ESCALATION
from services.notifications.domain.escalation_commands import (
    OpenEscalation,
    ResolveEscalation,
)
from services.notifications.queries.attempts import DeliveryRate, delivery_rates
from services.notifications.queries.escalations import EscalationsAbout, escalations_about
from services.notifications.queries.read_models import by_the_clock
from services.notifications.queries.tenant_choices import TenantChoices
from shared.command_handling import CommandHandling, derived_id
from shared.events.notifications import PolicyDefinition
from shared.organisation import Organisation
from shared.ports import Ports

_LOOKED_BACK = timedelta(hours=24)
_EVERY = timedelta(minutes=1)
_NOTHING_TRIED = DeliveryRate(0, 0)
_NEVER_RAISED = EscalationsAbout(raised=0, unresolved_id=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is known of a tenant's channels at one moment."""

    tenant_id: str
    now: datetime
    book: ChannelBook
    rates: Mapping[str, DeliveryRate]
    about: Mapping[str, EscalationsAbout]
    organisation: Organisation
    policy: PolicyDefinition | None


class DeliveryWatch:
    """One look a minute. Escalations are counted through, so that a look that was interrupted and
    repeated opens none twice."""

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices
        self._looked_at: datetime | None = None

    async def step(self, now: datetime) -> bool:
        if self._looked_at is not None and now - self._looked_at < _EVERY:
            return False
        did = False
        for tenant_id in await self._ports.organisations.tenants():
            did = await self._look_at(tenant_id, now) or did
        self._looked_at = now
        return did

    async def _look_at(self, tenant_id: str, now: datetime) -> bool:
        book = await self._choices.channel_book(tenant_id)
        reads = self._ports.read_store
        about = await escalations_about(reads, tenant_id, RULE)
        look = _Look(
            tenant_id=tenant_id,
            now=now,
            book=book,
            rates=await delivery_rates(reads, tenant_id, now - _LOOKED_BACK),
            about=about,
            organisation=await self._ports.organisations.of(tenant_id),
            policy=(await self._choices.policies(tenant_id)).in_force_for(RULE),
        )
        found = [_command(look, channel_id) for channel_id in sorted({*book.by_id, *about})]
        commands = [command for command in found if command is not None]
        for command in commands:
            context = by_the_clock(tenant_id, now, command.escalation_id)
            await self._commands.handle(ESCALATION, command.escalation_id, command, context)
        return bool(commands)


def _command(look: _Look, channel_id: str) -> OpenEscalation | ResolveEscalation | None:
    earlier = look.about.get(channel_id, _NEVER_RAISED)
    is_configured = channel_id in look.book.by_id
    rate = look.rates.get(channel_id, _NOTHING_TRIED) if is_configured else _NOTHING_TRIED
    what = alarm(
        ended=rate.ended,
        accepted=rate.accepted,
        alert_below=look.organisation.number_setting("delivery_rate_alert", look.now),
        is_raised=earlier.unresolved_id is not None,
    )
    if what is Alarm.RAISE and look.policy is not None:
        return _raising(look, channel_id, earlier.raised, look.policy)
    if what is Alarm.END and earlier.unresolved_id is not None:
        return ResolveEscalation(
            escalation_id=earlier.unresolved_id, by=None, reason=RECOVERED, now=look.now
        )
    return None


def _raising(
    look: _Look, channel_id: str, raised_before: int, policy: PolicyDefinition
) -> OpenEscalation:
    escalation_id = str(derived_id(look.tenant_id, RULE, channel_id, raised_before))
    unit_id = look.book.by_id[channel_id].unit_id
    return OpenEscalation(
        escalation_id=escalation_id,
        signal_id=escalation_id,
        rule=RULE,
        subject_kind=SUBJECT_KIND,
        subject_id=channel_id,
        customer_id=None,
        stage=None,
        unit_id=unit_id,
        unit_path=look.organisation.unit_path(unit_id),
        owner_id=None,
        due_at=look.now,
        policy=policy,
        digest=False,
        now=look.now,
    )
