"""The demonstration tenant as it comes out: recorded over simulated days, escalated, answered."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from services.cli.demo_tenant import FolderIsServed, LookForDemonstration
from services.cli.demonstration import (
    DEMO_TENANT,
    Filled,
    SignInIdentity,
    Size,
    demonstrate,
    fill_demo,
    sign_in_identities,
)
from services.cli.demonstration.script import demonstration
from services.cli.desk import Desk, furnish
from services.cli.output import Output
from services.cli.reading import asker_of, caller_of
from services.embedded import LOGS, open_embedded
from services.leads.queries.boards import LEAD_BOARDS, LeadQuestion
from services.opportunities.domain.evidence_object import EVIDENCE
from services.opportunities.evidence.sealing import evidence_stream, opened_evidence
from services.projections.queries.asking import Question
from services.projections.queries.boards import BOARDS
from shared.clock import VirtualClock
from shared.envelope import Origin, StoredEvent
from shared.events.opportunities import ActionLogged, EvidenceAttached
from shared.hosting import Hosting
from shared.organisation import Organisation
from tests.oracle import authenticity, behaviour, health
from tests.oracle.lead_signals import still_told, to_be_told
from tests.oracle.leads import Told, flaws
from tests.system.command import Json

UNTIL = datetime(2026, 5, 29, 8, 0, tzinfo=UTC)
SMALL = Size(days=16, teams=2, reps_a_team=3, opportunities_a_rep=7, leads_a_team_and_week=5)
MONTH = "2026-05"
ZONE = "Asia/Shanghai"
START = UNTIL - timedelta(days=SMALL.days)
TINY = Size(days=6, teams=1, reps_a_team=2, opportunities_a_rep=3)


class Outcome(NamedTuple):
    """`opened`: of every content that an action refers to, whether it is there as it was."""

    first: Filled
    again: Filled
    told: list[float]
    events: list[StoredEvent]
    organisation: Organisation
    identities: Sequence[SignInIdentity]
    opened: list[bool]
    boards: Mapping[str, list[Json]]
    leads: list[Told]
    summaries: Mapping[tuple[str, int], str]

    def of_type(self, name: str) -> list[StoredEvent]:
        return [event for event in self.events if event.type == name]


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


async def every_event(hosting: Hosting) -> list[StoredEvent]:
    store = hosting.ports.event_store
    return [event for log in LOGS for event in await store.read_log(log, 0, 0, 100_000)]


async def filled(path: Path) -> Outcome:
    clock = VirtualClock(START)
    told: list[float] = []
    async with open_embedded(path, clock=clock) as hosting:
        first = await fill_demo(hosting, clock, UNTIL, told.append, SMALL)
        again = await fill_demo(hosting, clock, UNTIL, told.append, SMALL)
        ports = hosting.ports
        stored = await ports.event_store.read_log("leads", 0, 0, 100_000)
        return Outcome(
            first=first,
            again=again,
            told=told,
            events=await every_event(hosting),
            organisation=await hosting.ports.organisations.of(DEMO_TENANT),
            identities=await sign_in_identities(hosting.ports),
            opened=await opened_evidence_of(hosting),
            boards=await boards_of(hosting),
            leads=[Told(each.stream, ports.codec.decode(each).event) for each in stored],
            summaries=await opened_summaries(hosting),
        )


async def boards_of(hosting: Hosting) -> Mapping[str, list[Json]]:
    """Those of leads as they stand at the end, allocations by team, goals of the month."""
    ports, desk = hosting.ports, desk_of(hosting)
    caller, asker = await caller_of(desk), await asker_of(desk)

    async def rows(board: str, question: LeadQuestion) -> list[Json]:
        found: list[Json] = (await LEAD_BOARDS[board](ports, caller, question))["rows"]
        return found

    found = {name: await rows(name, LeadQuestion()) for name in LEAD_BOARDS if name != "allocation"}
    teams = [LeadQuestion(unit_id=each, month=MONTH) for each in ("shanghai-1", "shanghai-2")]
    found["allocation"] = [row for each in teams for row in await rows("allocation", each)]
    for name in ("goals", "data-quality"):
        answer = await BOARDS[name](ports.read_store, asker, Question(month=MONTH))
        found[name] = answer["rows"]
    return found


async def opened_summaries(hosting: Hosting) -> Mapping[tuple[str, int], str]:
    """What people said they did, by the event that holds it."""
    ports = hosting.ports
    stored = await ports.event_store.read_log("opportunities", 0, 0, 100_000)
    opened = await ports.codec.open([ports.codec.decode(each) for each in stored])
    said = {
        (each.stored.stream, each.stored.version): getattr(each.event, "summary", None)
        for each in opened
    }
    return {where: words for where, words in said.items() if isinstance(words, str)}


async def opened_evidence_of(hosting: Hosting) -> list[bool]:
    ports = hosting.ports
    stored = await ports.event_store.read_log("opportunities", 0, 0, 100_000)
    events = [ports.codec.decode(each).event for each in stored]
    referred = {
        piece.sha256
        for event in events
        if isinstance(event, ActionLogged | EvidenceAttached)
        for piece in event.evidence
    }
    opened = []
    for sha256 in sorted(referred):
        stream = evidence_stream(DEMO_TENANT, sha256)
        _version, evidence = await ports.commands("opportunities").load(EVIDENCE, stream)
        content = await opened_evidence(ports, DEMO_TENANT, evidence)
        opened.append(
            hashlib.sha256(b"".join([each async for each in content])).hexdigest() == sha256
        )
    return opened


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return asyncio.run(filled(tmp_path_factory.mktemp("demonstration")))


def test_every_command_went_as_planned(outcome: Outcome) -> None:
    assert outcome.first.surprises == ()
    assert outcome.first.sent > 200


def test_repeating_it_does_nothing(outcome: Outcome) -> None:
    assert outcome.again == Filled(was_there=True, sent=0, refused=0, surprises=())


def test_honest_reps_are_hardly_ever_doubted(outcome: Outcome) -> None:
    """Fewer than one case per 500 of their actions (S4)."""
    reps = demonstration(START, SMALL).staff.reps
    honest = {each.person_id for each in reps if each.temperament and not each.temperament.invents}
    logged = outcome.of_type("opportunities.action_logged.v1")
    actions = [each for each in logged if each.actor_id in honest]
    opened = outcome.of_type("scoring.authenticity_case_opened.v1")
    cases = [each for each in opened if json.loads(each.payload)["rep_id"] in honest]
    assert len(actions) > 100
    assert len(cases) * 500 < len(actions)


def test_its_health_is_scored_day_by_day_as_a_reckoning_of_our_own_says(outcome: Outcome) -> None:
    assert len(outcome.of_type("scoring.health_scored.v1")) > 50
    tenant = health.Tenant(behaviour.told(outcome.events), ZONE)
    assert health.disagreements(tenant) == []


def test_its_cases_are_those_of_a_reckoning_of_our_own(outcome: Outcome) -> None:
    told = behaviour.told(outcome.events)
    assert len(outcome.summaries) > 50
    assert authenticity.disagreements(told, outcome.summaries, ZONE, UNTIL) == []


def test_good_leads_are_weighed_by_the_goals_of_the_month_too(outcome: Outcome) -> None:
    allocated = [json.loads(e.payload) for e in outcome.of_type("leads.lead_allocated.v1")]
    weighed = [each for each in allocated if each["track"] == "high_value"]
    assert any(each["attainments"] for each in weighed)
    for each in weighed:
        assert set(each["attainments"]) <= set(each["weights"])


def test_its_progress_is_told_from_beginning_to_end(outcome: Outcome) -> None:
    assert outcome.told == sorted(outcome.told)
    assert outcome.told[-1] == 1.0


def test_the_tenant_is_live_since_its_first_opportunity(outcome: Outcome) -> None:
    [went_live] = outcome.of_type("directory.tenant_went_live.v1")
    opened = outcome.of_type("opportunities.opportunity_opened.v1")
    assert went_live.recorded_at < opened[0].recorded_at + timedelta(days=1)
    assert outcome.organisation.is_live


def test_what_people_did_is_marked_as_demonstration(outcome: Outcome) -> None:
    actions = outcome.of_type("opportunities.action_logged.v1")
    assert {event.origin for event in actions} == {Origin.DEMO}
    assert all(START <= event.occurred_at <= event.recorded_at <= UNTIL for event in actions)


def test_events_are_recorded_over_all_the_days(outcome: Outcome) -> None:
    actions = outcome.of_type("opportunities.action_logged.v1")
    assert len({event.recorded_at.date() for event in actions}) >= 8


def test_late_entries_are_recorded_well_after_they_happened(outcome: Outcome) -> None:
    actions = outcome.of_type("opportunities.action_logged.v1")
    lags = [event.recorded_at - event.occurred_at for event in actions]
    assert sum(lag > timedelta(hours=12) for lag in lags) >= 5


def test_signals_are_raised_on_several_days_and_none_of_them_is_historical(
    outcome: Outcome,
) -> None:
    raised = outcome.of_type("projections.signal_raised.v1")
    assert len({event.recorded_at.date() for event in raised}) >= 4
    assert all(b'"historical":false' in event.payload for event in raised)


def test_escalations_are_opened_and_some_of_them_answered(outcome: Outcome) -> None:
    opened = outcome.of_type("notifications.escalation_opened.v1")
    acknowledged = outcome.of_type("notifications.escalation_acknowledged.v1")
    assert len(opened) > 10
    assert 0 < len(acknowledged) < len(opened)
    assert all(event.actor_id for event in acknowledged)


def test_evidence_opens_long_after_it_was_uploaded(outcome: Outcome) -> None:
    assert len(outcome.opened) > 10
    assert all(outcome.opened)


def test_messages_go_to_the_inbox_alone(outcome: Outcome) -> None:
    started = outcome.of_type("notifications.attempt_started.v1")
    assert started
    assert all(b'"channel":"inbox"' in event.payload for event in started)


def test_one_can_sign_in_as_a_director_a_manager_or_a_rep_first(outcome: Outcome) -> None:
    roles = [identity.role for identity in outcome.identities]
    assert roles[:3] == ["director", "manager", "rep"]
    assert {"sales_bp", "auditor", "administrator"} == set(roles[3:])


def test_leads_are_allocated_worked_on_appealed_and_won_over(outcome: Outcome) -> None:
    happened = {event.type.split(".")[1] for event in outcome.events if event.log == "leads"}
    assert happened >= {
        "lead_captured",
        "lead_allocated",
        "lead_assigned",
        "lead_found_nobody",
        "lead_contacted",
        "lead_appealed",
        "lead_appeal_decided",
        "lead_qualified",
        "lead_returned",
        "lead_disqualified",
        "lead_converted",
        "hot_word_said",
        "customer_message_received",
        "ticket_opened",
        "ticket_closed",
    }


def test_its_leads_have_no_flaw(outcome: Outcome) -> None:
    assert flaws(outcome.leads) == []


def test_what_leads_need_is_told_as_long_as_they_need_it(outcome: Outcome) -> None:
    assert still_told(outcome.events) == to_be_told(outcome.leads) != set()


def test_what_a_lead_was_converted_to_is_worked_on(outcome: Outcome) -> None:
    converted = {
        json.loads(each.payload)["opportunity_id"]
        for each in outcome.of_type("leads.lead_converted.v1")
    }
    actions = outcome.of_type("opportunities.action_logged.v1")
    worked_on = {json.loads(each.payload)["opportunity_id"] for each in actions}
    assert converted & worked_on


@pytest.mark.parametrize(
    "board",
    ["leads", "waiting-leads", "appeals", "allocation", "duplicates", "data-quality"],
)
def test_the_boards_of_leads_show_something(outcome: Outcome, board: str) -> None:
    assert outcome.boards[board]


def test_the_figures_of_leads_have_something_to_count(outcome: Outcome) -> None:
    intent, responses = outcome.boards["intent"][0], outcome.boards["first-responses"][0]
    won, goals = outcome.boards["lead-to-won"][0], outcome.boards["goals"][0]
    assert intent["high_intent"] > 0
    assert intent["only_claimed"] > 0
    assert responses["recent_responses"] > 0
    assert responses["recent_hours"] > 0
    assert won["leads"] > 10
    valid = next(each for each in goals["metrics"] if each["metric"] == "valid_leads")
    assert 0 < valid["actual"] < 3 * valid["target"]


def test_a_lead_of_a_unit_without_reps_waits(outcome: Outcome) -> None:
    waiting = outcome.boards["waiting-leads"]
    assert {row["unit_id"] for row in waiting} == {"east"}
    assert all(row["found_nobody_at"] for row in waiting)


async def test_what_was_interrupted_goes_on_to_the_same_end(
    tmp_path: Path, outcome: Outcome
) -> None:
    def stop_in_the_middle(share: float) -> None:
        if share > 0.5:
            raise Interrupted

    clock = VirtualClock(START)
    async with open_embedded(tmp_path, clock=clock) as hosting:
        with pytest.raises(Interrupted):
            await fill_demo(hosting, clock, UNTIL, stop_in_the_middle, SMALL)

    later = VirtualClock(START)
    async with open_embedded(tmp_path, clock=later) as hosting:
        rest = await fill_demo(hosting, later, UNTIL + timedelta(hours=1), lambda _: None, SMALL)
        events = await every_event(hosting)

    assert not rest.was_there
    assert 0 < rest.sent < outcome.first.sent
    assert rest.surprises == ()
    assert _by_people(events) == _by_people(outcome.events)


async def test_a_data_folder_is_filled_up_to_now_once(tmp_path: Path) -> None:
    first = await demonstrate(tmp_path, size=TINY)
    again = await demonstrate(tmp_path, size=TINY)

    assert not first.was_there
    assert again.was_there


async def test_a_serving_process_knows_whether_it_is_there_and_cannot_fill_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.demonstration.filling.FULL_SIZE", TINY)
    async with open_embedded(tmp_path) as hosting:
        with pytest.raises(FolderIsServed, match="stop the process"):
            await LookForDemonstration().run(desk_of(hosting))
        assert await every_event(hosting) == []

    await demonstrate(tmp_path, size=TINY)

    async with open_embedded(tmp_path) as hosting:
        before = await every_event(hosting)
        assert await LookForDemonstration().run(desk_of(hosting)) == 0
        assert await every_event(hosting) == before


def desk_of(hosting: Hosting) -> Desk:
    output = Output(Console(), Console(stderr=True), as_json=True)
    return Desk(hosting=hosting, output=output, tenant_id=DEMO_TENANT, live=True)


async def test_another_tenant_of_the_folder_is_left_as_it_was(tmp_path: Path) -> None:
    async with open_embedded(tmp_path) as hosting:
        await furnish(hosting.ports)
        await hosting.catch_up()
        before = await every_event(hosting)

    await demonstrate(tmp_path, size=TINY)

    async with open_embedded(tmp_path) as hosting:
        after = [event for event in await every_event(hosting) if event.tenant_id != DEMO_TENANT]
    assert after == before


_OF_BOOKS = ("leads.rep_took_lead.v1", "leads.rep_let_go_of_lead.v1")


def _by_people(events: Sequence[StoredEvent]) -> set[tuple[str, int, str, datetime]]:
    """What came of evidence has ids of its own: an upload is repeated as a whole. So has what a
    unit's book is put right by."""
    return {
        (event.stream, event.version, _name_of(event), event.recorded_at)
        for event in events
        if event.log in {"opportunities", "leads"}
        and event.origin == Origin.DEMO
        and not event.type.startswith("opportunities.evidence_")
    } | {
        (event.stream, 0, event.type, event.recorded_at)
        for event in events
        if event.type == "opportunities.evidence_stored.v1"
    }


def _name_of(event: StoredEvent) -> str:
    return event.type if event.type in _OF_BOOKS else str(event.event_id)
