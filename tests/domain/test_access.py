"""Who may do what, and which rows a caller sees (A9)."""

import pytest

from shared.access import (
    PERMISSIONS,
    Caller,
    Grant,
    Resource,
    Role,
    Verb,
    default_unit_id,
    may,
    visible_rows,
    visible_units,
)
from tests.domain.test_organisation import BASIS, organisation_of, unit

ORGANISATION_NOW = organisation_of(*BASIS, unit("team-2", "south"))
READ, WRITE = Verb.READ, Verb.WRITE


def caller(*grants: Grant, person_id: str | None = "rep") -> Caller:
    return Caller(tenant_id="T1", person_id=person_id, key_id=None, grants=grants)


def with_role(role: Role, unit_id: str = "company", person_id: str | None = "rep") -> Caller:
    return caller(Grant(role, unit_id), person_id=person_id)


def test_every_role_has_its_permissions() -> None:
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_only_what_may_be_read_may_be_written(role: Role) -> None:
    """What a partner hands in is its customers', and read by nobody but the company's own."""
    assert PERMISSIONS[role].write - {Resource.INTAKE} <= PERMISSIONS[role].read


@pytest.mark.parametrize("resource", list(Resource))
def test_the_auditor_writes_nothing(resource: Resource) -> None:
    assert not may(with_role(Role.AUDITOR), resource, WRITE)


@pytest.mark.parametrize("resource", list(Resource))
def test_who_holds_no_grant_may_do_nothing(resource: Resource) -> None:
    assert not may(caller(), resource, READ)
    assert not may(caller(), resource, WRITE)


@pytest.mark.parametrize(
    ("role", "resource", "verb", "allowed"),
    [
        (Role.AUDITOR, Resource.EVENTS, READ, True),
        (Role.DIRECTOR, Resource.EVENTS, READ, False),
        (Role.REP, Resource.OPPORTUNITIES, WRITE, True),
        (Role.REP, Resource.SETTINGS, READ, False),
        (Role.ADMINISTRATOR, Resource.SETTINGS, WRITE, True),
        (Role.ADMINISTRATOR, Resource.KEYS, WRITE, True),
        (Role.ADMINISTRATOR, Resource.OPPORTUNITIES, READ, False),
        (Role.ADMINISTRATOR, Resource.TENANTS, WRITE, False),
        (Role.OPERATOR, Resource.TENANTS, WRITE, True),
        (Role.OPERATOR, Resource.OPPORTUNITIES, READ, False),
        (Role.MARKETING, Resource.LEADS, WRITE, True),
        (Role.MARKETING, Resource.OPPORTUNITIES, READ, False),
        (Role.STORE_CLERK, Resource.TASKS, WRITE, True),
        (Role.STORE_CLERK, Resource.OPPORTUNITIES, READ, False),
        (Role.LEGAL, Resource.APPROVALS, WRITE, True),
        (Role.LEGAL, Resource.BOARDS, READ, False),
    ],
)
def test_the_table_of_roles(role: Role, resource: Resource, verb: Verb, allowed: bool) -> None:
    assert may(with_role(role), resource, verb) is allowed


def test_several_grants_add_up() -> None:
    both = caller(Grant(Role.ADMINISTRATOR, "company"), Grant(Role.MANAGER, "north"))
    assert may(both, Resource.SETTINGS, WRITE)
    assert may(both, Resource.OPPORTUNITIES, WRITE)


def test_a_manager_sees_the_subtree_as_it_stands_now() -> None:
    north = with_role(Role.MANAGER, "north")
    assert visible_units(north, ORGANISATION_NOW) == frozenset({"north", "team-1"})
    rows = visible_rows(north, ORGANISATION_NOW, Resource.OPPORTUNITIES)
    assert rows.includes(unit_id="team-1")
    assert not rows.includes(unit_id="team-2")
    assert not rows.includes(unit_id=None, owner_id="rep")


def test_a_director_of_the_root_sees_everything() -> None:
    assert visible_units(with_role(Role.DIRECTOR), ORGANISATION_NOW) is None


def test_a_rep_sees_own_rows_as_owner_or_actor() -> None:
    rep = with_role(Role.REP, "team-1")
    rows = visible_rows(rep, ORGANISATION_NOW, Resource.OPPORTUNITIES, WRITE)
    assert rows.includes(unit_id="team-1", owner_id="rep")
    assert rows.includes(unit_id="team-2", actor_ids=("lead", "rep"))
    assert rows.includes(unit_id="team-2", actor_id="rep")
    assert not rows.includes(unit_id="team-1", owner_id="lead", actor_ids=("lead",))
    assert visible_units(rep, ORGANISATION_NOW) == frozenset()


def test_a_rep_key_that_stands_for_nobody_sees_nothing() -> None:
    machine = with_role(Role.REP, "team-1", None)
    rows = visible_rows(machine, ORGANISATION_NOW, Resource.OPPORTUNITIES)
    assert rows.nothing
    assert not rows.includes(unit_id="team-1", owner_id=None)


def test_the_auditor_reads_every_row_and_acts_on_none() -> None:
    auditor = with_role(Role.AUDITOR)
    assert visible_rows(auditor, ORGANISATION_NOW, Resource.OPPORTUNITIES).everything
    assert visible_rows(auditor, ORGANISATION_NOW, Resource.OPPORTUNITIES, WRITE).nothing


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR, Role.MARKETING])
def test_operator_administrator_and_marketing_see_no_opportunity(role: Role) -> None:
    assert visible_rows(with_role(role), ORGANISATION_NOW, Resource.OPPORTUNITIES).nothing


def test_delivery_sees_the_opportunities_that_its_commitments_belong_to() -> None:
    rows = visible_rows(with_role(Role.DELIVERY), ORGANISATION_NOW, Resource.OPPORTUNITIES)
    assert rows.includes(unit_id="team-1", addressed_to=frozenset({Role.DELIVERY}))
    assert not rows.includes(unit_id="team-1", addressed_to=frozenset({Role.LEGAL}))
    assert not rows.includes(unit_id="team-1")


def test_legal_of_a_region_sees_what_is_addressed_to_it_there() -> None:
    rows = visible_rows(with_role(Role.LEGAL, "north"), ORGANISATION_NOW, Resource.OPPORTUNITIES)
    assert rows.includes(unit_id="team-1", addressed_to=frozenset({Role.LEGAL}))
    assert not rows.includes(unit_id="team-2", addressed_to=frozenset({Role.LEGAL}))
    assert not rows.includes(unit_id="team-1", addressed_to=frozenset({Role.FINANCE}))


@pytest.mark.parametrize("resource", [Resource.ESCALATIONS, Resource.TIMELINES])
def test_marketing_sees_customers_and_no_timeline_or_escalation_of_sales(
    resource: Resource,
) -> None:
    marketing = with_role(Role.MARKETING)
    assert visible_rows(marketing, ORGANISATION_NOW, Resource.CUSTOMERS).everything
    assert visible_rows(marketing, ORGANISATION_NOW, resource).nothing


def test_a_thing_without_unit_belongs_to_the_unit_of_the_callers_grant() -> None:
    assert default_unit_id(with_role(Role.REP, "team-1"), ORGANISATION_NOW) == "team-1"
