"""The chance of a lead: rules by default, a learned model once it is put into effect (S1)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import (
    CaptureLead,
    ConvertLead,
    DisqualifyLead,
    WithdrawLead,
)
from services.leads.domain.lead_state import LeadFields
from services.scoring.domain.conversion_models import HistoryIsTooShort
from services.scoring.learning import learn
from services.scoring.queries.conversions import ModelIsLost, kept_model
from services.scoring.queries.health_scores import behaviour
from services.scoring.queries.lead_scores import every_lead_score
from services.scoring.queries.read_models import LEADS
from shared.command_handling import CommandContext, Run, Step
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, code_of

HOUR = timedelta(hours=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Monday 17:00 in Shanghai; L1 has come in, and rep-1 has it."""
    async with alarm_floor(tmp_path) as running:
        body = {
            "lead_id": "L1",
            "customer_id": "C1",
            "source": "referral",
            "owner_id": "rep-1",
            "attributes": {"seconds": 900, "origin": "form"},
        }
        await running.floor.told("/leads", body, "boss-1")
        await running.settle(after=HOUR)
        yield running


async def conversion(alarm: AlarmFloor) -> dict[str, Any]:
    found: dict[str, Any] = (await alarm.floor.shown("/leads/L1/score", "rep-1"))["conversion"]
    return found


async def behaves(alarm: AlarmFloor, behaviour: str) -> None:
    path = "/leads/L1/note-behaviour"
    await alarm.floor.told(path, {"behaviour": behaviour}, "boss-1")
    await alarm.settle(after=HOUR)


def context(alarm: AlarmFloor) -> CommandContext:
    return CommandContext(
        tenant_id="T1", actor_id=None, occurred_at=alarm.now, correlation_id="test"
    )


async def history(alarm: AlarmFloor, leads: int) -> None:
    """Closed leads; those who stayed long converted more often."""
    chance = Random(3)
    commands = alarm.floor.hosting.ports.commands("leads")
    runs = []
    for number in range(leads):
        lead_id, seconds = f"H{number}", chance.choice((10.0, 900.0))
        capture = CaptureLead(
            lead_id=lead_id,
            customer_id="C1",
            source="web_form",
            fields=LeadFields(),
            behaviours=(),
            unit_id="team-1",
            unit_path=("company", "north", "team-1"),
            owner_id="rep-1",
            occurred_at=NOW,
            now=NOW,
            attributes={"seconds": seconds, "origin": "form"},
        )
        converts = chance.random() < (0.7 if seconds > 100 else 0.1)
        ended: Any = DisqualifyLead(lead_id=lead_id, reason="no budget", now=NOW)
        if converts:
            ended = ConvertLead(
                lead_id=lead_id, opportunity_id=f"O-{number}", pipeline="standard", now=NOW
            )
        steps = [capture, ended]
        new_id = alarm.floor.hosting.ports.new_id
        runs.append(Run(lead_id, [Step(each, context(alarm), new_id()) for each in steps]))
    await commands.handle_runs(LEAD, runs)
    await alarm.settle(after=HOUR)


async def test_by_default_the_rules_answer_and_are_kept_current(alarm: AlarmFloor) -> None:
    await behaves(alarm, "demo_booked")
    said = (await conversion(alarm))["recorded"]
    assert (said["by"], said["score"], said["model_version"]) == ("rules", 75.0, None)
    assert [(part["name"], part["points"]) for part in said["parts"]] == [
        ("source", 30.0), ("behaviour", 15.0), ("timeliness", 30.0),
    ]  # fmt: skip
    await behaves(alarm, "live_stream")
    assert (await conversion(alarm))["recorded"]["score"] == 85.0
    stream = await alarm.events("conversion/L1")
    assert stream == ["conversion_estimated"] * 3


async def test_a_lead_withdrawn_and_captured_again_is_estimated_by_what_is_said_now(
    alarm: AlarmFloor,
) -> None:
    """An import undone and done again rightly (G2)."""
    withdraw = WithdrawLead(lead_id="L1", now=alarm.now)
    await alarm.floor.handle("leads", LEAD, "L1", withdraw)
    await alarm.settle(after=HOUR)
    again = {"lead_id": "L1", "customer_id": "C1", "source": "event", "unit_id": "team-1"}
    await alarm.floor.told("/leads", {**again, "owner_id": "rep-1"}, "boss-1")
    await alarm.settle(after=HOUR)
    said = (await conversion(alarm))["recorded"]
    assert [(part["name"], part["points"]) for part in said["parts"]] == [
        ("source", 15.0), ("behaviour", 0.0), ("timeliness", 30.0),
    ]  # fmt: skip


