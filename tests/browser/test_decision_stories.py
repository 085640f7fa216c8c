"""What managers decide, in a real browser: approvals, and cases of doubted records."""

from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.boards import Boards
from tests.browser.conftest import Visitors
from tests.browser.test_stories import SIZES, WAYS, nothing_was_wrong

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_manager_refuses_an_approval_only_with_a_reason(
    visitors: Visitors, language: str, size: str
) -> None:
    boards = visitors.boards
    opportunity_id = f"P-{language}-{size}"
    boards.open(opportunity_id, f"C-{opportunity_id}", timedelta(hours=1))
    boards.asks_for_approval(opportunity_id)
    manager = visitors.come("ma-na", language, SIZES[size])
    page = manager.page
    await_row(boards, "/approvals", opportunity_id)

    manager.opens("/approvals")
    assert manager.problems_on(["/approvals", "/approvals?whose=all"]) == []
    one = page.locator(f"section#A-{opportunity_id}")
    one.locator("button[value=reject]").click()
    expect(one.locator("#fault-note")).to_be_visible()
    one.locator("input[name=note]").fill("太多了 too much")
    one.locator("button[value=reject]").click()
    expect(one).to_have_count(0)

    [approval] = boards.shown(f"/opportunities/{opportunity_id}")["approvals"]
    assert approval["outcome"] == "rejected"
    assert [each for each in manager.complaints if "422" not in each] == []
    assert manager.outside == []


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_manager_judges_records_that_were_entered_late_together(
    visitors: Visitors, language: str, size: str
) -> None:
    boards = visitors.boards
    opportunity_id = f"B-{language}-{size}"
    rep_id = f"late-{language}-{size}"
    boards.hire(rep_id, f"迟 {rep_id}", "hangzhou", "rep")
    boards.open(opportunity_id, f"C-{opportunity_id}", timedelta(hours=40), rep_id)
    boards.enters_late(rep_id, opportunity_id)
    case = await_row(boards, "/authenticity-cases?state=open", rep_id)
    manager = visitors.come("ma-na", language, SIZES[size])
    page = manager.page
    path = f"/authenticity-cases/{case['case_id']}"

    assert manager.problems_on(["/authenticity-cases", path]) == []
    manager.opens("/authenticity-cases")
    page.locator(f"#row-{case['case_id']} td.lead a").click()
    page.locator("input[name=verdict][value=genuine]").check()
    page.locator("input[name=reason]").fill("没有去过 never went")
    page.locator("form[action$=decide] button").click()
    expect(page.get_by_text("没有去过 never went")).to_be_visible()
    expect(page.locator("form[action$=decide]")).to_have_count(0)

    assert boards.shown(path, "ma-na")["state"] == "genuine"
    nothing_was_wrong(manager)


def await_row(boards: Boards, path: str, named: str) -> dict[str, Any]:
    """Until what was told has reached the list, under the opportunity's or the rep's id."""
    ends = monotonic() + 120
    while True:
        for row in boards.shown(path, "ma-na")["rows"]:
            if named in (row.get("opportunity_id"), row.get("rep_id")):
                found: dict[str, Any] = row
                return found
        assert monotonic() < ends, f"{named} never came to {path}"
        sleep(0.2)
