"""How the people of the demonstration answer escalations: some at once, some later, some never."""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import NamedTuple

from services.cli.demonstration.log_reading import LogReading
from services.cli.demonstration.office_hours import OfficeHours
from services.cli.demonstration.planned import DEMO_TENANT
from services.notifications.domain.escalation import (
    ESCALATION,
    EscalationIsResolved,
)
from services.notifications.domain.escalation_commands import (
    AcknowledgeEscalation,
    EscalationCommand,
    ResolveEscalation,
    SnoozeEscalation,
)
from shared.command_handling import CommandContext, Run, Step, derived_id
from shared.envelope import Origin
from shared.events.notifications import EscalationStepReached
from shared.ports import Ports

_LOG = "notifications"


class Answer(NamedTuple):
    """What a person will say to an escalation, and when."""

    at: datetime
    number: int
    name: str
    escalation_id: str
    person_id: str
    says: str
    chance: Random


class Answering:
    """Reads what has been escalated and answers it in the simulated hours that follow."""

    def __init__(self, ports: Ports, office: OfficeHours, seed: int) -> None:
        self._log = LogReading(ports, _LOG, EscalationStepReached)
        self._commands = ports.commands(_LOG)
        self._office = office
        self._seed = seed
        self._waiting: list[Answer] = []
        self._numbers = count()

    async def notice(self, after: datetime) -> None:
        """Whom escalations have reached by now; what was to be answered up to `after` is past."""
        for recorded in await self._log.news():
            for answer in self._answers(recorded.event, str(recorded.event_id)):
                if answer.at > after:
                    heapq.heappush(self._waiting, answer)

    async def answer(self, now: datetime) -> None:
        """What is due by now, in one commit."""
        steps: dict[str, list[Step]] = {}
        while self._waiting and self._waiting[0].at <= now:
            answer = heapq.heappop(self._waiting)
            context = _context(answer.name, answer.person_id, now)
            event_id = derived_id(DEMO_TENANT, "answer", self._seed, answer.name)
            step = Step(_command(answer, now), context, event_id)
            steps.setdefault(answer.escalation_id, []).append(step)
        if not steps:
            return
        runs = [Run(escalation_id, these) for escalation_id, these in steps.items()]
        for refusals in await self._commands.handle_runs(ESCALATION, runs):
            for refusal in refusals:
                if refusal is not None and not isinstance(refusal, EscalationIsResolved):
                    raise refusal

    def _answers(self, reached: EscalationStepReached, event_id: str) -> Iterator[Answer]:
        for person_id in reached.person_ids:
            name = f"{reached.escalation_id}:{reached.level}:{person_id}"
            chance = Random(f"{self._seed}:{name}")
            says = _says(chance, reached.level)
            if says is None:
                continue
            days = chance.uniform(0.05, 1.2)
            yield Answer(
                at=self._office.later(reached.reached_at, days, chance),
                number=next(self._numbers),
                name=f"{event_id}:{name}",
                escalation_id=reached.escalation_id,
                person_id=person_id,
                says=says,
                chance=chance,
            )


def _says(chance: Random, level: int) -> str | None:
    """Managers answer rather than owners, who should rather act."""
    share = 0.15 if level == 0 else 0.5
    if chance.random() > share:
        return None
    return chance.choices(("acknowledge", "snooze", "resolve"), (80, 12, 8))[0]


def _command(answer: Answer, now: datetime) -> EscalationCommand:
    match answer.says:
        case "snooze":
            until = now + timedelta(days=answer.chance.choice((1, 1, 2, 3)))
            return SnoozeEscalation(
                escalation_id=answer.escalation_id, by=answer.person_id, until=until, now=now
            )
        case "resolve":
            return ResolveEscalation(
                escalation_id=answer.escalation_id,
                by=answer.person_id,
                reason="settled-with-the-customer",
                now=now,
            )
        case _:
            return AcknowledgeEscalation(
                escalation_id=answer.escalation_id, by=answer.person_id, now=now
            )


def _context(name: str, person_id: str, now: datetime) -> CommandContext:
    return CommandContext(
        tenant_id=DEMO_TENANT,
        actor_id=person_id,
        occurred_at=now,
        correlation_id=str(derived_id(DEMO_TENANT, "answer", name)),
        caller="demonstration",
        origin=Origin.DEMO,
    )
