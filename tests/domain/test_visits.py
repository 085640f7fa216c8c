"""The visit in five nodes, customers' doors and what is printed on them (O4)."""

from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.opportunities.domain.actions import ActionIsAlreadyLogged, VisitIsRecordedInNodes
from services.opportunities.domain.customer_type import (
    CUSTOMER_TYPES,
    CustomerTypeCannotBeUsed,
    DefineCustomerTypes,
)
from services.opportunities.domain.door import (
    DOOR,
    DoorBelongsToAnotherCustomer,
    DoorCodeHasExpired,
    DoorCodeIsReplaced,
    IssueDoorCode,
    Known,
    WithdrawDoorCode,
    require_good,
)
from services.opportunities.domain.door_code import (
    DoorCode,
    DoorCodeIsForged,
    DoorCodeIsOfAnotherTenant,
    printed,
    scanned,
)
from services.opportunities.domain.opportunity_commands import AttachEvidence, CorrectAction
from services.opportunities.domain.places import metres_between
from services.opportunities.domain.valid_action import ActionDraft
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    PassOnVisit,
    StartVisit,
    SummariseVisit,
)
from services.opportunities.domain.visits import (
    ActionIsNoVisit,
    DoorIsOfAnotherCustomer,
    NextActionIsTooLate,
    VisitHasNoSummaryCard,
)
from shared.errors import Malformed, NotFound
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefinition,
    Evidence,
    NextAction,
)
from shared.events.visits import (
    CustomerTypeDefined,
    CustomerTypeDefinition,
    DoorCodeIssued,
    DoorCodeWithdrawn,
    Place,
    VisitPassedOn,
)
from tests.domain.opportunity_examples import NOW, at, logged, opened, opportunity
from tests.specs import Spec

VISIT = ActionTypeDefinition(type="visit", minimum_summary_characters=5)
ASKED = (ActionField(name="out_of_stock", kind="text", required=True),)
HERE = Place(latitude=31.23045, longitude=121.47371)
KEY = b"k" * 32
START = StartVisit(
    opportunity_id="O1",
    action_id="V1",
    definition=VISIT,
    asked=ASKED,
    door_id="D1",
    code_id="K1",
    door_customer_id="C1",
    place=HERE,
    position=replace(HERE, latitude=31.2),
    next_action_within_seconds=7 * 24 * 3600,
    actor_id="rep-1",
    occurred_at=at(1),
    now=at(1),
)
PHOTOS = tuple(
    Evidence(sha256=letter * 64, kind=f"photo_{kind}")
    for letter, kind in zip("abc", ("storefront", "display", "conversation"), strict=True)
)
FILL = FillVisit(
    opportunity_id="O1",
    action_id="V1",
    fields={"out_of_stock": "aspirin"},
    occurred_at=at(2),
    now=at(2),
)
BOOK = BookVisitNextAction(
    opportunity_id="O1",
    action_id="V1",
    next_action=NextAction(due_at=at(1) + timedelta(days=7)),
    occurred_at=at(2),
    now=at(2),
)
CARD = SummariseVisit(
    opportunity_id="O1",
    action_id="V1",
    definition=VISIT,
    summary="Short of aspirin",
    occurred_at=at(2),
    now=at(2),
)
ATTACH = AttachEvidence(
    opportunity_id="O1", action_id="V1", evidence=PHOTOS, occurred_at=at(2), now=at(2)
)
doors = Spec(DOOR)
types = Spec(CUSTOMER_TYPES)


def did(events: list[Any], command: Any) -> list[Any]:
    """What happens next, after the opening and these."""
    return list(opportunity.given(opened(), *events).when(command).events())


def begun() -> list[Any]:
    return did([], START)


def test_scanning_fixes_place_and_time_and_asks_for_four_more_nodes() -> None:
    logged_visit, started = begun()
    assert logged_visit.happened_at == started.scanned_at == at(1)
    assert (started.place_latitude, started.place_longitude) == (31.23, 121.474)
    assert started.scan_distance_metres == pytest.approx(3386, abs=5)
    assert logged_visit.invalid_reasons == (
        "evidence-missing:photo_storefront",
        "evidence-missing:photo_display",
        "evidence-missing:photo_conversation",
        "field-missing:out_of_stock",
        "next-action-missing",
        "summary-card-missing",
    )


