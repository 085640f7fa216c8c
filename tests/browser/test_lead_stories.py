"""What reps and managers do with leads and customers, in a real browser."""

import json
import re
from pathlib import Path
from time import monotonic, sleep

import pytest
from playwright.sync_api import expect

from tests.browser.boards import Boards
from tests.browser.conftest import Visitors
from tests.browser.test_stories import SIZES, WAYS, nothing_was_wrong, says

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

_PATIENCE_SECONDS = 20.0
REASON = "是学生 a student"
PAGES = (
    *("/leads", "/leads?state=waiting", "/leads/L1", "/leads/L3", "/allocation?unit=hangzhou"),
    *("/duplicates", "/customers/C1", "/customers/C3"),
)


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_rep_appeals_against_a_lead_and_the_manager_decides(
    visitors: Visitors, language: str, size: str
) -> None:
    boards = visitors.boards
    lead_id = f"L-{language}-{size}"
    boards.capture(lead_id, "C2", "he-fang")
    rep = visitors.come("he-fang", language, SIZES[size])
    rep.opens(f"/leads/{lead_id}")
    rep.page.locator("details:has(form[action$=appeal]) summary").click()
    rep.page.locator("input[name=reason]").fill(REASON)
    rep.page.locator("form[action$=appeal] button").click()
    expect(rep.page.get_by_text(REASON)).to_be_visible()

    manager = visitors.come("ma-na", language, SIZES[size])
    page = manager.page
    manager.opens("/leads?state=appealed")
    page.locator(f"#row-{lead_id} td.lead a").click()
    expect(page.get_by_text(REASON)).to_be_visible()
    page.locator("input[name=decision][value=keep]").check()
    page.locator("form[action$=decide-appeal] button").click()
    expect(page.get_by_text(REASON)).to_have_count(0)

    assert boards.shown(f"/leads/{lead_id}")["appealed_at"] is None
    nothing_was_wrong(rep)
    nothing_was_wrong(manager)


def await_duplicate(boards: Boards, customer_id: str) -> None:
    ends = monotonic() + _PATIENCE_SECONDS
    while customer_id not in json.dumps(boards.shown("/boards/duplicates?limit=500", "ma-na")):
        assert monotonic() < ends, "the board does not show it"
        sleep(0.2)


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_two_records_of_one_customer_are_merged_and_the_merge_undone(
    visitors: Visitors, language: str, size: str
) -> None:
    boards = visitors.boards
    one, other = (f"{each}-{language}-{size}" for each in ("A", "B"))
    name = f"同名 {language} {size}"
    boards.told("/customers", {"customer_id": one, "name": name})
    boards.look_alike(other, name)
    manager = visitors.come("ma-na", language, SIZES[size])
    page = manager.page

    await_duplicate(boards, other)  # the page's forms stay as they were made
    manager.opens("/duplicates")
    pair = page.locator("section.candidate", has_text=other)
    expect(pair.get_by_role("link", name=name)).to_have_count(2)
    pair.locator("select[name=customer_id]").select_option(other)
    pair.locator("select[name=other_customer_id]").select_option(one)
    pair.locator("form button").first.click()
    expect(page).to_have_url(f"{boards.address}/customers/{one}")
    page.locator("form[action$=undo-merge] button").click()
    expect(page.locator("form[action$=undo-merge]")).to_have_count(0)

    assert boards.shown(f"/customers/{other}")["customer_id"] == other
    nothing_was_wrong(manager)


@pytest.mark.parametrize("person", ["ma-na", "he-fang"])
@pytest.mark.parametrize(("language", "size"), WAYS)
def test_pages_of_leads_and_customers_are_accessible_and_fit_the_screen(
    visitors: Visitors, language: str, size: str, person: str
) -> None:
    visitor = visitors.come(person, language, SIZES[size])
    hidden = {"/leads/L1", "/customers/C1"} if person == "he-fang" else set()

    assert visitor.problems_on([each for each in PAGES if each not in hidden]) == []
    nothing_was_wrong(visitor)


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_an_administrator_imports_leads_and_takes_the_import_back(
    visitors: Visitors, language: str, size: str, tmp_path: Path
) -> None:
    administrator = visitors.come("administrator", language, SIZES[size])
    page = administrator.page
    lead_id = f"F-{language}-{size}"
    leads = tmp_path / "fair.csv"
    leads.write_text(f"lead_id,company,source\n{lead_id},展会 {lead_id},web\n", encoding="utf-8")

    administrator.opens("/import")
    if page.locator("input[type=file]").count() == 0:  # the scaled system: by the command line
        return
    page.locator("input[type=file]").set_input_files(leads)
    page.get_by_role("button", name=says(administrator, "upload")).click()
    expect(page.locator("select[name=kind]")).to_have_value("leads")
    expect(page.locator("ol.cards-list li")).to_contain_text(f"展会 {lead_id}")
    page.locator("select[name=m0]").select_option("web_form")
    expect(page).to_have_url(re.compile("m0=web_form"))
    assert administrator.axe_problems() == []
    page.get_by_role("button", name=says(administrator, "rehearse")).click()
    page.get_by_role("button", name=says(administrator, "import these")).click()
    undo = page.locator("form[action$=undo] button")
    expect(undo).to_be_visible(timeout=90_000)
    assert visitors.boards.shown(f"/leads/{lead_id}")["source"] == "web_form"
    assert administrator.axe_problems() == []
    undo.click()
    expect(page.get_by_text(says(administrator, "withdrawn"))).to_be_visible(timeout=90_000)
    nothing_was_wrong(administrator)
