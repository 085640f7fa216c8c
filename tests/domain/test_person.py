"""People: their unit over time, grants, addresses, and leaving."""

from datetime import UTC, datetime, timedelta

import pytest

from services.directory.domain.person import (
    PERSON,
    AddPerson,
    ChangeIsOutOfDate,
    GiveGrant,
    MovePerson,
    PersonAlreadyExists,
    PersonCommand,
    PersonHasLeft,
    PersonLeaves,
    RenamePerson,
    SetAddress,
    WithdrawGrant,
)
from shared.errors import Malformed, NotFound
from shared.event_type import ERASED
from shared.events.directory import (
    AddressSet,
    GrantGiven,
    GrantWithdrawn,
    PersonAdded,
    PersonLeft,
    PersonMoved,
    PersonRenamed,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)

added = PersonAdded(person_id="P1", unit_id="team-1", name="Li Na", language="zh", joined_at=NOW)
left = PersonLeft(person_id="P1", left_at=NOW + DAY)
manager = GrantGiven(person_id="P1", role="manager", unit_id="team-1")

nobody = Spec(PERSON)
person = nobody.given(added)


def add(name: str | None = "Li Na", unit_id: str = "team-1", language: str = "zh") -> AddPerson:
    return AddPerson(person_id="P1", unit_id=unit_id, name=name, language=language, now=NOW)


def grant(role: str = "manager") -> GiveGrant:
    return GiveGrant(person_id="P1", role=role, unit_id="team-1", now=NOW)


def move(unit_id: str = "team-2", moved_at: datetime | None = None) -> MovePerson:
    return MovePerson(person_id="P1", unit_id=unit_id, now=NOW + DAY, moved_at=moved_at)


withdraw = WithdrawGrant(person_id="P1", role="manager", unit_id="team-1", now=NOW)
rename = RenamePerson(person_id="P1", name="Li Ming", now=NOW)
leave = PersonLeaves(person_id="P1", now=NOW + DAY)
set_mail = SetAddress(person_id="P1", channel="email", address="li@example.com", now=NOW)
mail_set = AddressSet(person_id="P1", channel="email", address="li@example.com")


def test_a_person_is_added_and_belongs_to_the_unit_from_now_on() -> None:
    nobody.when(add()).then(added)


def test_adding_a_person_again_changes_nothing() -> None:
    person.when(add()).then_nothing()


def test_adding_a_person_whose_name_was_erased_again_changes_nothing() -> None:
    erased = PersonAdded(
        person_id="P1", unit_id="team-1", name=ERASED, language="zh", joined_at=NOW
    )
    nobody.given(erased).when(add()).then_nothing()


def test_adding_another_person_under_the_same_id_is_refused() -> None:
    person.when(add("Wang Wei")).then_refused(PersonAlreadyExists)


def test_adding_a_person_who_left_is_refused() -> None:
    person.given(left).when(add()).then_refused(PersonHasLeft)


def test_a_language_that_we_do_not_speak_is_malformed() -> None:
    nobody.when(add(language="fr")).then_refused(Malformed)


@pytest.mark.parametrize("command", [rename, move(), leave, grant(), withdraw, set_mail])
def test_nothing_can_be_done_with_an_unknown_person(command: PersonCommand) -> None:
    nobody.when(command).then_refused(NotFound)


def test_a_person_is_renamed_once() -> None:
    renamed = PersonRenamed(person_id="P1", name="Li Ming")
    person.when(rename).then(renamed)
    person.given(renamed).when(rename).then_nothing()


def test_a_person_moves_to_another_unit() -> None:
    moved = PersonMoved(person_id="P1", unit_id="team-2", moved_at=NOW + DAY)
    person.when(move()).then(moved)
    person.given(moved).when(move()).then_nothing()


def test_a_move_before_the_person_came_to_the_present_unit_is_out_of_date() -> None:
    person.when(move(moved_at=NOW - DAY)).then_refused(ChangeIsOutOfDate)


def test_a_person_leaves_once() -> None:
    person.when(leave).then(left)
    person.given(left).when(leave).then_nothing()


def test_leaving_before_coming_to_the_present_unit_is_refused() -> None:
    leave_early = PersonLeaves(person_id="P1", now=NOW + DAY, left_at=NOW - DAY)
    person.when(leave_early).then_refused(ChangeIsOutOfDate)


@pytest.mark.parametrize("command", [move(), grant(), set_mail])
def test_who_has_left_gets_no_unit_grant_or_address(command: PersonCommand) -> None:
    person.given(left).when(command).then_refused(PersonHasLeft)


def test_a_grant_can_be_withdrawn_from_who_has_left() -> None:
    withdrawn = GrantWithdrawn(person_id="P1", role="manager", unit_id="team-1")
    spec = person.given(manager, left)
    spec.when(withdraw).then(withdrawn)
    spec.given(withdrawn).when(withdraw).then_nothing()


def test_a_grant_is_given_once() -> None:
    person.when(grant()).then(manager)
    person.given(manager).when(grant()).then_nothing()


def test_a_person_may_hold_several_grants() -> None:
    auditor = GrantGiven(person_id="P1", role="auditor", unit_id="team-1")
    person.given(manager).when(grant("auditor")).then(auditor)


def test_an_unknown_role_is_malformed() -> None:
    person.when(grant("emperor")).then_refused(Malformed)


def test_withdrawing_a_grant_that_was_never_given_changes_nothing() -> None:
    person.when(withdraw).then_nothing()


def test_an_address_is_set_and_taken_away() -> None:
    person.when(set_mail).then(mail_set)
    person.given(mail_set).when(set_mail).then_nothing()
    removal = SetAddress(person_id="P1", channel="email", address=None, now=NOW)
    gone = AddressSet(person_id="P1", channel="email", address=None)
    person.given(mail_set).when(removal).then(gone)


def test_an_address_without_a_channel_is_malformed() -> None:
    command = SetAddress(person_id="P1", channel=" ", address="x", now=NOW)
    person.when(command).then_refused(Malformed)
