"""The leads of the demonstration: who asks, through which source, and where they land."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from services.cli.demonstration.course import World
from services.cli.demonstration.customers import CustomerPlan, customer
from services.cli.demonstration.planned import DEMO_TENANT, Planned, To
from services.cli.demonstration.staff import UnitPlan
from services.leads.domain.customer import RegisterCustomer
from services.leads.domain.customer_merges import MergeCustomer
from services.leads.domain.lead_commands import CaptureLead
from services.leads.domain.lead_state import LeadFields
from services.leads.domain.presence import NotePresence

_WEEK_DAYS = 7
_FIRST_NUMBER = 5_001
_SOURCES = {
    "web_form": 30, "demo_request": 22, "referral": 16, "event": 14, "advertisement": 12,
    "bought_list": 6,
}  # fmt: skip
_BEHAVIOURS = {
    "demo_booked": 0.45, "live_stream": 0.3, "white_paper": 0.4, "page_dwell": 0.5,
    "trial_opened": 0.12, "contact_left": 0.25, "comparison_asked": 0.1,
}  # fmt: skip
_BUDGETS = ("untouched", "oral", "written")
_NEEDS = ("cost", "efficiency", "compliance", "experience")
_SIZES = ("under_50", "50_to_500", "over_500")
_COMES_TWICE, _IS_MERGED = 0.07, 0.5
_WITHOUT_REPS = "international"
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """Who asks, before anybody has the lead."""

    lead_id: str
    customer: CustomerPlan
    source: str
    behaviours: tuple[str, ...]
    fields: LeadFields
    unit: UnitPlan
    at: datetime


def prospects(
    world: World, start: datetime, until: datetime, a_team_and_week: float, seed: int
) -> dict[str, Prospect]:
    """By lead; with chance of its own, so that the rest of the script goes as it would."""
    chance = Random(f"{seed}:prospects")
    found: dict[str, Prospect] = {}
    teams = [unit for unit in world.staff.units if unit.kind == "team"]
    weeks = (until - start).days / _WEEK_DAYS
    for unit in teams:
        for _ in range(max(1, round(a_team_and_week * weeks * chance.uniform(0.8, 1.2)))):
            wanted = start + timedelta(days=chance.uniform(0, (until - start).days))
            asks_at = world.office.later(wanted, chance.uniform(0, 0.9), chance)
            prospect = _prospect(len(found), world, unit, asks_at, chance)
            found[prospect.lead_id] = prospect
    for prospect in _nobodys(len(found), world, until, chance):
        found[prospect.lead_id] = prospect
    return found


def _prospect(
    number: int, world: World, unit: UnitPlan, asks_at: datetime, chance: Random
) -> Prospect:
    reps = [each for each in world.staff.reps if each.unit_id == unit.unit_id]
    english = any(each.language == "en" for each in reps) or unit.unit_id == _WITHOUT_REPS
    plan = customer(_FIRST_NUMBER + number, english, False, chance)
    source = chance.choices(tuple(_SOURCES), tuple(_SOURCES.values()))[0]
    budget = chance.choice(_BUDGETS) if chance.random() < 0.55 else None
    needs = chance.sample(_NEEDS, chance.randint(0, 2))
    return Prospect(
        lead_id=f"L-{number + 1:04}",
        customer=_reachable(plan, number, chance),
        source=source,
        behaviours=tuple(each for each, often in _BEHAVIOURS.items() if chance.random() < often),
        fields=LeadFields(
            industry=plan.description.industry,
            size=chance.choice(_SIZES),
            region=unit.path[1] if len(unit.path) > 1 else None,
            budget_status=budget,
            core_needs=tuple(sorted(needs)),
        ),
        unit=unit,
        at=asks_at,
    )


def _nobodys(number: int, world: World, until: datetime, chance: Random) -> Iterator[Prospect]:
    """Good ones of the last days, sent to a unit in which nobody sells: they wait visibly."""
    units = [unit for unit in world.staff.units if unit.kind == "region" and len(unit.path) == 2]
    unit = next((each for each in units if each.unit_id == _WITHOUT_REPS), units[0])
    for days in (3.4, 1.2):
        asks_at = until - timedelta(days=days)
        found = _prospect(number, world, unit, asks_at, chance)
        yield replace(found, source="referral", behaviours=("demo_booked", "contact_left"))
        number += 1


def _reachable(plan: CustomerPlan, number: int, chance: Random) -> CustomerPlan:
    """With a contact who can be called, which is what a second record is recognised by."""
    contact = replace(
        plan.description.contacts[0],
        role=chance.choice(("KP", "KP", "influencer", "user")),
        phone=f"138 0013 {number:04}",
        email=f"sales{number:04}@example.com",
    )
    return plan._replace(description=replace(plan.description, contacts=(contact,)))


def prospects_asking(
    world: World, found: Mapping[str, Prospect], start: datetime, seed: int
) -> Iterator[Planned]:
    """Registered and captured; a few of them a second time under another name."""
    chance = Random(f"{seed}:second records")
    for each in found.values():
        yield _registered(each.customer, each.at, start)
        command = CaptureLead(
            lead_id=each.lead_id,
            customer_id=each.customer.customer_id,
            source=each.source,
            fields=each.fields,
            behaviours=each.behaviours,
            unit_id=each.unit.unit_id,
            unit_path=each.unit.path,
            owner_id=None,
            occurred_at=each.at,
            now=each.at,
        )
        yield _planned(f"lead {each.lead_id}", To.LEAD, each.lead_id, command, each.at)
        if chance.random() < _COMES_TWICE:
            yield from _second_record(world, each, start, chance)


def _second_record(
    world: World, prospect: Prospect, start: datetime, chance: Random
) -> Iterator[Planned]:
    first = prospect.customer
    written = (first.description.name or first.customer_id).replace("有限公司", "有限责任公司")
    again = CustomerPlan(
        f"{first.customer_id}-2",
        replace(first.description, name=written, contacts=first.description.contacts),
    )
    at = world.office.later(prospect.at, chance.uniform(1, 3), chance)
    yield _registered(again, at, start)
    if chance.random() < _IS_MERGED:
        # The older record is the second one's to go on with: its leads count as duplicates.
        merged_at = world.office.later(at, chance.uniform(1, 4), chance)
        merge = MergeCustomer(
            customer_id=first.customer_id, into_customer_id=again.customer_id, now=merged_at
        )
        name = f"merge {first.customer_id}"
        yield _planned(name, To.CUSTOMER_MERGES, DEMO_TENANT, merge, merged_at)


def _registered(plan: CustomerPlan, at: datetime, start: datetime) -> Planned:
    registered_at = max(at - timedelta(minutes=1), start + _SECOND)
    command = RegisterCustomer(
        customer_id=plan.customer_id,
        description=plan.description,
        occurred_at=registered_at,
        now=registered_at,
    )
    return _planned(plan.customer_id, To.CUSTOMER, plan.customer_id, command, registered_at)


def reps_on_duty(world: World, start: datetime) -> Iterator[Planned]:
    """From their first moment on: leads are given to them in business hours."""
    for rep in world.staff.reps:
        at = max(start, rep.joins_at) + 2 * _SECOND
        command = NotePresence(person_id=rep.person_id, on_duty=True, now=at)
        yield replace(
            _planned(f"on duty {rep.person_id}", To.PRESENCE, rep.person_id, command, at),
            actor_id=rep.person_id,
        )


def _planned(
    name: str,
    to: To,
    aggregate_id: str,
    command: RegisterCustomer | CaptureLead | MergeCustomer | NotePresence,
    at: datetime,
) -> Planned:
    return Planned(
        name=name, sent_at=at, to=to, aggregate_id=aggregate_id, command=command, occurred_at=at
    )
