"""What a rep of the demonstration makes of a lead: called, forgotten, appealed, won over."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from services.cli.demonstration.course import Beginning, Course, World
from services.cli.demonstration.customers import deal_amount
from services.cli.demonstration.planned import Planned, To
from services.cli.demonstration.process import KEY_ACCOUNTS
from services.cli.demonstration.proofs import Proof
from services.cli.demonstration.prospects import Prospect
from services.cli.demonstration.staff import PersonPlan
from services.cli.demonstration.walking import walk
from services.cli.demonstration.wording import said_of_lead
from services.leads.domain.lead_commands import (
    AppealLead,
    AssignLead,
    ContactLead,
    ConvertLead,
    DecideLeadAppeal,
    DisqualifyLead,
    LeadCommand,
    NoteBehaviour,
    QualifyLead,
    ReturnLead,
)
from services.leads.domain.lead_hot_words import GROUP_CHAT, HOT_WORD
from services.leads.domain.lead_score import MOST_FOR_TIMELINESS, LeadScoreRules, lead_score
from services.leads.domain.lead_state import BY_HAND, LeadFields
from shared.events.leads import LeadAssigned

_NOT_OURS = ("no_budget", "not_a_customer", "wrong_contact")
_CALLS = ("call", "call", "message", "email")
_APPEAL_WITHIN = timedelta(minutes=120)
_ROOM_FOR_AN_APPEAL = 8.0
"""Points above the threshold that a lead needs not to go back while its appeal waits."""


class Given(NamedTuple):
    """A lead as its rep got it; `version`: of the event that says so. `prospect` None: the lead of
    a hot word."""

    assigned: LeadAssigned
    version: int
    prospect: Prospect | None
    rules: LeadScoreRules


class LeadHandling:
    """`planned` are the commands that follow, `proofs` what those refer to."""

    def __init__(self, world: World, given: Given, seed: int) -> None:
        assigned = given.assigned
        self.planned: list[Planned] = []
        self.proofs: dict[str, Proof] = {}
        self._world = world
        self._given = given
        self._seed = seed
        self._lead_id = assigned.lead_id
        self._name = f"{assigned.lead_id}@{given.version}"
        self._chance = Random(f"{seed}:{self._name}")
        self._rep = world.staff.person(assigned.owner_id)
        self._at = assigned.assigned_at
        self._fields = given.prospect.fields if given.prospect else LeadFields()

    def work(self) -> None:
        """What is not good enough, or forgotten, goes back to marketing by itself."""
        margin = self._margin()
        if margin < 0 or (margin < MOST_FOR_TIMELINESS and self._happens(0.12)):
            return
        by_allocation = self._given.assigned.track != BY_HAND
        if by_allocation and margin >= _ROOM_FOR_AN_APPEAL and self._happens(0.2):
            still_has_it, is_decided = self._appeal()
            if not still_has_it:
                return
            self._contact(0.1, 0.4)
            if not is_decided:
                return
        else:
            self._contact(0.05, 0.9)
            if self._margin() < 0:
                return
        if self._happens(0.14):
            self._remember_too_late()
            return
        if self._happens(0.3):
            self._note_behaviour()
        self._contact(0.8, 2.4)
        self._come_to_something()

    def _margin(self) -> float:
        """Points over the threshold if it is first contacted now; in time, nothing is lost."""
        prospect, rules = self._given.prospect, self._given.rules
        waited_hours = rules.hours_between(self._given.assigned.assigned_at, self._at)
        source = prospect.source if prospect else GROUP_CHAT
        behaviours = prospect.behaviours if prospect else (HOT_WORD,)
        return lead_score(rules, source, behaviours, waited_hours).total - rules.threshold

    def _come_to_something(self) -> None:
        fate = self._chance.random()
        if fate < 0.55:
            self._later(0.3, 2)
            self._plan(QualifyLead(lead_id=self._lead_id, now=self._at))
            if self._given.prospect is not None and self._happens(0.5):
                self._convert(self._given.prospect)
            elif self._happens(0.8):
                self._give_up(3, 9, "no_decision")
        elif fate < 0.82:
            self._give_up(0.3, 3, self._chance.choice(_NOT_OURS))
        elif fate < 0.9:
            self._later(0.3, 1)
            self._plan(ReturnLead(lead_id=self._lead_id, now=self._at))

    def _remember_too_late(self) -> None:
        if self._happens(0.7):
            self._later(5, 10)
            self._plan(ReturnLead(lead_id=self._lead_id, now=self._at))

    def _give_up(self, least: float, most: float, reason: str) -> None:
        self._later(least, most)
        self._plan(DisqualifyLead(lead_id=self._lead_id, reason=reason, now=self._at))

    def _contact(self, least: float, most: float) -> None:
        """In working days from what was before; the budget is asked for."""
        self._later(least, most)
        chance = self._chance
        if self._fields.budget_status in (None, "untouched") and self._happens(0.6):
            budget = chance.choice(("oral", "oral", "written"))
            self._fields = replace(self._fields, budget_status=budget)
        if not self._fields.core_needs and self._happens(0.5):
            self._fields = replace(self._fields, core_needs=("cost", "efficiency"))
        command = ContactLead(
            lead_id=self._lead_id,
            type=chance.choice(_CALLS),
            actor_id=self._rep.person_id,
            summary=said_of_lead(self._rep.language, chance),
            fields=self._fields,
            budget_status_required=False,
            rules=self._given.rules,
            occurred_at=self._at,
            now=self._at,
            interested=self._happens(0.3),
        )
        self._plan(command)

    def _note_behaviour(self) -> None:
        self._later(0.05, 0.3)
        behaviour = self._chance.choice(("white_paper", "sample_asked", "trial_opened"))
        command = NoteBehaviour(
            lead_id=self._lead_id,
            behaviour=behaviour,
            rules=self._given.rules,
            occurred_at=self._at,
            now=self._at,
        )
        self._plan(command)

    def _appeal(self) -> tuple[bool, bool]:
        """Whether the rep still has the lead, and whether anybody has decided."""
        self._at += timedelta(minutes=self._chance.randint(15, 50))
        command = AppealLead(
            lead_id=self._lead_id,
            rep_id=self._rep.person_id,
            reason=said_of_lead(self._rep.language, self._chance, "appeal"),
            within=_APPEAL_WITHIN,
            now=self._at,
        )
        self._plan(command)
        if self._happens(0.2):
            return True, False
        self._later(0.2, 0.5)
        present = [
            each for each in self._world.staff.colleagues_of(self._rep) if each.joins_at <= self._at
        ]
        to = self._chance.choice(present) if present and self._happens(0.3) else None
        says = "keep" if self._happens(0.6) else "rescore"
        manager_id = self._world.staff.manager_of(self._rep.unit_id)
        decide = DecideLeadAppeal(
            lead_id=self._lead_id,
            decision="reassign" if to else "keep" if says == "keep" else "rescore",
            decided_by=manager_id,
            reassign=None if to is None else self._to(to),
            rules=self._given.rules,
            now=self._at,
        )
        self._plan(decide, manager_id)
        return to is None, True

    def _to(self, colleague: PersonPlan) -> AssignLead:
        return AssignLead(
            lead_id=self._lead_id,
            owner_id=colleague.person_id,
            unit_id=colleague.unit_id,
            unit_path=self._world.staff.path(colleague.unit_id),
            track=BY_HAND,
            now=self._at,
        )

    def _convert(self, prospect: Prospect) -> None:
        """The opportunity is opened and walked through as any other of the rep's."""
        self._later(0.1, 1)
        english = self._rep.language == "en"
        beginning = Beginning(
            opportunity_id=f"O-{self._lead_id}",
            rep=self._rep,
            customer=prospect.customer,
            pipeline=KEY_ACCOUNTS,
            amount=deal_amount(False, self._chance),
            currency="EUR" if english else "CNY",
            opened_at=self._at,
        )
        course = Course(self._world, beginning, Random(f"{self._seed}:{beginning.opportunity_id}"))
        walk(course)
        self._at = course.planned[0].sent_at
        command = ConvertLead(
            lead_id=self._lead_id,
            opportunity_id=beginning.opportunity_id,
            pipeline=KEY_ACCOUNTS.name,
            now=self._at,
        )
        self._plan(command)
        self.planned += course.planned
        self.proofs |= course.proofs

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _later(self, least: float, most: float) -> None:
        days = self._chance.uniform(least, most)
        self._at = self._world.office.later(self._at, days, self._chance)

    def _plan(self, command: LeadCommand, actor_id: str | None = None) -> None:
        at: datetime = self._at
        self.planned.append(
            Planned(
                name=f"{self._name}:{len(self.planned)}",
                sent_at=at,
                to=To.LEAD,
                aggregate_id=self._lead_id,
                command=command,
                occurred_at=at,
                actor_id=actor_id or self._rep.person_id,
            )
        )
