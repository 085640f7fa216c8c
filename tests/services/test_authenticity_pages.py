"""Pages of doubted records: a case with its proof, judged by a manager; precision shown (S4)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.test_authenticity import Planting, burst
from tests.services.test_page_forms import following
from tests.services.test_pages import (
    SCRIPT,
    holds_nothing_inline_or_from_outside,
    page,
    sent,
    shown,
)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """O1 is open; a customer with a script for a name."""
    async with alarm_floor(tmp_path / "data") as running:
        await running.floor.open()
        await running.settle()
        await running.floor.told("/customers/C1/describe", {"name": SCRIPT})
        yield running


@pytest.fixture
async def case(alarm: AlarmFloor) -> dict[str, Any]:
    """Five records of rep-1, entered together a day and more after they happened."""
    return await burst(alarm, Planting(alarm))


async def judge(alarm: AlarmFloor, case: dict[str, Any], key: str = "boss-1", **said: str) -> Any:
    path = f"/authenticity-cases/{case['case_id']}/decide"
    return await following(alarm.floor, sent(alarm.floor, path, said, key))


async def state(alarm: AlarmFloor, case: dict[str, Any]) -> dict[str, Any]:
    return await alarm.floor.shown(f"/authenticity-cases/{case['case_id']}", "boss-1")


async def test_cases_are_listed_with_how_often_their_rules_were_right(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    text = await shown(alarm.floor, "/authenticity-cases", "boss-1")
    in_chinese = await shown(alarm.floor, "/authenticity-cases", "boss-1", "zh")

    assert f'href="/authenticity-cases/{case["case_id"]}"' in text
    assert "Many late entries at once" in text
    assert "集中补录" in in_chinese
    assert "Next step: look at the records with the rep, then judge." in text
    assert "How often each rule was right" in text
    other_rule = await shown(alarm.floor, "/authenticity-cases?rule=template", "boss-1")
    assert "No case fits." in other_rule


async def test_a_case_shows_its_proof_and_leads_to_the_events(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    one = await shown(alarm.floor, f"/authenticity-cases/{case['case_id']}", "boss-1")

    assert one.count('<a href="/timelines/opportunity/O1">&lt;script&gt;alert(1)') == 5
    assert "hours late: 28" in one
    assert "2026-03-01 17:00:00" in one
    assert "<dt>records</dt><dd>5</dd>" in one
    assert "was right 0 of 0 times; precision –" in one


async def test_a_manager_closes_a_case_with_a_reason_and_the_rule_learns(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    answer = await judge(alarm, case, verdict="false", reason="was <underground>")

    assert answer.status_code == 303
    now = await state(alarm, case)
    assert (now["state"], now["reason"], now["decided_by"]) == (
        "false",
        "was <underground>",
        "boss-1",
    )
    path = f"/authenticity-cases/{case['case_id']}"
    one = await shown(alarm.floor, path, "boss-1")
    assert "was &lt;underground&gt;" in one
    assert "was right 0 of 1 times" in one
    assert "Close the case" not in one
    assert "No case fits." in await shown(alarm.floor, "/authenticity-cases", "boss-1")
    wrong = await shown(alarm.floor, "/authenticity-cases?state=false", "boss-1")
    assert f'href="{path}"' in wrong


async def test_a_refused_judgement_says_so_and_keeps_what_was_typed(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    no_reason = await judge(alarm, case, verdict="genuine", reason="")
    no_verdict = await judge(alarm, case, reason="typed <with care>")

    assert no_reason.status_code == 422
    assert 'value="genuine" required checked' in no_reason.text
    assert 'aria-describedby="fault-reason"' in no_reason.text
    assert 'id="fault-verdict"' in no_verdict.text
    assert 'value="typed &lt;with care&gt;"' in no_verdict.text
    assert (await state(alarm, case))["state"] == "open"

    await judge(alarm, case, verdict="genuine", reason="never took place")
    again = await judge(alarm, case, verdict="false", reason="or did it")
    assert again.status_code == 409
    assert "This case was judged already, the other way." in again.text


async def test_nobody_is_shown_doubts_about_themselves(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    path = f"/authenticity-cases/{case['case_id']}"
    assert (await page(alarm.floor, "/authenticity-cases", "rep-1")).status_code == 403
    assert (await page(alarm.floor, path, "rep-1")).status_code == 403
    assert (await page(alarm.floor, path, "elsewhere")).status_code == 404
    assert "Close the case" not in await shown(alarm.floor, path, "auditor")
    assert "/authenticity-cases" not in await shown(alarm.floor, "/", "rep-1")


async def test_pages_of_cases_hold_nothing_inline_and_are_a_file_too(
    alarm: AlarmFloor, case: dict[str, Any]
) -> None:
    for path in ("/authenticity-cases", f"/authenticity-cases/{case['case_id']}"):
        answer = await page(alarm.floor, path, "boss-1", "zh")
        assert SCRIPT not in answer.text
        holds_nothing_inline_or_from_outside(answer)
    answer = await page(alarm.floor, "/authenticity-cases?format=csv", "boss-1")
    [head, row] = answer.text.splitlines()
    assert head == "\ufeffCase,Rule,Rep,Unit,Since,State,Decided by,Decided,Records"
    assert row.endswith(",to be judged,,,5")
