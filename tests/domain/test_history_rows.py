"""What the rows of a case say: opening, owner, stages, winning, losing, actions, late rows (G2)."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.opportunities.domain.history_case import CaseState, case_of, stored_case
from services.opportunities.domain.history_identity import EqualRows, row_identity
from services.opportunities.domain.history_mapping import HistoryMapping
from services.opportunities.domain.history_rows import HistoryReader, RowIsRefused
from services.opportunities.domain.history_statement import (
    ActionOfCase,
    AssignCase,
    CustomerOfHistory,
    LoseCase,
    MoveStage,
    OpenCase,
    RepOfHistory,
    Statement,
    WinCase,
)
from services.opportunities.domain.opportunity import OPPORTUNITY, OpportunityEvent
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    StageChanged,
)
from tests.domain.history_example import PIPELINE, document, mapping, row, told

T0 = "2025-03-03T01:00:00Z"
T1 = "2025-03-03T02:00:00Z"
T2 = "2025-03-03T03:00:00Z"
T3 = "2025-03-03T04:00:00Z"
REP_7 = RepOfHistory(rep_id="rep-7", unit_id="team-1", unit_parent="sales", name=None)
REP_8 = RepOfHistory(rep_id="rep-8", unit_id="team-0", unit_parent="sales", name=None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def opening(owner: RepOfHistory | None = None, **changes: Any) -> OpenCase:
    opened = OpenCase(
        customer=CustomerOfHistory(
            customer_id="customer-1", name=None, customer_type=None, industry=None
        ),
        stage="new",
        unit_id="sales",
        owner=owner,
        amount=Decimal(100),
        currency="EUR",
        at=at(T0),
    )
    return replace(opened, **changes)


def action(type_: str, when: str, actor: RepOfHistory | None = None, **more: Any) -> ActionOfCase:
    said = ActionOfCase(
        type=type_,
        actor=actor,
        summary=None,
        fields={},
        direction=None,
        is_contact=True,
        ends_silence=True,
        at=at(when),
    )
    return replace(said, **more)


def said(
    *rows: tuple[str, str] | tuple[str, str, dict[str, str]], **changes: Any
) -> list[Statement]:
    used = mapping(**changes)
    return told(used, [row(used, each[0], each[1], **_more(each)) for each in rows])[0]


def _more(each: tuple[Any, ...]) -> dict[str, str]:
    return dict(each[2]) if len(each) > 2 else {}


def test_the_first_row_of_a_case_opens_it() -> None:
    assert said(("LEAD", T0)) == [opening()]


def test_a_first_row_that_no_rule_opens_with_is_an_action_too() -> None:
    assert said(("CALL", T0)) == [opening(), action("CALL COMPLETE", T0)]


def test_a_first_row_that_enters_a_later_stage_opens_and_moves() -> None:
    assert said(("QUALIFIED", T0)) == [
        opening(),
        MoveStage(stage="qualified", reason=None, at=at(T0)),
    ]


def test_an_opening_row_with_an_action_of_its_own_says_both() -> None:
    rules = [{"when": {"activity": "LEAD"}, "open": True, "action": "enquiry"}]
    assert said(("LEAD", T0), rule=rules) == [opening(), action("enquiry", T0)]


def test_an_opening_activity_in_an_open_case_is_an_action() -> None:
    assert said(("LEAD", T0), ("LEAD", T1))[1:] == [action("LEAD COMPLETE", T1)]


def test_where_a_rule_opens_cases_a_row_before_it_is_refused() -> None:
    form = document()["opportunity"] | {"opened_by": "rule"}
    with pytest.raises(RowIsRefused) as refused:
        said(("CALL", T0), opportunity=form)
    assert refused.value.code == "case-not-open"
    assert said(("LEAD", T0), opportunity=form) == [opening()]


def test_the_first_actor_who_is_somebody_owns_the_case_from_that_row_on() -> None:
    assert said(
        ("LEAD", T0, {"who": "112"}),
        ("CALL", T1),
        ("CALL", T2, {"who": "7"}),
        ("CALL", T3, {"who": "8"}),
    ) == [
        opening(),
        action("CALL COMPLETE", T1),
        AssignCase(owner=REP_7, at=at(T2)),
        action("CALL COMPLETE", T2, REP_7),
        action("CALL COMPLETE", T3, REP_8),
    ]


def test_the_actor_of_the_opening_row_owns_the_case() -> None:
    assert said(("LEAD", T0, {"who": "7"})) == [opening(REP_7)]


def test_the_owner_is_assigned_before_the_change_of_the_same_row() -> None:
    assert said(("LEAD", T0), ("WON", T1, {"who": "7"}))[1:] == [
        AssignCase(owner=REP_7, at=at(T1)),
        WinCase(at=at(T1)),
    ]


def test_a_closed_case_gets_no_owner() -> None:
    assert said(("LEAD", T0), ("WON", T1), ("CALL", T2, {"who": "7"}))[2:] == [
        action("CALL COMPLETE", T2, REP_7)
    ]


def test_the_latest_actor_may_own_the_case() -> None:
    rows = (("LEAD", T0, {"who": "7"}), ("CALL", T1, {"who": "8"}))
    assert said(*rows, owner={"is": "latest"})[1] == AssignCase(owner=REP_8, at=at(T1))


def test_a_history_may_know_no_owners() -> None:
    rows = (("LEAD", T0, {"who": "7"}), ("CALL", T1, {"who": "8"}))
    assert said(*rows, owner={"is": "none"}) == [opening(), action("CALL COMPLETE", T1, REP_8)]


def test_single_actors_may_have_their_own_unit() -> None:
    reps = document()["reps"] | {"units": {"7": "key-accounts"}}
    assert said(("LEAD", T0, {"who": "7"}), reps=reps) == [
        opening(replace(REP_7, unit_id="key-accounts"))
    ]


def test_reps_may_take_name_and_unit_from_further_columns() -> None:
    reps = {"id": "rep-{actor}", "unit": "team-{offer}", "name": "{why}"}
    rows = (("CALL", T0, {"who": "7", "offer": "x", "why": "Anna"}),)
    assert said(*rows, reps=reps)[0] == opening(
        RepOfHistory(rep_id="rep-7", unit_id="team-x", unit_parent=None, name="Anna"), at=at(T0)
    )


def test_a_forward_move_needs_no_reason_a_skip_and_a_backward_move_have_the_mapping_s() -> None:
    assert said(("LEAD", T0), ("QUALIFIED", T1), ("SIGNED", T2), ("QUOTED", T3))[1:] == [
        MoveStage(stage="qualified", reason=None, at=at(T1)),
        MoveStage(stage="signed", reason="imported history", at=at(T2)),
        MoveStage(stage="quoted", reason="new offer", at=at(T3)),
    ]


def test_a_row_of_the_stage_it_is_already_in_is_an_action() -> None:
    assert said(("LEAD", T0), ("QUALIFIED", T1), ("QUALIFIED", T2))[2:] == [
        action("QUALIFIED COMPLETE", T2)
    ]


def test_the_first_winning_row_wins_and_what_follows_are_actions() -> None:
    assert said(("LEAD", T0), ("WON", T1), ("PAID", T2), ("QUALIFIED", T3))[1:] == [
        WinCase(at=at(T1)),
        action("PAID COMPLETE", T2),
        action("QUALIFIED COMPLETE", T3),
    ]


def test_losing_has_the_reason_of_the_rule_or_of_the_row() -> None:
    assert said(("LEAD", T0), ("LOST", T1))[1:] == [LoseCase(reason="unknown", at=at(T1))]
    assert said(("LEAD", T0), ("LOST", T1, {"why": "price"}))[1:] == [
        LoseCase(reason="price", at=at(T1))
    ]


def test_losing_without_any_reason_is_refused() -> None:
    rules = [{"when": {"activity": "LOST"}, "lose": "{why}"}]
    with pytest.raises(RowIsRefused) as refused:
        said(("LEAD", T0), ("LOST", T1), rule=rules)
    assert (refused.value.field, refused.value.code) == ("why", "required")


def test_an_ignored_row_says_nothing_and_opens_nothing() -> None:
    assert said(("debug-trace", T0), ("LEAD", T1)) == [opening(at=at(T1))]


@pytest.mark.parametrize(
    ("condition", "holds_for", "not_for"),
    [
        ("X", "X", "Y"),
        (["X", "Y"], "Y", "Z"),
        ({"not": "X"}, "Y", "X"),
        ({"not": ["X", "Y"]}, "Z", "Y"),
        ({"matches": "^O-[0-9]+$"}, "O-12", "O-x"),
        ({"empty": True}, "", "X"),
        ({"empty": False}, "X", ""),
    ],
)
def test_rules_look_at_any_column(condition: Any, holds_for: str, not_for: str) -> None:
    rules = [{"when": {"activity": "CALL", "offer": condition}, "win": True}]
    won, other = (
        said(
            ("LEAD", T0),
            ("CALL", T1, {"offer": not_for}),
            ("CALL", T2, {"offer": holds_for}),
            rule=rules,
        )[-1:],
        said(("LEAD", T0), ("CALL", T1, {"offer": not_for}), rule=rules)[-1:],
    )
    assert won == [WinCase(at=at(T2))]
    assert isinstance(other[0], ActionOfCase)


def test_rules_tell_the_phases_of_an_activity_apart() -> None:
    rules = [{"when": {"activity": "OFFER", "lifecycle": "COMPLETE"}, "stage": "quoted"}]
    rows = (("LEAD", T0), ("OFFER", T1, {"phase": "START"}), ("OFFER", T2))
    kinds = [type(each) for each in said(*rows, rule=rules)[-2:]]
    assert kinds == [ActionOfCase, MoveStage]


def test_a_rule_says_what_kind_of_contact_an_action_is() -> None:
    rules = [
        {
            "when": {"activity": "MAIL"},
            "action": "email",
            "direction": "inbound",
            "is_contact": False,
            "ends_silence": False,
        }
    ]
    assert said(("LEAD", T0), ("MAIL", T1), rule=rules)[-1] == action(
        "email", T1, direction="inbound", is_contact=False, ends_silence=False
    )


def test_an_action_keeps_summary_and_further_columns() -> None:
    form = {"summary": "{why}", "fields": ["offer"]}
    rows = (("LEAD", T0), ("CALL", T1, {"offer": "O9", "why": "asked for a discount"}))
    assert said(*rows, action=form)[-1] == action(
        "CALL COMPLETE", T1, summary="asked for a discount", fields={"offer": "O9"}
    )


def test_the_customer_is_described_where_the_mapping_says_how() -> None:
    form = {"name": "{why}", "type": "clinic", "industry": "{offer}"}
    (opened,) = said(("LEAD", T0, {"why": "Lanmu 蓝木", "offer": "dental"}), customer=form)
    assert isinstance(opened, OpenCase)
    assert opened.customer == CustomerOfHistory(
        customer_id="customer-1", name="Lanmu 蓝木", customer_type="clinic", industry="dental"
    )


def test_a_case_that_makes_no_id_is_refused() -> None:
    used = mapping()
    odd = row(used, "LEAD", T0, case="1/2")
    with pytest.raises(RowIsRefused) as refused:
        HistoryReader(used, PIPELINE).opportunity_id(odd)
    assert (refused.value.field, refused.value.code) == ("case", "malformed-id")


def test_an_actor_without_number_is_refused_where_the_unit_needs_one() -> None:
    with pytest.raises(RowIsRefused) as refused:
        said(("LEAD", T0, {"who": "anna"}))
    assert (refused.value.field, refused.value.code) == ("who", "not-a-number")


def test_a_type_that_is_too_long_is_refused() -> None:
    with pytest.raises(RowIsRefused) as refused:
        said(("LEAD", T0), ("C" * 70, T1))
    assert (refused.value.field, refused.value.code) == ("what", "malformed")


# --- rows before the last change of state ---------------------------------------------------


def moved_case(used: HistoryMapping) -> CaseState:
    rows = [row(used, "LEAD", T0), row(used, "QUALIFIED", T1), row(used, "QUOTED", T3)]
    state = told(used, rows)[1]
    assert state is not None
    return state


def test_a_late_action_is_an_action() -> None:
    used = mapping()
    state = moved_case(used)
    reading = HistoryReader(used, PIPELINE).read(row(used, "CALL", T2), state)
    assert reading == ((action("CALL COMPLETE", T2),), state)


def test_a_late_row_of_the_stage_it_was_in_then_is_an_action() -> None:
    used = mapping()
    reading = HistoryReader(used, PIPELINE).read(row(used, "QUALIFIED", T2), moved_case(used))
    assert reading.statements == (action("QUALIFIED COMPLETE", T2),)


@pytest.mark.parametrize("what", ["QUOTED", "SIGNED", "WON", "LOST"])
def test_a_late_change_of_state_is_out_of_date(what: str) -> None:
    used = mapping()
    with pytest.raises(RowIsRefused) as refused:
        HistoryReader(used, PIPELINE).read(row(used, what, T2), moved_case(used))
    assert (refused.value.field, refused.value.code) == ("when", "out-of-date")


def test_a_change_at_the_very_time_of_the_last_one_is_not_late() -> None:
    used = mapping()
    reading = HistoryReader(used, PIPELINE).read(row(used, "SIGNED", T3), moved_case(used))
    assert reading.statements == (MoveStage(stage="signed", reason=None, at=at(T3)),)


def test_a_pipeline_that_accepts_late_changes_is_told_of_them() -> None:
    used = mapping()
    state = moved_case(used)
    accepting = replace(PIPELINE, late_changes="accept")
    reading = HistoryReader(used, accepting).read(row(used, "QUOTED", T2), state)
    assert reading.statements == (MoveStage(stage="quoted", reason=None, at=at(T2)),)
    assert reading.state == state


def test_a_late_row_may_bring_the_owner() -> None:
    used = mapping()
    late = row(used, "CALL", T2, who="7")
    reading = HistoryReader(used, PIPELINE).read(late, moved_case(used))
    assert reading.statements == (
        AssignCase(owner=REP_7, at=at(T2)),
        action("CALL COMPLETE", T2, REP_7),
    )


def test_a_stored_case_stands_where_its_events_left_it() -> None:
    opened = OpportunityOpened(
        opportunity_id="crm-1",
        customer_id="customer-1",
        customer_type=None,
        customer_industry=None,
        customer_is_key=False,
        pipeline=PIPELINE,
        stage="new",
        unit_id="sales",
        unit_path=("company", "sales"),
        owner_id=None,
        amount=None,
        currency=None,
        zone="Asia/Shanghai",
        opened_at=at(T0),
    )
    assigned = OpportunityAssigned(
        opportunity_id="crm-1", owner_id="rep-7", unit_id="team-1", unit_path=(), assigned_at=at(T1)
    )
    moved = StageChanged(
        opportunity_id="crm-1",
        from_stage="new",
        to_stage="qualified",
        direction="forward",
        reason=None,
        subject="customer/customer-1",
        violations=(),
        changed_at=at(T1),
    )
    lost = OpportunityLost(
        opportunity_id="crm-1",
        stage="qualified",
        reason="price",
        note=None,
        subject="customer/customer-1",
        lost_at=at(T2),
    )
    reopened = OpportunityReopened(
        opportunity_id="crm-1",
        stage="qualified",
        reason=None,
        subject="customer/customer-1",
        reopened_at=at(T3),
    )
    won = OpportunityWon(opportunity_id="crm-1", stage="qualified", violations=(), won_at=at(T3))

    state = stored_case([opened, assigned, moved])
    assert state is not None
    assert (state.stage, state.closed, state.owner_id) == ("qualified", False, "rep-7")
    assert state.stage_at(at(T0)) == "new"
    assert state.stage_at(datetime(2020, 1, 1, tzinfo=UTC)) is None
    closed = stored_case([opened, assigned, moved, lost])
    assert closed is not None
    assert (closed.closed, closed.changed_at) == (True, at(T2))
    again = stored_case([opened, assigned, moved, lost, reopened])
    assert again is not None
    assert not again.closed
    assert stored_case([opened, won]) == replace(
        stored_case([opened]),  # type: ignore[type-var]  # an opened case is a state
        closed=True,
        changed_at=at(T3),
    )
    assert stored_case([]) is None
    stories: list[list[OpportunityEvent]] = [
        [],
        [opened, assigned, moved],
        [opened, assigned, moved, lost],
        [opened, assigned, moved, lost, reopened],
        [opened, won],
    ]
    for events in stories:
        assert case_of(OPPORTUNITY.fold(events)) == stored_case(events)


def test_a_case_read_and_a_case_stored_stand_alike() -> None:
    used = mapping()
    assert moved_case(used) == CaseState(
        stage="quoted",
        closed=False,
        owner_id=None,
        changed_at=at(T3),
        entered=((at(T0), "new"), (at(T1), "qualified"), (at(T3), "quoted")),
    )


# --- identity ---------------------------------------------------------------------------------


def test_equal_rows_are_numbered_and_others_are_not() -> None:
    used = mapping()
    counted = EqualRows()
    call, mail = row(used, "CALL", T0), row(used, "MAIL", T0)
    later, elsewhere = row(used, "CALL", T1), row(used, "CALL", T0, case="2")
    numbers = [counted.number(each) for each in (call, mail, call, elsewhere, call, mail, later)]
    assert numbers == [0, 0, 1, 0, 2, 1, 0]


def test_a_row_is_the_same_from_whichever_line_and_file_it_comes() -> None:
    used = mapping()
    here = row(used, "CALL", T0, who="7")
    there = here._replace(row=99, file="other.csv", amount=None)
    assert row_identity("t", "crm", here, 0) == row_identity("t", "crm", there, 0)


def test_every_part_of_the_identity_counts() -> None:
    used = mapping()
    rows = [
        row(used, "CALL", T0),
        row(used, "CALL", T1),
        row(used, "CALL", T0, who="7"),
        row(used, "CALL", T0, phase="START"),
        row(used, "CALL", T0, case="2"),
        row(used, "MAIL", T0),
    ]
    identities = {row_identity("t", "crm", each, 0) for each in rows}
    identities |= {row_identity("t", "crm", rows[0], 1), row_identity("t", "erp", rows[0], 0)}
    identities |= {row_identity("u", "crm", rows[0], 0), row_identity("t|crm", "", rows[0], 0)}
    assert len(identities) == 10
