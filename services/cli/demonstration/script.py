"""The whole demonstration as a list of commands in the order of their sending: pure, by a seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from services.cli.demonstration.course import Beginning, Course, World
from services.cli.demonstration.customers import customer, deal_amount
from services.cli.demonstration.goals import goals_of
from services.cli.demonstration.inventing import invent_records
from services.cli.demonstration.office_hours import ZONE, OfficeHours
from services.cli.demonstration.planned import DEMO_TENANT, Command, Planned, To
from services.cli.demonstration.policies import POLICIES
from services.cli.demonstration.process import (
    ACTION_TYPES,
    KEY_ACCOUNTS,
    PIPELINES,
    SETTINGS,
    STORE,
    STORES,
)
from services.cli.demonstration.proofs import Proof
from services.cli.demonstration.prospects import (
    Prospect,
    prospects,
    prospects_asking,
    reps_on_duty,
)
from services.cli.demonstration.staff import PersonPlan, Staff, staff_of
from services.cli.demonstration.voices import voices_of
from services.cli.demonstration.walking import walk
from services.directory.domain.person import AddPerson, GiveGrant
from services.directory.domain.tenant import ChangeSettings, CreateTenant
from services.directory.domain.unit_tree import AddUnit, RenameUnit
from services.leads.domain.customer import RegisterCustomer
from services.notifications.domain.message_list import INBOX
from services.notifications.domain.policy import SetPolicy
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from services.opportunities.domain.action_type import DefineActionTypes
from services.opportunities.domain.customer_type import DefineCustomerTypes
from services.opportunities.domain.pipeline import PublishPipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is simulated; `opportunities_a_rep` is a mean over the whole time, to which those
    come that leads are converted to."""

    days: int = 90
    teams: int = 12
    reps_a_team: int = 3
    opportunities_a_rep: float = 10
    leads_a_team_and_week: float = 1


SEED = 20
FULL_SIZE = Size()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """`furnishing` is sent at the start, `commands` follow in the order of `sent_at`; `proofs` are
    the contents of the evidence that they refer to, by hash; `prospects` ask by themselves, and
    what is made of their leads follows from whom they are given to."""

    seed: int
    start: datetime
    until: datetime
    office: OfficeHours
    staff: Staff
    furnishing: tuple[Planned, ...]
    commands: tuple[Planned, ...]
    proofs: Mapping[str, Proof]
    prospects: Mapping[str, Prospect]


def demonstration(start: datetime, size: Size = FULL_SIZE, seed: int = SEED) -> Script:
    """The same commands for the same start, size and seed."""
    until = start + timedelta(days=size.days)
    chance = Random(seed)
    office = OfficeHours(start, until)
    staff = staff_of(start, size.days, size.teams, size.reps_a_team, chance)
    world = World(office, staff)
    commands: list[Planned] = []
    proofs: dict[str, Proof] = {}
    beginnings = list(_beginnings(world, start, size, chance))
    for beginning in beginnings:
        course = Course(world, beginning, Random(f"{seed}:{beginning.opportunity_id}"))
        walk(course)
        invent_records(course, until)
        commands.append(_registration(beginning, office, start))
        if course.visits is not None:
            commands.append(course.visits.hang_up_the_code())
        commands += course.planned
        proofs |= course.proofs
    commands += _newcomers(staff, start)
    commands += goals_of(staff, office, start, until)
    asking = prospects(world, start, until, size.leads_a_team_and_week, seed)
    commands += prospects_asking(world, asking, start, seed)
    commands += reps_on_duty(world, start)
    commands += voices_of(world, beginnings, until, seed)
    kept = [each for each in commands if each.sent_at <= until]
    return Script(
        seed=seed,
        start=start,
        until=until,
        office=office,
        staff=staff,
        furnishing=tuple(_furnishing(staff, start)),
        commands=tuple(sorted(kept, key=lambda each: each.sent_at)),
        proofs=proofs,
        prospects=asking,
    )


def _beginnings(world: World, start: datetime, size: Size, chance: Random) -> Iterator[Beginning]:
    number = 0
    for rep in world.staff.reps:
        for opened_at in _openings(world.office, rep, start, size, chance):
            number += 1
            is_store = chance.random() < 0.25
            english = rep.language == "en"
            yield Beginning(
                opportunity_id=f"O-{number:04}",
                rep=rep,
                customer=customer(number, english, is_store, chance),
                pipeline=STORES if is_store else KEY_ACCOUNTS,
                amount=deal_amount(is_store, chance),
                currency="EUR" if english else "CNY",
                opened_at=opened_at,
            )


