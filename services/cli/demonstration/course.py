"""The course of one opportunity as its rep works on it: what happens, and when it is entered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from services.cli.demonstration.customers import CustomerPlan
from services.cli.demonstration.office_hours import ZONE, OfficeHours
from services.cli.demonstration.planned import Planned, To
from services.cli.demonstration.process import STORE, TYPES_BY_NAME
from services.cli.demonstration.proofs import Proof, Shown, proof_of
from services.cli.demonstration.staff import PersonPlan, Staff
from services.cli.demonstration.temperaments import Temperament
from services.cli.demonstration.visiting import VISIT, Visits
from services.cli.demonstration.wording import reason, summary
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    AttachEvidence,
    LogAction,
    OpenOpportunity,
    OpportunityCommand,
    VoidAction,
)
from services.opportunities.domain.valid_action import ActionDraft
from shared.events.opportunities import Evidence, NextAction, PipelineDefinition

_MINUTE = timedelta(minutes=1)


class World(NamedTuple):
    """What every course has around it."""

    office: OfficeHours
    staff: Staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """An opportunity before anything happened to it."""

    opportunity_id: str
    rep: PersonPlan
    customer: CustomerPlan
    pipeline: PipelineDefinition
    amount: Decimal
    currency: str
    opened_at: datetime


class Deed(NamedTuple):
    """An action to be logged; `late` False: it is entered at once."""

    type: str
    at: datetime
    evidence: tuple[str, ...] = ()
    direction: str | None = None
    next_action: NextAction | None = None
    summary: str | None = None
    late: bool = True


class Course:
    """`at` is when the last thing happened, `entered` since when the system knows of it all."""

    def __init__(self, world: World, beginning: Beginning, chance: Random) -> None:
        assert beginning.rep.temperament is not None
        self.world = world
        self.beginning = beginning
        self.chance = chance
        self.owner = beginning.rep
        self.temperament: Temperament = beginning.rep.temperament
        self.planned: list[Planned] = []
        self.proofs: dict[str, Proof] = {}
        self.at = beginning.opened_at
        self.entered = beginning.opened_at
        self.closed_at: datetime | None = None
        self._appointed: datetime | None = None
        is_store = beginning.customer.description.customer_type == STORE.type
        self.visits = Visits(self) if is_store else None

    @property
    def opportunity_id(self) -> str:
        return self.beginning.opportunity_id

    @property
    def language(self) -> str:
        return self.beginning.rep.language

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    def later(self, working_days: float) -> datetime:
        return self.world.office.later(self.at, working_days, self.chance)

    def said(self, kind: str) -> str:
        return reason(kind, self.language, self.chance)

    def open(self) -> None:
        beginning, unit_id = self.beginning, self.owner.unit_id
        described = beginning.customer.description
        command = OpenOpportunity(
            opportunity_id=self.opportunity_id,
            customer_id=beginning.customer.customer_id,
            customer_type=described.customer_type,
            customer_industry=described.industry,
            customer_is_key=described.is_key,
            pipeline=beginning.pipeline,
            unit_id=unit_id,
            unit_path=self.world.staff.path(unit_id),
            owner_id=self.owner.person_id,
            amount=beginning.amount,
            currency=beginning.currency,
            zone=ZONE,
            occurred_at=self.at,
            now=self.at,
        )
        self.entered = self._entry_of(self.at, late=self.happens(self.temperament.enters_late / 3))
        self.plan(command, self.at, self.entered)

    def touch(self, action_type: str | None = None) -> None:
        """One contact; it may book the next one, and may be answered."""
        self.at = self._next_moment()
        if self.visits is not None and action_type is None and self.visits.wants_to_go():
            self.visits.go(self._entry_of(self.at, late=False), complete=False)
            return
        chosen = action_type or self.chance.choice(("call", "call", "message", "email", "note"))
        next_action = None
        if chosen != "note" and self.happens(self.temperament.books):
            next_action = self._book()
        self.log(Deed(chosen, self.at, next_action=next_action))
        if self.happens(0.45):
            answered_at = self.at + self.chance.randint(5, 50) * _MINUTE
            self.log(Deed("message", answered_at, direction="inbound", late=False))
            self.at = answered_at

    def do_golden(self, action_type: str, evidence: tuple[str, ...], *, at_once: bool) -> None:
        """The golden action, with its evidence or not; `at_once`: complete, and entered at once."""
        self.at = self._next_moment()
        complete = at_once or self.happens(self.temperament.proof)
        if self.visits is not None and action_type == VISIT and complete:
            self.visits.go(self._entry_of(self.at, late=False), complete=True)
            return
        shown = evidence if complete else evidence[1:]
        name = self.log(Deed(action_type, self.at, shown, late=not at_once))
        if not complete and self.happens(0.35):
            self._attach_later(name, evidence[:1])

    def log(self, deed: Deed) -> str:
        """The action's id."""
        entered = self._entry_of(
            deed.at, late=deed.late and self.happens(self.temperament.enters_late)
        )
        action_id = f"{self.opportunity_id}.{len(self.planned)}"
        self.plan(self._log_action(deed, action_id), deed.at, entered)
        if self.happens(0.01):
            self._enter_twice(deed, entered)
        return action_id

    def hand_to_colleague(self) -> None:
        colleagues = self.world.staff.colleagues_of(self.owner)
        present = [each for each in colleagues if each.joins_at <= self.entered]
        if not present:
            return
        self.owner = self.chance.choice(present)
        sent_at = self.entered + self.chance.randint(1, 5) * _MINUTE
        command = AssignOpportunity(
            opportunity_id=self.opportunity_id,
            owner_id=self.owner.person_id,
            unit_id=self.owner.unit_id,
            unit_path=self.world.staff.path(self.owner.unit_id),
            now=sent_at,
        )
        manager_id = self.world.staff.manager_of(self.owner.unit_id)
        self.entered = sent_at
        self.plan(command, sent_at, sent_at, actor_id=manager_id)

    def plan(
        self,
        command: OpportunityCommand,
        occurred_at: datetime,
        sent_at: datetime,
        actor_id: str | None = None,
        refused_with: str | None = None,
    ) -> None:
        self.planned.append(
            Planned(
                name=f"{self.opportunity_id}:{len(self.planned)}",
                sent_at=sent_at,
                to=To.OPPORTUNITY,
                aggregate_id=self.opportunity_id,
                command=command,
                occurred_at=occurred_at,
                actor_id=actor_id or self.owner.person_id,
                refused_with=refused_with,
            )
        )

    def enters_now(self) -> datetime:
        """When a state change that happened just now reaches the system: after all before it."""
        self.entered = max(self.entered, self.at) + self.chance.randint(20, 500) * _MINUTE / 60
        return self.entered

    def evidence(self, *kinds: str) -> tuple[Evidence, ...]:
        customer = self.beginning.customer.description.name or self.opportunity_id
        shown = Shown(self.opportunity_id, customer, self.language, self.at)
        proofs = {kind: proof_of(kind, shown) for kind in kinds}
        self.proofs.update((each.sha256, each) for each in proofs.values())
        return tuple(Evidence(sha256=each.sha256, kind=kind) for kind, each in proofs.items())

    def _next_moment(self) -> datetime:
        appointed, self._appointed = self._appointed, None
        if appointed is not None and appointed > self.at:
            return appointed
        return self.later(self.temperament.pace * self.chance.uniform(0.4, 1.7))

    def _book(self) -> NextAction:
        """Kept: the next contact comes in time; otherwise a day or more too late."""
        office, chance = self.world.office, self.chance
        if self.happens(self.temperament.keeps):
            self._appointed = self.later(chance.uniform(0.8, 2.5))
            return NextAction(due_at=office.later(self._appointed, 1.1, chance))
        due_at = self.later(chance.uniform(0.6, 1.5))
        self._appointed = office.later(due_at, chance.uniform(1, 2.5), chance)
        return NextAction(due_at=due_at, type=None)

    def _entry_of(self, occurred_at: datetime, *, late: bool) -> datetime:
        at_once = occurred_at + self.chance.randint(60, 900) * _MINUTE / 60
        if late:
            days = self.chance.uniform(0.5, 3.5)
            at_once = self.world.office.later(occurred_at, days, self.chance)
        return max(at_once, self.entered)

    def _log_action(self, deed: Deed, action_id: str) -> LogAction:
        actor = self.owner
        text = deed.summary or summary(deed.type, self.language, self.chance)
        return LogAction(
            opportunity_id=self.opportunity_id,
            action_id=action_id,
            definition=TYPES_BY_NAME[deed.type],
            draft=ActionDraft(
                summary=text,
                direction=deed.direction,
                evidence=self.evidence(*deed.evidence),
                pain_point=self.happens(0.5) if deed.type in {"visit", "meeting"} else None,
                next_action=deed.next_action,
            ),
            actor_id=actor.person_id,
            actor_unit_id=actor.unit_id,
            actor_unit_path=self.world.staff.path(actor.unit_id),
            occurred_at=deed.at,
            now=deed.at,
        )

    def _attach_later(self, action_id: str, kinds: tuple[str, ...]) -> None:
        entered = self.planned[-1].sent_at
        sent_at = self.world.office.later(entered, self.chance.uniform(0.5, 2), self.chance)
        command = AttachEvidence(
            opportunity_id=self.opportunity_id,
            action_id=action_id,
            evidence=self.evidence(*kinds),
            occurred_at=sent_at,
            now=sent_at,
        )
        self.plan(command, sent_at, sent_at)

    def _enter_twice(self, deed: Deed, entered: datetime) -> None:
        action_id = f"{self.opportunity_id}.{len(self.planned)}"
        self.plan(self._log_action(deed, action_id), deed.at, entered + 2 * _MINUTE)
        sent_at = entered + self.chance.randint(5, 60) * _MINUTE
        void = VoidAction(
            opportunity_id=self.opportunity_id,
            action_id=action_id,
            reason=self.said("voided"),
            now=sent_at,
        )
        self.plan(void, sent_at, sent_at)