@pytest.mark.parametrize(
    "order", [(ATTACH, FILL, BOOK, CARD), (CARD, BOOK, FILL, ATTACH), (FILL, CARD, ATTACH, BOOK)]
)
def test_the_nodes_after_the_scan_come_in_any_order(order: tuple[Any, ...]) -> None:
    events = begun()
    for number, command in enumerate(order):
        more = did(events, command)
        assert bool(more[-1].invalid_reasons) == (number < 3)
        events += more


@pytest.mark.parametrize("left_out", [ATTACH, FILL, BOOK, CARD])
def test_no_node_can_be_skipped(left_out: Any) -> None:
    events = begun()
    for command in (ATTACH, FILL, BOOK, CARD):
        if command is not left_out:
            events += did(events, command)
    assert events[-1].invalid_reasons


def test_a_summary_without_content_leaves_the_visit_incomplete() -> None:
    events = begun()
    for command in (ATTACH, FILL, BOOK, replace(CARD, summary="ok")):
        events += did(events, command)
    assert events[-1].invalid_reasons == ("summary-too-short",)
    [better] = did(events, CARD)
    assert better.invalid_reasons == ()


def test_a_visit_is_begun_once() -> None:
    opportunity.given(opened(), *begun()).when(START).then_refused(ActionIsAlreadyLogged)


def test_another_customers_door_begins_no_visit() -> None:
    other = replace(START, door_customer_id="C2")
    opportunity.given(opened()).when(other).then_refused(DoorIsOfAnotherCustomer)


def test_a_position_off_the_earth_is_refused() -> None:
    lost = replace(START, position=Place(latitude=91, longitude=0))
    opportunity.given(opened()).when(lost).then_refused(Malformed)


@pytest.mark.parametrize("due_at", [at(1) + timedelta(days=7, seconds=1), at(1), at(0)])
def test_the_next_action_is_due_after_the_visit_within_seven_days(due_at: datetime) -> None:
    booked = replace(BOOK, next_action=NextAction(due_at=due_at))
    opportunity.given(opened(), *begun()).when(booked).then_refused(NextActionIsTooLate)


def test_fields_that_nobody_asked_for_are_refused() -> None:
    strange = replace(FILL, fields={"mood": "good"})
    opportunity.given(opened(), *begun()).when(strange).then_refused(Malformed)


def test_a_blank_answer_fills_no_field() -> None:
    blank = replace(FILL, fields={"out_of_stock": "  "})
    [filled] = did(begun(), blank)
    assert "field-missing:out_of_stock" in filled.invalid_reasons


def test_only_what_began_at_a_door_has_nodes() -> None:
    of_action = replace(FILL, action_id="A1")
    opportunity.given(opened(), logged()).when(of_action).then_refused(ActionIsNoVisit)
    opportunity.given(opened()).when(FILL).then_refused(NotFound)


def test_a_visit_is_put_right_node_by_node() -> None:
    correct = CorrectAction(
        opportunity_id="O1",
        action_id="V1",
        definition=VISIT,
        draft=ActionDraft(summary="Short of aspirin"),
        now=at(3),
    )
    opportunity.given(opened(), *begun()).when(correct).then_refused(VisitIsRecordedInNodes)


def test_a_card_is_passed_on_to_each_colleague_once() -> None:
    passing = PassOnVisit(
        opportunity_id="O1", action_id="V1", passed_on_by="rep-1", to=("P1", "P2"), now=at(3)
    )
    events = begun()
    opportunity.given(opened(), *events).when(passing).then_refused(VisitHasNoSummaryCard)
    events += did(events, CARD)
    told = VisitPassedOn(
        opportunity_id="O1",
        action_id="V1",
        passed_on_by="rep-1",
        passed_on_to=("P1", "P2"),
        passed_on_at=at(3),
    )
    opportunity.given(opened(), *events).when(passing).then(told)
    opportunity.given(opened(), *events, told).when(passing).then_nothing()


ISSUE = IssueDoorCode(
    door_id="D1",
    code_id="K1",
    customer_id="C1",
    place=HERE,
    issued_by="boss-1",
    expires_at=NOW + timedelta(days=1),
    now=NOW,
)
ISSUED = DoorCodeIssued(
    door_id="D1",
    code_id="K1",
    customer_id="C1",
    place=[HERE],
    issued_by="boss-1",
    expires_at=NOW + timedelta(days=1),
    issued_at=NOW,
)
REPLACED = replace(ISSUED, code_id="K2", issued_at=at(2))


def door(*events: Any) -> Known:
    state = DOOR.fold(events)
    assert isinstance(state, Known)
    return state


def test_a_door_gets_a_code() -> None:
    doors.given().when(ISSUE).then(ISSUED)