def _openings(
    office: OfficeHours, rep: PersonPlan, start: datetime, size: Size, chance: Random
) -> Iterator[datetime]:
    """Spread over the time of the rep's work, with a stock of them in the first days."""
    begins = max(start, rep.joins_at)
    days = size.days - (begins - start).days
    count = round(size.opportunities_a_rep * chance.uniform(0.75, 1.25) * days / size.days)
    for _ in range(max(1, count)):
        within = min(days, 10) if chance.random() < 0.2 else days
        wanted = begins + timedelta(days=chance.uniform(0, within))
        yield office.later(wanted, chance.uniform(0, 0.9), chance)


def _registration(beginning: Beginning, office: OfficeHours, start: datetime) -> Planned:
    """The customer is known from the morning of the day on which an opportunity names it."""
    morning = office.at(office.day_of(beginning.opened_at), 8.9)
    registered_at = max(morning, start + timedelta(seconds=1))
    command = RegisterCustomer(
        customer_id=beginning.customer.customer_id,
        description=beginning.customer.description,
        occurred_at=registered_at,
        now=registered_at,
    )
    return Planned(
        name=beginning.customer.customer_id,
        sent_at=registered_at,
        to=To.CUSTOMER,
        aggregate_id=beginning.customer.customer_id,
        command=command,
        occurred_at=registered_at,
        actor_id=beginning.rep.person_id,
    )


def _furnishing(staff: Staff, start: datetime) -> Iterator[Planned]:
    """Tenant, settings, process, units and everybody who works there already."""

    def told(to: To, aggregate_id: str, name: str, command: Command) -> Planned:
        return Planned(
            name=name, sent_at=start, to=to, aggregate_id=aggregate_id, command=command,
            occurred_at=start,
        )  # fmt: skip

    tenant = DEMO_TENANT
    create = CreateTenant(tenant_id=tenant, zone=ZONE, now=start)
    yield told(To.TENANT, tenant, "tenant", create)
    settings = ChangeSettings(settings=SETTINGS, now=start)
    yield told(To.TENANT, tenant, "settings", settings)
    stores = DefineCustomerTypes(definitions=(STORE,), now=start)
    yield told(To.CUSTOMER_TYPES, tenant, "customer types", stores)
    types = DefineActionTypes(definitions=ACTION_TYPES, now=start)
    yield told(To.ACTION_TYPES, tenant, "action types", types)
    for pipeline in PIPELINES:
        publish = PublishPipeline(pipeline=pipeline, now=start)
        yield told(To.PIPELINE, pipeline.name, f"pipeline {pipeline.name}", publish)
    for policy in POLICIES:
        set_policy = SetPolicy(policy=policy, channels=frozenset({INBOX}), now=start)
        yield told(To.POLICIES, ONE_PER_TENANT, f"policy {policy.name}", set_policy)
    for unit in staff.units:
        if unit.parent_id is None:
            rename = RenameUnit(unit_id=unit.unit_id, name=unit.name, now=start)
            yield told(To.UNIT_TREE, tenant, f"unit {unit.unit_id}", rename)
            continue
        add = AddUnit(
            unit_id=unit.unit_id, name=unit.name, parent_id=unit.parent_id, kind=unit.kind,
            now=start,
        )  # fmt: skip
        yield told(To.UNIT_TREE, tenant, f"unit {unit.unit_id}", add)
    for person in staff.people:
        if person.joins_at <= start:
            yield from _joining(person, start)


def _newcomers(staff: Staff, start: datetime) -> Iterator[Planned]:
    for person in staff.people:
        if person.joins_at > start:
            yield from _joining(person, person.joins_at)


def _joining(person: PersonPlan, sent_at: datetime) -> Iterator[Planned]:
    add = AddPerson(
        person_id=person.person_id,
        unit_id=person.unit_id,
        name=person.name,
        language=person.language,
        joined_at=person.joins_at,
        now=sent_at,
    )
    grant = GiveGrant(
        person_id=person.person_id, role=person.role.value, unit_id=person.unit_id, now=sent_at
    )
    for name, command in (("person", add), ("grant", grant)):
        yield Planned(
            name=f"{name} {person.person_id}",
            sent_at=sent_at,
            to=To.PERSON,
            aggregate_id=person.person_id,
            command=command,
            occurred_at=sent_at,
        )
