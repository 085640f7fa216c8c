"""What time brings: steps that fall due, and the one digest at going live."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import count

from services.notifications.domain.absences import present_instead
from services.notifications.domain.escalation import (
    ESCALATION,
    Escalation,
)
from services.notifications.domain.escalation_commands import (
    OpenEscalation,
    ReachStep,
)
from services.notifications.domain.escalation_list import row_of
from services.notifications.domain.going_live import GOING_LIVE, Made, MakeDigest
from services.notifications.domain.policy import Policies, with_told
from services.notifications.domain.steps import (
    PlannedStep,
    WorkingTime,
    planned_step,
    recipients,
)
from services.notifications.queries.escalations import working_time_of
from services.notifications.queries.read_models import (
    ESCALATIONS,
    Due,
    by_the_clock,
    due_keys,
    look_again,
    rearm,
)
from services.notifications.queries.tenant_choices import ONE_PER_TENANT, TenantChoices
from shared.command_handling import CommandHandling, Run, Step, derived_id
from shared.envelope import stream_name
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.ports import Ports
from shared.stored_states import stored_states, stored_versions
from shared.tracing import contexts_of_streams

_AT_ONCE = 2_000
_SIGNALS_LOG = "projections"
_SCANNED_AT_ONCE = 5_000
_PATIENCE = timedelta(minutes=1)
_SETTLING_SECONDS = 0.2


class StepWatch:
    """Reaches the steps of escalations when they are due; late, but never twice (N2)."""

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices

    async def step(self, now: datetime) -> bool:
        """One commit for all that are due, one transaction for when to look again."""
        ports = self._ports
        due = await due_keys(ports, ESCALATIONS, now, _AT_ONCE)
        streams = {each: stream_name(each[0], ESCALATION.name, each[1]) for each in due}
        seen = await stored_states(ports, ESCALATION, streams.values())
        times = await self._working_times({tenant_id for tenant_id, _key, _bound in due}, now)
        traces = await contexts_of_streams(ports.event_store, streams.values())
        runs: dict[str, Run] = {}
        for each, stream in streams.items():
            trace = traces.get(stream)
            run = await self._reaching(each[0], seen[stream][1], times[each[0]], now, trace)
            if run is not None:
                runs[stream] = run
        if runs:
            # Refused is what was handed over meanwhile: it is planned anew like all the others.
            await self._commands.handle_runs(ESCALATION, list(runs.values()))
            seen |= {stream: await self._commands.load(ESCALATION, stream) for stream in runs}
        next_looks: dict[Due, datetime | None] = {}
        for each, stream in streams.items():
            planned = planned_step(seen[stream][1], times[each[0]])
            next_looks[each] = planned.at if isinstance(planned, PlannedStep) else None
        await rearm(ports.read_store, ESCALATIONS, next_looks)
        latest = await stored_versions(ports, streams.values())
        overtaken = [each for each in due if latest[streams[each]] != seen[streams[each]][0]]
        await look_again(ports.read_store, ESCALATIONS, overtaken)
        return bool(due)

    async def _working_times(
        self, tenant_ids: Collection[str], now: datetime
    ) -> dict[str, WorkingTime]:
        times: dict[str, WorkingTime] = {}
        for tenant_id in tenant_ids:
            organisation = await self._ports.organisations.of(tenant_id)
            times[tenant_id] = working_time_of(organisation, now)
        return times

    async def _reaching(
        self,
        tenant_id: str,
        escalation: Escalation,
        working_time: WorkingTime,
        now: datetime,
        trace: str | None,
    ) -> Run | None:
        """The step that is due by now, if there is one."""
        planned = planned_step(escalation, working_time)
        row = row_of(escalation)
        if not isinstance(planned, PlannedStep) or planned.at > now or row is None:
            return None
        organisation = await self._ports.organisations.of(tenant_id)
        absences = await self._choices.absences(tenant_id)
        told = recipients(planned, row.course, organisation)
        escalation_id = row.course.opened.escalation_id
        command = ReachStep(
            escalation_id=escalation_id,
            level=planned.level,
            person_ids=present_instead(told, absences, organisation, now),
            channels=planned.step.channels,
            now=now,
        )
        context = by_the_clock(tenant_id, now, escalation_id, trace)
        return Run(escalation_id, [Step(command, context, self._ports.new_id())])


class GoingLiveDigest:
    """Escalates once what is still open when a tenant goes live; historical signals never again.

    It waits until the signals of the history have settled: a look at which their log has not grown
    since the one before, or a minute.
    """

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        self._ports = ports
        self._commands = commands
        self._choices = choices
        self._made: set[str] = set()
        self._heads_seen: dict[str, int] = {}

    async def step(self, now: datetime) -> bool:
        did = False
        for tenant_id in await self._ports.organisations.tenants():
            if tenant_id not in self._made:
                did = await self._look_at(tenant_id, now) or did
        return did

    async def _look_at(self, tenant_id: str, now: datetime) -> bool:
        live_at = (await self._ports.organisations.of(tenant_id)).live_at
        if live_at is None:
            return False
        stream = stream_name(tenant_id, GOING_LIVE.name, ONE_PER_TENANT)
        _version, going_live = await self._commands.load(GOING_LIVE, stream, fresh=True)
        if isinstance(going_live, Made):
            self._made.add(tenant_id)
            return False
        head = await self._signals_head()
        if self._heads_seen.get(tenant_id) != head and now < live_at + _PATIENCE:
            self._heads_seen[tenant_id] = head
            await asyncio.sleep(_SETTLING_SECONDS)
            return True
        await self._make(tenant_id, now)
        return True

    async def _signals_head(self) -> int:
        store = self._ports.event_store
        return sum([await store.head(_SIGNALS_LOG, each) for each in range(store.partitions)])

    async def _make(self, tenant_id: str, now: datetime) -> None:
        policies = await self._choices.policies(tenant_id)
        signals = await self._open_signals(tenant_id)
        runs = [
            run
            for signal in signals
            if (run := _opening(tenant_id, signal, policies, now)) is not None
        ]
        for start in range(0, len(runs), _AT_ONCE):
            await self._commands.handle_runs(ESCALATION, runs[start : start + _AT_ONCE])
        command = MakeDigest(escalations=len(runs), now=now)
        context = by_the_clock(tenant_id, now, "going-live")
        await self._commands.handle(GOING_LIVE, ONE_PER_TENANT, command, context)

    async def _open_signals(self, tenant_id: str) -> Sequence[SignalRaised]:
        """One walk through the signals' log: no read model has to be kept for this one moment."""
        store, codec = self._ports.event_store, self._ports.codec
        raised: dict[str, SignalRaised] = {}
        for partition in range(store.partitions):
            for start in count(0, _SCANNED_AT_ONCE):
                batch = await store.read_log(_SIGNALS_LOG, partition, start, _SCANNED_AT_ONCE)
                for stored in batch:
                    if stored.tenant_id == tenant_id:
                        _fold_signal(raised, codec.decode(stored).event)
                if len(batch) < _SCANNED_AT_ONCE:
                    break
        return [raised[signal_id] for signal_id in sorted(raised)]


def _fold_signal(raised: dict[str, SignalRaised], event: object) -> None:
    match event:
        case SignalRaised() if event.historical:
            raised[event.signal_id] = event
        case SignalResolved() | SignalRetracted():
            raised.pop(event.signal_id, None)
        case _:
            return


def _opening(tenant_id: str, signal: SignalRaised, policies: Policies, now: datetime) -> Run | None:
    policy = policies.in_force_for(signal.rule)
    if policy is None:
        return None
    command = OpenEscalation(
        escalation_id=signal.signal_id,
        signal_id=signal.signal_id,
        rule=signal.rule,
        subject_kind=signal.subject_kind,
        subject_id=signal.subject_id,
        customer_id=signal.customer_id,
        stage=signal.stage,
        unit_id=signal.unit_id,
        unit_path=tuple(signal.unit_path),
        owner_id=signal.owner_id,
        due_at=signal.due_at,
        policy=with_told(policy, signal.told),
        digest=True,
        now=now,
    )
    context = by_the_clock(tenant_id, now, signal.signal_id)
    event_id = derived_id(tenant_id, signal.signal_id, "going-live")
    return Run(signal.signal_id, [Step(command, context, event_id)])
