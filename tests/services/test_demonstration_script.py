"""The demonstration's script: what the simulated people do, before anything is sent."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from services.cli.demonstration.planned import To
from services.cli.demonstration.process import KEY_ACCOUNTS, PIPELINES, TYPES_BY_NAME
from services.cli.demonstration.script import SEED, Script, Size, demonstration
from services.cli.demonstration.sending import RECEIVERS
from services.leads.domain.customer_merges import MergeCustomer
from services.opportunities.domain.media_types import is_written_as
from services.opportunities.domain.opportunity_commands import AttachEvidence, LogAction
from services.opportunities.domain.valid_action import SUMMARY_IS_A_TEMPLATE
from services.opportunities.domain.walkability import problems
from shared.errors import DomainError
from shared.events.opportunities import ActionLogged, StageChanged

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SMALL = Size(days=10, teams=2, reps_a_team=2, opportunities_a_rep=4)


@cache
def full() -> Script:
    return demonstration(START)


@cache
def played() -> tuple[dict[str, Any], list[Any], list[str]]:
    """States by opportunity, events, and the names of commands that went otherwise than planned."""
    decider = RECEIVERS[To.OPPORTUNITY].decider
    states: dict[str, Any] = {}
    events: list[Any] = []
    surprises: list[str] = []
    for planned in full().commands:
        if planned.to != To.OPPORTUNITY:
            continue
        state = states.get(planned.aggregate_id, decider.initial)
        found = None
        try:
            decided = decider.decide(planned.command, state)
        except DomainError as refusal:
            found = refusal.code
        else:
            events += decided
            states[planned.aggregate_id] = decider.fold(decided, state)
        if found != planned.refused_with:
            surprises.append(f"{planned.name}: {found}")
    return states, events, surprises


def test_the_same_seed_gives_the_same_commands() -> None:
    first, again = demonstration(START, SMALL), demonstration(START, SMALL)
    assert (first.furnishing, first.commands) == (again.furnishing, again.commands)


def test_another_seed_gives_other_commands() -> None:
    first, other = demonstration(START, SMALL), demonstration(START, SMALL, SEED + 1)
    assert first.commands != other.commands


def test_commands_are_in_the_order_of_their_sending_and_end_with_the_time() -> None:
    sent = [planned.sent_at for planned in full().commands]
    assert sent == sorted(sent)
    assert sent[0] > START
    assert sent[-1] <= START + timedelta(days=90)


def test_nothing_is_entered_before_it_happened() -> None:
    assert all(planned.occurred_at <= planned.sent_at for planned in full().commands)


def test_every_command_has_a_name_of_its_own() -> None:
    names = Counter(planned.name for planned in full().furnishing + full().commands)
    assert set(names.values()) == {1}


def test_every_command_is_accepted_unless_a_refusal_is_planned() -> None:
    _states, _events, surprises = played()
    assert surprises == []


def test_some_refusals_are_planned() -> None:
    refused = {planned.refused_with for planned in full().commands} - {None}
    assert refused == {"stage-cannot-be-left", "out-of-date"}


def test_the_organisation_has_four_levels_and_some_sixty_people_of_both_languages() -> None:
    staff = full().staff
    assert {len(unit.path) for unit in staff.units} == {1, 2, 3, 4}
    assert 55 <= len(staff.people) <= 70
    assert {person.language for person in staff.people} == {"zh", "en"}
    assert len({person.name for person in staff.people}) == len(staff.people)


def test_actions_are_entered_late_by_hours_and_by_days() -> None:
    lags = [planned.sent_at - planned.occurred_at for planned in full().commands]
    assert sum(timedelta(hours=3) < lag for lag in lags) > 200
    assert sum(timedelta(hours=24) < lag for lag in lags) > 100


def test_stages_are_skipped_and_stepped_back_over() -> None:
    _states, events, _surprises = played()
    directions = Counter(each.direction for each in events if isinstance(each, StageChanged))
    assert set(directions) == {"forward", "skip", "backward"}


def test_records_are_invented_when_a_month_ends() -> None:
    _states, events, _surprises = played()
    invented = [
        each
        for each in events
        if isinstance(each, ActionLogged) and SUMMARY_IS_A_TEMPLATE in each.invalid_reasons
    ]
    assert len(invented) > 10


def test_opportunities_are_won_lost_and_still_open() -> None:
    states, _events, _surprises = played()
    statuses = Counter(type(state).__name__ for state in states.values())
    assert min(statuses["Won"], statuses["Lost"], statuses["Open"]) > 40


def test_some_proposals_are_revised_again_and_again_while_nobody_asks() -> None:
    _states, events, _surprises = played()
    revised = Counter(
        each.opportunity_id
        for each in events
        if isinstance(each, ActionLogged) and each.type == "proposal_revised"
    )
    assert len([each for each in revised.values() if each > 3]) >= 5


def test_leads_come_from_several_sources_and_say_more_or_less_of_themselves() -> None:
    asking = full().prospects.values()
    assert len({each.source for each in asking}) >= 5
    assert {each.fields.budget_status for each in asking} == {None, "untouched", "oral", "written"}
    assert {len(each.behaviours) for each in asking} >= {0, 1, 2, 3}


def test_some_customers_are_recorded_twice_and_some_of_those_merged() -> None:
    twice = {each.aggregate_id for each in full().commands if each.aggregate_id.endswith("-2")}
    merged = {
        each.command.into_customer_id
        for each in full().commands
        if isinstance(each.command, MergeCustomer)
    }
    assert merged
    assert merged < twice


def test_the_pipelines_can_be_walked() -> None:
    for pipeline in PIPELINES:
        assert problems(pipeline, frozenset(TYPES_BY_NAME)) == []


def test_five_golden_actions_fill_the_heat_map_of_key_accounts() -> None:
    golden = [each.action for stage in KEY_ACCOUNTS.stages for each in stage.golden_actions]
    assert len(golden) == 5


def test_everything_that_proves_an_action_has_its_content() -> None:
    referred: set[str] = set()
    for planned in full().commands:
        match planned.command:
            case LogAction(draft=draft):
                referred |= {piece.sha256 for piece in draft.evidence}
            case AttachEvidence(evidence=evidence):
                referred |= {piece.sha256 for piece in evidence}
    proofs = full().proofs
    assert len(referred) > 400
    assert referred <= proofs.keys()
    assert all(sha256(proof.content).hexdigest() == key for key, proof in proofs.items())
    assert all(is_written_as(proof.media_type, proof.content) for proof in proofs.values())
