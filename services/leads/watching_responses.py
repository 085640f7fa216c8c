"""Every midnight of a tenant its units' first responses are judged against those before (L10)."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.leads.domain.response_watch import RESPONSE_WATCH, JudgeResponses
from services.leads.queries.first_responses import median_responses
from services.leads.queries.leads import LOG_NAME
from shared.clock import to_milliseconds
from shared.command_handling import CommandContext, Run, Step
from shared.organisation import Organisation
from shared.ports import Ports
from shared.service import Runner

_NAME = "leads.watching_responses"


class WatchingResponses:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)
        self._judged: dict[str, datetime] = {}

    async def step(self, now: datetime) -> bool:
        """Judged again after a restart, a unit is told nothing new."""
        did = False
        for organisation in await self._ports.organisations.with_clock():
            midnight = _midnight(organisation, now)
            if organisation.is_live and self._judged.get(organisation.tenant_id) != midnight:
                await self._judge(organisation, midnight)
                self._judged[organisation.tenant_id] = midnight
                did = True
        return did

    async def _judge(self, organisation: Organisation, midnight: datetime) -> None:
        tenant_id = organisation.tenant_id

        def setting(name: str) -> float:
            return organisation.number_setting(name, midnight)

        split = midnight - timedelta(days=setting("first_response_recent_days"))
        begins = split - timedelta(days=setting("first_response_before_days"))
        recent = await median_responses(self._ports, tenant_id, (split, midnight))
        before = await median_responses(self._ports, tenant_id, (begins, split))
        runs = []
        for unit_id in sorted(recent.keys() & before.keys() & organisation.units.keys()):
            lately, earlier = recent[unit_id], before[unit_id]
            if lately.seconds is None or earlier.seconds is None:
                continue
            command = JudgeResponses(
                unit_id=unit_id,
                unit_path=organisation.unit_path(unit_id),
                recent_median=lately.seconds,
                recent_responses=lately.responses,
                before_median=earlier.seconds,
                before_responses=earlier.responses,
                least=int(setting("first_response_least")),
                ratio=setting("first_response_alert_percent") / 100,
                judged_at=midnight,
            )
            context = self._context(tenant_id, midnight)
            runs.append(Run(unit_id, [Step(command, context, self._ports.new_id())]))
        if runs:
            await self._commands.handle_runs(RESPONSE_WATCH, runs)

    def _context(self, tenant_id: str, midnight: datetime) -> CommandContext:
        return CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=midnight,
            correlation_id=str(self._ports.new_id()),
            caller=_NAME,
        )


def _midnight(organisation: Organisation, now: datetime) -> datetime:
    """At which the running day of the tenant began."""
    zone = ZoneInfo(organisation.zone(now))
    return to_milliseconds(datetime.combine(now.astimezone(zone).date(), time.min, zone))


def runner(ports: Ports) -> Runner:
    return Runner(name=_NAME, step=WatchingResponses(ports).step, poll_seconds=60.0)
