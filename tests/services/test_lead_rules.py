"""A change of how leads are scored is shown beside what holds before it goes live (S1)."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from services.cli.desk import Desk
from services.cli.lead_rules import CompareLeadRules
from services.cli.output import Output
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

DAY = timedelta(days=1)
PATH = "/lead-rules/comparison"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """L1 is worth 30 + 0 + 30 points, L2 20 + 15 + 30."""
    async with sales_floor(tmp_path) as running:
        for lead_id, source, behaviours in (
            ("L1", "referral", []),
            ("L2", "web_form", ["demo_booked"]),
        ):
            body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "unit_id": "team-1"}
            said = {**body, "source": source, "behaviours": behaviours}
            await running.told("/leads", said, "boss-1")
        await running.hosting.catch_up()
        yield running


async def announce(floor: SalesFloor, **settings: Any) -> None:
    """From tomorrow on, after it was compared."""
    asked = "&".join(f"set={name}={value}" for name, value in settings.items())
    compared = await floor.shown(f"{PATH}?{asked}", "administrator")
    body = {
        "settings": settings,
        "effective_at": (NOW + DAY).isoformat(),
        "comparison": compared["comparison"],
    }
    await floor.told("/settings", body, "administrator")
    await floor.hosting.catch_up()


async def totals(floor: SalesFloor) -> dict[str, float]:
    rows = (await floor.shown("/leads", "boss-1"))["rows"]
    return {row["lead_id"]: row["score"]["total"] for row in rows}


async def test_other_rules_are_shown_beside_those_in_force(floor: SalesFloor) -> None:
    asked = f"{PATH}?set=lead_points_referral=10&set=high_value_lead_score=65"
    found = await floor.shown(asked, "administrator")
    assert found["changes"] == [
        {"name": "high_value_lead_score", "before": 80, "after": 65},
        {"name": "lead_points_referral", "before": 30, "after": 10},
    ]
    assert (found["leads"], found["moved"]) == (2, 1)
    assert found["mean"] == {"before": 62.5, "after": 52.5}
    assert found["returned"] == {"before": 0, "after": 1}
    assert found["high_value"] == {"before": 0, "after": 1}
    [moved] = found["rows"]
    assert (moved["lead_id"], moved["before"]["total"], moved["after"]["total"]) == ("L1", 60, 40)
    assert await totals(floor) == {"L1": 60, "L2": 65}


async def test_an_announced_change_scores_beside_until_it_goes_live(floor: SalesFloor) -> None:
    await announce(floor, lead_points_web_form=10)
    found = await floor.shown(PATH, "administrator")
    assert found["changes"] == [{"name": "lead_points_web_form", "before": 20, "after": 10}]
    assert [row["lead_id"] for row in found["rows"]] == ["L2"]
    assert await totals(floor) == {"L1": 60, "L2": 65}
    floor.clock.move_to(NOW + DAY)
    assert await totals(floor) == {"L1": 60, "L2": 55}
    assert code_of(await floor.get(PATH, "administrator")) == (409, "nothing-is-to-change")


async def test_a_change_that_nobody_compared_does_not_go_live(floor: SalesFloor) -> None:
    change = {"settings": {"lead_points_referral": 10}}
    refused = await floor.post("/settings", change, "administrator")
    assert code_of(refused) == (409, "lead-rules-are-not-compared")
    assert [each["field"] for each in refused.json()["errors"]] == ["settings.lead_points_referral"]
    other = await floor.shown(f"{PATH}?set=lead_points_referral=20", "administrator")
    mistaken = await floor.post(
        "/settings", change | {"comparison": other["comparison"]}, "administrator"
    )
    assert code_of(mistaken) == (409, "lead-rules-are-not-compared")
    assert await totals(floor) == {"L1": 60, "L2": 65}
    seen = await floor.shown(f"{PATH}?set=lead_points_referral=10", "administrator")
    await floor.told("/settings", change | {"comparison": seen["comparison"]}, "administrator")
    assert await totals(floor) == {"L1": 40, "L2": 65}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param("", (409, "nothing-is-to-change"), id="nothing announced"),
        pytest.param("?set=lead_points_referral=30", (409, "nothing-is-to-change"), id="as it is"),
        pytest.param("?set=lead_points_referral", (422, "malformed"), id="no value"),
        pytest.param("?set=lead_points_referral=many", (422, "malformed"), id="no number"),
        pytest.param("?set=lead_points_referral=31", (422, "malformed"), id="out of range"),
        pytest.param("?set=lead_points_gift=5", (422, "malformed"), id="no such setting"),
        pytest.param("?set=open_lead_cap=5", (422, "malformed"), id="says nothing of scores"),
    ],
)
async def test_what_is_no_change_of_these_rules_is_refused(
    floor: SalesFloor, asked: str, code: tuple[int, str]
) -> None:
    assert code_of(await floor.get(PATH + asked, "administrator")) == code


async def test_who_may_not_change_settings_does_not_see_what_they_would_do(
    floor: SalesFloor,
) -> None:
    assert (await floor.get(f"{PATH}?set=lead_points_referral=10", "rep-1")).status_code == 403


async def test_the_command_line_shows_the_same(floor: SalesFloor) -> None:
    told = CompareLeadRules(settings=("lead_score_threshold=65", "lead_timely_hours=48"))
    said = io.StringIO()
    output = Output(Console(file=said, width=100_000), Console(quiet=True), as_json=True)
    desk = Desk(hosting=floor.hosting, output=output, tenant_id="T1")
    assert await told.run(desk) == 0
    answer = msgspec.json.decode(said.getvalue())
    assert answer["returned"] == {"before": 0, "after": 1}
    settings = {"lead_score_threshold": 65, "lead_timely_hours": 48}
    change = {"settings": settings, "comparison": answer["comparison"]}
    await floor.told("/settings", change, "administrator")