async def test_a_short_history_teaches_nothing_and_the_rules_go_on(alarm: AlarmFloor) -> None:
    await history(alarm, 40)
    with pytest.raises(HistoryIsTooShort):
        await learn(alarm.floor.hosting.ports, context(alarm), take_effect=True)
    await behaves(alarm, "demo_booked")
    assert (await conversion(alarm))["recorded"]["by"] == "rules"


async def test_a_learned_model_answers_beside_and_then_instead(alarm: AlarmFloor) -> None:
    floor = alarm.floor
    await history(alarm, 260)
    learned = await learn(floor.hosting.ports, context(alarm), take_effect=False)
    assert learned.is_new
    assert learned.model.auc > 0.7
    await alarm.settle(after=HOUR)
    beside = (await conversion(alarm))["recorded"]
    assert (beside["by"], beside["beside_version"]) == ("rules", 1)
    organisation = await floor.hosting.ports.organisations.of("T1")
    listed = await every_lead_score(floor.hosting.ports, organisation)
    assert {(each["by"], each["beside_version"]) for each in listed} == {("rules", 1)}
    assert all(0 < each["beside_probability"] < 1 for each in listed)
    await floor.told("/conversion-models/take-effect", {"version": 1}, "administrator")
    await alarm.settle(after=HOUR)
    said = (await conversion(alarm))["recorded"]
    assert (said["by"], said["model_version"]) == ("model", 1)
    assert said["model_sha256"] == learned.model.sha256
    assert said["probability"] == pytest.approx(0.7, abs=0.15)
    assert said["parts"][0]["name"] == "attribute:seconds"
    shown = await floor.shown("/conversion-models", "auditor")
    assert shown["answering"] == 1
    assert shown["models"][0]["calibration"]


async def test_learning_again_from_the_same_leads_is_no_new_model(alarm: AlarmFloor) -> None:
    await history(alarm, 260)
    ports = alarm.floor.hosting.ports
    first = await learn(ports, context(alarm), take_effect=False)
    again = await learn(ports, context(alarm), take_effect=False)
    assert not again.is_new
    assert again.model == first.model


async def test_a_model_that_is_lost_is_not_made_up(alarm: AlarmFloor) -> None:
    await history(alarm, 260)
    ports = alarm.floor.hosting.ports
    learned = await learn(ports, context(alarm), take_effect=False)
    content = await kept_model(ports, "T1", learned.model.sha256)
    assert content.startswith(b"{")
    await ports.object_store.delete("T1", f"model.{learned.model.sha256}")
    with pytest.raises(ModelIsLost):
        await kept_model(ports, "T1", learned.model.sha256)


async def test_what_is_learned_after_the_first_contact_does_not_count(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    fields = {"industry": "energy", "budget_status": "written"}
    await alarm.floor.told("/leads/L1/change-fields", fields, "rep-1")
    await alarm.settle(after=HOUR)
    row = await behaviour(alarm.floor.hosting.ports, LEADS, "T1", "L1")
    assert row is not None
    assert row.traits["industry"] is None
    assert row.traits["attribute:seconds"] == 900


async def test_a_model_that_was_never_learned_cannot_answer(alarm: AlarmFloor) -> None:
    path = "/conversion-models/take-effect"
    response = await alarm.floor.post(path, {"version": 1}, "administrator")
    assert code_of(response) == (404, "not-found")


async def test_who_may_not_see_a_lead_is_not_told_its_score(alarm: AlarmFloor) -> None:
    response = await alarm.floor.get("/leads/L1/score", "rep-2")
    assert code_of(response) == (404, "not-found")


@pytest.mark.parametrize("value", [[1], {"a": 1}, "x" * 101])
async def test_attributes_of_a_lead_are_choices_numbers_and_yes_or_no(
    alarm: AlarmFloor, value: object
) -> None:
    body = {"lead_id": "L2", "customer_id": "C1", "attributes": {"origin": value}}
    response = await alarm.floor.post("/leads", body, "boss-1")
    assert response.status_code == 422
