"""The pages of the boards that managers judge by: funnel, lights, goals, data quality."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import iso
from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_pages import page, sent, shown


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


def links(text: str, beginning: str) -> list[str]:
    """Where a page leads to, as a browser follows it."""
    return [html.unescape(each) for each in re.findall(rf'href="({beginning}[^"]*)"', text)]


def chosen(text: str, field: str) -> list[str]:
    """What is selected in a filter."""
    [select] = re.findall(rf'<select name="{field}".*?</select>', text)
    return re.findall(r"selected>([^<]*)<", select)


async def an_hour_passes(floor: SalesFloor) -> None:
    """Windows are half-open: what happens now is counted a moment later."""
    floor.clock.move_to(NOW + timedelta(hours=1))
    await floor.hosting.catch_up()


async def pass_on(floor: SalesFloor, opportunity_id: str, stage: str) -> None:
    move = {"stage": stage, "reason": "in a hurry"}
    await floor.told(f"/opportunities/{opportunity_id}/change-stage", move, "rep-1")


async def test_a_funnels_figures_lead_in_two_taps_to_their_events(floor: SalesFloor) -> None:
    for opportunity_id in ("O1", "O2"):
        await floor.open(opportunity_id, owner_id="rep-1")
    await pass_on(floor, "O1", "needs_confirmed")
    await an_hour_passes(floor)

    text = await shown(floor, "/funnel?segment=key_industry")
    behind = links(text, "/funnel/opportunities")
    reached = next(each for each in behind if "step=1&how=reached" in each)
    dropped = next(each for each in behind if "step=1&how=dropped" in each)

    assert 'data-label="Needs confirmed" data-value="1"' in text
    assert "segment=key_industry" in reached
    assert links(await shown(floor, reached), "/timelines") == ["/timelines/opportunity/O1"]
    assert links(await shown(floor, dropped), "/timelines") == ["/timelines/opportunity/O2"]
    [why] = links(await shown(floor, reached), "/why/funnel")
    behind_it = await shown(floor, why)
    assert links(behind_it, "/timelines/opportunity/O1#event-")
    assert "/timelines/opportunity/O2" in links(behind_it, "/timelines")


async def test_a_funnel_goes_from_any_event_to_any_other(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.told("/opportunities/O1/log-action", {"type": "call"}, "rep-1")
    await an_hour_passes(floor)

    text = await shown(floor, "/funnel?from=opportunity_opened&to=action_logged:call", "rep-1")
    nothing = await page(floor, "/funnel?from=opportunity_opened&to=nonsense")
    half = await page(floor, "/funnel?from=opportunity_opened")

    assert 'data-label="Call" data-value="1"' in text
    [reached] = [each for each in links(text, "/funnel/opportunities") if "step=1" in each]
    assert "/timelines/opportunity/O1" in await shown(floor, reached, "rep-1")
    assert (nothing.status_code, half.status_code) == (422, 422)


@pytest.mark.parametrize(
    ("at", "quarter"),
    [(datetime(2026, 4, 10, tzinfo=UTC), "2026-Q1"), (datetime(2026, 5, 5, tzinfo=UTC), "2026-Q2")],
)
async def test_a_quarter_that_has_just_begun_gives_way_to_the_one_before(
    floor: SalesFloor, at: datetime, quarter: str
) -> None:
    floor.clock.move_to(at)
    await floor.hosting.catch_up()

    assert chosen(await shown(floor, "/funnel"), "window") == [quarter]
    assert chosen(await shown(floor, "/funnel?window=2026-02"), "window") == ["2026-02"]


async def test_nobody_finds_others_opportunities_behind_a_funnel(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await floor.open("O2", "rep-2", owner_id="rep-2")
    await an_hour_passes(floor)
    path = "/funnel/opportunities?step=0&how=pending"

    assert links(await shown(floor, path, "director"), "/timelines") == [
        "/timelines/opportunity/O1",
        "/timelines/opportunity/O2",
    ]
    assert links(await shown(floor, path, "rep-1"), "/timelines") == ["/timelines/opportunity/O1"]
    assert (await page(floor, f"{path}&unit=south", "boss-1")).status_code == 404


async def test_the_opportunities_behind_a_funnel_are_a_file_with_all_of_those_in_sight(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projections.queries.course_explanations.LISTED_AT_MOST", 1)
    for opportunity_id in ("O1", "O2"):
        await floor.open(opportunity_id, owner_id="rep-1")
    await floor.open("O3", "rep-2", owner_id="rep-2")
    await an_hour_passes(floor)
    path = "/funnel/opportunities?step=1&how=pending"

    text = await shown(floor, path, "director")
    of_all = await page(floor, f"{path}&format=csv", "director")
    of_rep = await page(floor, f"{path}&format=csv", "rep-1")
    beyond = await page(floor, "/funnel/opportunities?step=9&how=pending&format=csv", "director")

    assert any(each.endswith("&format=csv") for each in links(text, "/funnel/opportunities"))
    assert of_all.headers["content-disposition"].endswith('"funnel-opportunities.csv"')
    [head, *rows] = of_all.text.removeprefix("\ufeff").splitlines()
    assert head == "Opportunity,Customer"
    assert [each.partition(",")[0] for each in rows] == ["O1", "O2", "O3"]
    assert [each[:2] for each in of_rep.text.splitlines()[1:]] == ["O1", "O2"]
    assert beyond.status_code == 404


async def leave_without_a_golden_action(floor: SalesFloor) -> None:
    stages = [{"name": "hello", "golden_action": [{"action": "demo"}]}, {"name": "bye"}]
    document = {"pipeline": {"name": "short", "unmet": "record"}, "stage": stages}
    await floor.told("/pipelines", document, "administrator")
    await floor.hosting.catch_up()
    await floor.open("O1", owner_id="rep-1", pipeline="short")
    await pass_on(floor, "O1", "bye")


@pytest.mark.parametrize(
    ("path", "heads", "line"),
    [
        (
            "/golden-actions",
            "组织单元,销售,阶段,黄金动作,按时,到期,完成率,灯",
            "north,,hello,演示,0,1,0.0,红",
        ),
        (
            "/heat-map",
            "组织单元,销售,阶段,黄金动作,按时,到期,完成率,灯",
            "team-1,,hello,演示,0,1,0.0,红",
        ),
        ("/traffic-lights", "组织单元,销售,统计项,按时,到期,完成率,灯", "north,,按时录入,"),
        (
            "/funnel",
            "组织单元,销售,细分,从,到,录入,到达,进行中,流失,转化率,中位小时",
            "north,,,商机已建立,",
        ),
        ("/goals", "组织单元,销售,月份,要达成什么,目标,到达,达成率", "north,,2026-03,有效线索,"),
        (
            "/data-quality",
            "组织单元,月份,线索,疑似重复客户,尚未核对的重复客户,完整率,决策链,预算状态,核心诉求,",
            "",
        ),
        ("/breakpoints", "阶段,合计超时小时,商机,客户,超时小时,负责人,组织单元", ""),
    ],
)
async def test_a_boards_table_is_a_file_with_heads_in_the_readers_language(
    floor: SalesFloor, path: str, heads: str, line: str
) -> None:
    await leave_without_a_golden_action(floor)
    await an_hour_passes(floor)

    answer = await page(floor, f"{path}?format=csv", language="zh")

    assert answer.headers["content-type"].startswith("text/csv")
    first, *rest = answer.text.removeprefix("\ufeff").splitlines()
    assert first.startswith(heads)
    assert not line or any(each.startswith(line) for each in rest), rest


async def test_golden_actions_open_those_of_each_rep(floor: SalesFloor) -> None:
    await leave_without_a_golden_action(floor)
    await an_hour_passes(floor)

    text = await shown(floor, "/golden-actions")
    of_rep = [each for each in links(text, "/why/golden-actions") if "rep=rep-1" in each]

    assert "Next step: open a red figure" in text
    assert "A heat map is of units" in await shown(floor, "/heat-map", "rep-1")
    assert of_rep
    assert "/timelines/opportunity/O1" in await shown(floor, of_rep[0])


async def test_a_red_light_names_the_next_step_and_leads_to_its_events(floor: SalesFloor) -> None:
    for number, hours in ((1, 60), (2, 1)):
        at = iso(NOW - timedelta(hours=hours))
        await floor.open(f"O{number}", owner_id="rep-1", occurred_at=at)
    for number in (3, 4, 5):
        await floor.open(f"O{number}", "rep-2", owner_id="rep-2")
    await an_hour_passes(floor)

    text = await shown(floor, "/traffic-lights", "director")
    of_rep = [each for each in links(text, "/why/traffic-lights") if "rep=rep-1" in each]

    assert "80.0 % yellow" in text
    assert "50.0 % red" in text
    assert "have what was agreed entered the same day" in text
    assert "have the proposals that wait sent today" not in text
    why = await shown(floor, of_rep[0])
    assert "entered in time: 1 of 2" in why
    assert links(why, "/timelines/opportunity/O1#event-")


async def test_goals_show_what_is_reached_and_what_rests_on_nothing_yet(floor: SalesFloor) -> None:
    goal = {"metric": "valid_leads", "target": 4, "unit_id": "north"}
    await floor.told("/goals/2026-03/set", goal)
    await a_valid_lead(floor, "L0", "C0", "team-1", "rep-1")
    await an_hour_passes(floor)

    text = await shown(floor, "/goals?month=2026-03")

    assert "of 4, 25.0 % reached" in text
    assert "It rests on orders, which are not recorded yet." in text
    [why] = [each for each in links(text, "/why/goals") if each.endswith("unit=north")][:1]
    behind = await shown(floor, why)
    assert "valid leads: 1.0 of 4.0 in 2026-03" in behind
    assert links(behind, "/leads/") == ["/leads/L0"]
    assert chosen(await shown(floor, "/goals"), "month") == ["2026-03"]


async def test_a_unit_whose_leads_are_too_good_to_be_true_gets_the_kit(floor: SalesFloor) -> None:
    for unit_id in ("north", "south"):
        goal = {"metric": "valid_leads", "target": 1, "unit_id": unit_id}
        await floor.told("/goals/2026-03/set", goal)
    for number, (rep, unit) in enumerate((("rep-1", "team-1"), ("rep-2", "team-2"))):
        await a_valid_lead(floor, f"L{number}", f"C{number}", unit, rep)
        customer = {"customer_id": f"C{number}"}
        await floor.told("/opportunities", {"opportunity_id": f"O{number}", **customer}, rep)
        await floor.told(f"/opportunities/O{number}/log-action", {"type": "visit"}, rep)
    await floor.told("/opportunities/O1/win", {}, "rep-2")
    floor.clock.move_to(NOW + timedelta(days=120))
    await floor.hosting.catch_up()

    text = await shown(floor, "/goals?month=2026-03", "director")
    begins = text.index('class="notice bad"')
    red = text[begins : text.index("</details>", begins)]

    assert ">north<" in red.replace("</svg>", ">")
    assert "1 valid leads are on target, but first visits close at 0.0 %" in red
    assert "less than 0.85 of the mean of its siblings" in red
    assert "the first-visit kit" in red
    [visits] = [each for each in links(red, "/why/goals") if "first_visit_rate" in each]
    assert "/timelines/opportunity/O0" in await shown(floor, visits, "director")


async def test_data_quality_says_how_many_duplicates_wait_to_be_reviewed(
    floor: SalesFloor,
) -> None:
    await floor.told("/customers", {"customer_id": "B9", "name": "Suning"})
    await a_valid_lead(floor, "L0", "C0", "team-1", "rep-1")
    await floor.told("/customers/C0/describe", {"name": "Suning"})
    await an_hour_passes(floor)

    text = await shown(floor, "/data-quality")

    assert "Not reviewed yet: 1." in text
    [why, *_] = [each for each in links(text, "/why/data-quality") if "=duplicates" in each]
    assert links(await shown(floor, why), "/leads/") == ["/leads/L0"]


async def test_data_quality_leads_to_the_leads_behind_it(floor: SalesFloor) -> None:
    await a_valid_lead(floor, "L0", "C0", "team-1", "rep-1")
    await floor.told("/customers", {"customer_id": "C9", "name": "Suning"})
    await floor.told("/customers/C0/merge", {"into_customer_id": "C9"})
    await an_hour_passes(floor)

    text = await shown(floor, "/data-quality")

    assert "1 of 1 belong to a customer whose record was merged" in text
    [why, *_] = [each for each in links(text, "/why/data-quality") if "=duplicates" in each]
    assert links(await shown(floor, why), "/leads/") == ["/leads/L0"]
    assert "a rep has none of their own" in await shown(floor, "/data-quality", "rep-1")


async def a_valid_lead(
    floor: SalesFloor, lead_id: str, customer_id: str, unit_id: str, rep_id: str
) -> None:
    """Assigned, and its budget status known."""
    names = {"C0": "Apple", "C1": "Boeing"}
    await floor.told("/customers", {"customer_id": customer_id, "name": names[customer_id]})
    lead = {
        "lead_id": lead_id,
        "customer_id": customer_id,
        "unit_id": unit_id,
        "source": "referral",
    }
    await floor.told("/leads", {**lead, "budget_status": "oral"})
    await floor.hosting.catch_up()
    await floor.told(f"/leads/{lead_id}/assign", {"owner_id": rep_id})
    await floor.told(f"/leads/{lead_id}/contact", {"type": "call"}, rep_id)


async def test_a_goal_is_set_and_divided_by_whoever_leads(floor: SalesFloor) -> None:
    address = "/goals?unit=north&month=2026-03"
    assert "Set a goal" in await shown(floor, address)
    assert "Set a goal" not in await shown(floor, "/goals", "rep-1")

    target = {"metric": "valid_leads", "target": "4", "deed": "set"}
    answer = await sent(floor, address, target)
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    await sent(floor, address, {"metric": "first_visit_rate", "target": "25 %", "deed": "set"})
    await sent(floor, address, {"metric": "valid_leads", "deed": "cascade"})
    await floor.hosting.catch_up()

    rows = (await floor.shown("/boards/goals?unit=north&month=2026-03"))["rows"]
    targets = {row["unit_id"]: [each["target"] for each in row["metrics"]] for row in rows}
    assert targets["north"][:2] == [4.0, 0.25]
    assert targets["team-1"][0] == 4.0


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"target": "many"}, 422, "This is no number."),
        ({"target": "2.5"}, 422, "a whole number is needed"),
        ({"target": "-1"}, 422, "This does not fit."),
        ({"deed": "cascade", "target": "7"}, 409, "There is no goal here yet to be divided"),
    ],
)
async def test_a_goal_that_does_not_fit_is_told_at_its_field_and_kept(
    floor: SalesFloor, fields: dict[str, str], status: int, said: str
) -> None:
    asked = {"metric": "valid_leads", "deed": "set", **fields}

    answer = await sent(floor, "/goals?unit=north&month=2026-03", asked)

    assert answer.status_code == status
    assert said in answer.text
    assert f'value="{fields["target"]}"' in answer.text


async def test_nobody_sets_a_goal_for_others(floor: SalesFloor) -> None:
    goal = {"metric": "valid_leads", "target": "4", "deed": "set"}

    south = await sent(floor, "/goals?unit=south&month=2026-03", goal)
    rep = await sent(floor, "/goals?month=2026-03", goal, "rep-1")
    forged = await sent(floor, "/goals?unit=north", {**goal, "csrf": "forged"})

    assert (south.status_code, rep.status_code, forged.status_code) == (404, 403, 403)


async def test_the_quality_of_actions_stands_beside_the_goals(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    booked = {"type": "call", "due_at": iso(NOW + timedelta(days=2))}
    call = {"type": "call", "summary": "asked for a trial in May", "next_action": booked}
    await floor.told("/opportunities/O1/log-action", call, "rep-1")
    await an_hour_passes(floor)

    text = await shown(floor, "/goals", "rep-1")
    [why] = [each for each in links(text, "/why/goals") if "next_step_rate" in each]

    assert "Of 1 qualified actions:" in text
    assert "pain point mentioned 0.0 %" in text
    assert "next step booked 100.0 %" in text
    assert links(await shown(floor, why, "rep-1"), "/timelines/opportunity/O1#event-")