def test_a_door_stays_its_customers() -> None:
    other = replace(ISSUE, customer_id="C2", code_id="K2")
    doors.given(ISSUED).when(other).then_refused(DoorBelongsToAnotherCustomer)


def test_a_code_holds_for_a_while_and_somewhere_on_earth() -> None:
    doors.given().when(replace(ISSUE, expires_at=NOW)).then_refused(Malformed)
    nowhere = replace(ISSUE, place=Place(latitude=0, longitude=181))
    doors.given().when(nowhere).then_refused(Malformed)


def test_a_code_is_withdrawn_once() -> None:
    withdraw = WithdrawDoorCode(door_id="D1", now=at(2))
    withdrawn = DoorCodeWithdrawn(door_id="D1", code_id="K1", withdrawn_at=at(2))
    doors.given(ISSUED).when(withdraw).then(withdrawn)
    doors.given(ISSUED, withdrawn).when(withdraw).then_nothing()
    doors.given().when(withdraw).then_refused(NotFound)


def test_a_code_is_good_up_to_the_moment_it_expires() -> None:
    require_good(door(ISSUED), "K1", ISSUED.expires_at)
    with pytest.raises(DoorCodeHasExpired):
        require_good(door(ISSUED), "K1", ISSUED.expires_at + timedelta(milliseconds=1))


def test_a_scan_of_a_replaced_code_counts_if_it_happened_before() -> None:
    both = door(ISSUED, REPLACED)
    require_good(both, "K1", at(1))
    require_good(both, "K2", at(2))
    with pytest.raises(DoorCodeIsReplaced):
        require_good(both, "K1", at(2))


def test_what_is_printed_is_read_again() -> None:
    code = DoorCode(door_id="D1", code_id="K1")
    assert scanned(printed(code, "T1", KEY), "T1", KEY) == code


@pytest.mark.parametrize(
    "text",
    ["", "PT1", "PT1..", "PT1.é.x", "PT2.a.b", "PT1.bnVsbA.AAAA", "PT1.WzEsMiwzXQ.AAAA", "x" * 700],
)
def test_what_is_no_code_of_ours_is_refused(text: str) -> None:
    with pytest.raises(DoorCodeIsForged):
        scanned(text, "T1", KEY)


def test_a_code_that_was_changed_or_signed_by_another_key_is_forged() -> None:
    text = printed(DoorCode(door_id="D1", code_id="K1"), "T1", KEY)
    prefix, claims, signature = text.split(".")
    other = printed(DoorCode(door_id="D2", code_id="K1"), "T1", KEY).split(".")[1]
    for forged in (f"{prefix}.{other}.{signature}", f"{prefix}.{claims}.AAAA"):
        with pytest.raises(DoorCodeIsForged):
            scanned(forged, "T1", KEY)
    with pytest.raises(DoorCodeIsForged):
        scanned(text, "T1", b"j" * 32)


def test_a_code_of_another_tenant_is_told_apart_without_naming_anybody() -> None:
    text = printed(DoorCode(door_id="D1", code_id="K1"), "another-tenant", KEY)
    with pytest.raises(DoorCodeIsOfAnotherTenant):
        scanned(text, "T1", KEY)
    claims = text.split(".")[1]
    assert b"another-tenant" not in urlsafe_b64decode(claims + "=" * (-len(claims) % 4))


def test_metres_between_places_are_those_on_the_globe() -> None:
    shanghai, beijing = (
        Place(latitude=31.2304, longitude=121.4737),
        Place(latitude=39.9042, longitude=116.4074),
    )
    assert metres_between(shanghai, beijing) == pytest.approx(1_067_000, rel=0.006)
    assert metres_between(shanghai, shanghai) == 0
    antipode = Place(latitude=-31.2304, longitude=-58.5263)
    assert metres_between(shanghai, antipode) == pytest.approx(20_015_000, rel=0.006)


def test_a_customer_type_is_defined_once() -> None:
    pharmacy = CustomerTypeDefinition(type="pharmacy", fields=ASKED)
    define = DefineCustomerTypes(definitions=(pharmacy,), now=NOW)
    types.given().when(define).then(CustomerTypeDefined(definition=pharmacy))
    types.given(CustomerTypeDefined(definition=pharmacy)).when(define).then_nothing()


def test_a_customer_type_with_a_field_twice_cannot_be_used() -> None:
    twice = CustomerTypeDefinition(type="pharmacy", fields=ASKED * 2)
    define = DefineCustomerTypes(definitions=(twice,), now=NOW)
    types.given().when(define).then_refused(CustomerTypeCannotBeUsed)
