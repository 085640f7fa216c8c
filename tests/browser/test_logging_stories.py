"""What reps log in a real browser: at a plain address, late, refused, corrected, with proof."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.boards import Boards
from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_stories import SIZES, WAYS, says, send_and_see_logged
from tests.services.test_page_forms import PHOTO as PICTURE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

_PATIENCE_SECONDS = 20.0
_OF_SECURE_CONTEXTS = """
  delete Crypto.prototype.randomUUID;
  delete Crypto.prototype.subtle;
  delete Navigator.prototype.serviceWorker;
  delete Navigator.prototype.storage;
  delete window.caches;
"""
"""What a browser does not offer to a page at http://192.168.x.y."""
PHOTO = FilePayload(name="shop.png", mimeType="image/png", buffer=PICTURE)
_IN_BOTH_LANGUAGES = sorted({*WAYS, ("en", "phone")})


def rep_of(visitors: Visitors, rep_id: str, language: str, size: str) -> Visitor:
    """With two opportunities of their own."""
    boards = visitors.boards
    boards.hire(rep_id, "陈默", "ningbo", "rep")
    for number in (1, 2):
        customer_id = f"C-{rep_id}-{number}"
        boards.told("/customers", {"customer_id": customer_id, "name": customer_id})
        boards.open(f"{rep_id}-{number}", customer_id, timedelta(hours=number), rep_id)
    visitor = visitors.come(rep_id, language, SIZES[size])
    visitor.opens("/my-day")
    for number in (1, 2):  # the read model follows
        expect(row_of(visitor.page, f"{rep_id}-{number}")).to_be_visible()
    visitor.opens("/my-day")
    return visitor


def logged(boards: Boards, opportunity_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boards.shown(f"/opportunities/{opportunity_id}")["actions"]
    return found


def await_logged(boards: Boards, opportunity_id: str) -> None:
    """What waited is sent when the page is there."""
    ends = monotonic() + _PATIENCE_SECONDS
    while not logged(boards, opportunity_id):
        assert monotonic() < ends, "nothing was sent"
        sleep(0.2)
    assert len(logged(boards, opportunity_id)) == 1


def row_of(page: Page, opportunity_id: str) -> Locator:
    return page.locator("tr", has_text=f"C-{opportunity_id}")


def log(
    visitor: Visitor,
    opportunity_id: str,
    summary: str,
    kind: str | None = None,
    files: Sequence[FilePayload] = (),
) -> None:
    page = visitor.page
    row_of(page, opportunity_id).get_by_role("link", name=says(visitor, "log")).click()
    if kind:
        page.locator("#log details").first.evaluate("(details) => { details.open = true }")
        page.locator(f"label:has(> [name=type][value={kind}])").click()
    for slot, file in enumerate(files, 1):
        page.locator(f"input[name=file_{slot}]").set_input_files(file)
    page.locator("input[name=summary]").fill(summary)
    page.get_by_role("button", name=says(visitor, "done")).click()


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_rep_logs_at_a_plain_address_of_the_house_too(
    visitors: Visitors, language: str, size: str
) -> None:
    rep_id = f"plain-{language}-{size}"
    rep = rep_of(visitors, rep_id, language, size)
    rep.context.add_init_script(_OF_SECURE_CONTEXTS)
    rep.opens("/my-day")
    assert rep.page.evaluate("typeof crypto.randomUUID") == "undefined"

    log(rep, f"{rep_id}-1", "在店里 in the shop")
    expect(rep.page.get_by_text(says(rep, "logged"))).to_be_visible()
    assert rep.complaints == []
    rep.context.set_offline(True)
    log(rep, f"{rep_id}-2", "在地下室 in the basement")
    expect(rep.page.locator("#waiting [data-count]")).to_have_text("1")
    rep.context.set_offline(False)
    expect(rep.page.locator("#waiting")).to_be_hidden()

    assert [len(logged(visitors.boards, f"{rep_id}-{number}")) for number in (1, 2)] == [1, 1]


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_row_that_came_after_the_page_is_logged_like_any_other(
    visitors: Visitors, language: str, size: str
) -> None:
    boards, rep_id = visitors.boards, f"later-{language}-{size}"
    rep = rep_of(visitors, rep_id, language, size)
    boards.open(f"{rep_id}-3", f"C-{rep_id}-2", timedelta(hours=3), rep_id)
    row = rep.page.locator("tr", has=rep.page.locator(f'a[href$="/{rep_id}-3"]'))

    row.get_by_role("link", name=says(rep, "log")).click()
    expect(rep.page.locator("select[name=opportunity_id]")).to_have_value(f"{rep_id}-3")
    rep.page.locator("input[name=summary]").fill("后来的 the later one")
    send_and_see_logged(rep)

    assert len(logged(boards, f"{rep_id}-3")) == 1


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_an_entry_that_is_refused_keeps_none_of_those_after_it(
    visitors: Visitors, language: str, size: str
) -> None:
    boards, rep_id = visitors.boards, f"moved-{language}-{size}"
    rep = rep_of(visitors, rep_id, language, size)
    waiting = rep.page.locator("#waiting")

    rep.context.set_offline(True)
    log(rep, f"{rep_id}-1", "第一条 first")
    log(rep, f"{rep_id}-2", "第二条 second")
    expect(waiting.locator("[data-count]")).to_have_text("2")
    boards.told(f"/opportunities/{rep_id}-1/assign", {"owner_id": "he-fang"})
    rep.context.set_offline(False)

    expect(waiting.get_by_role("listitem")).to_contain_text("第一条 first — ")
    expect(waiting.locator("[data-queued]")).to_be_hidden()
    assert [len(logged(boards, f"{rep_id}-{number}")) for number in (1, 2)] == [0, 1]


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_what_was_logged_waits_for_signing_in_again(
    visitors: Visitors, language: str, size: str
) -> None:
    boards, rep_id = visitors.boards, f"out-{language}-{size}"
    rep = rep_of(visitors, rep_id, language, size)
    signed_in = rep.context.cookies()
    waiting = rep.page.locator("#waiting")

    rep.context.clear_cookies()
    log(rep, f"{rep_id}-1", "退出之后 after signing out")
    expect(waiting.locator("[data-signed-out]")).to_be_visible()
    expect(waiting.locator("[data-count]")).to_have_text("1")
    rep.context.add_cookies(signed_in)  # type: ignore[arg-type]  # as they were
    rep.opens("/my-day")

    expect(waiting).to_be_hidden()
    await_logged(boards, f"{rep_id}-1")


@pytest.mark.parametrize(("language", "size"), _IN_BOTH_LANGUAGES)
def test_what_was_refused_is_corrected_where_it_was_typed_and_nothing_typed_is_lost(
    visitors: Visitors, language: str, size: str
) -> None:
    boards, rep_id = visitors.boards, f"short-{language}-{size}"
    inspection = {"type": "inspection", "minimum_summary_characters": 6}
    boards.asked("POST", "/action-types", boards.administrator, inspection)
    rep = rep_of(visitors, rep_id, language, size)
    page, waiting = rep.page, rep.page.locator("#waiting")
    summary, fault = page.locator("input[name=summary]"), page.locator("#fault-summary")

    rep.context.set_offline(True)
    log(rep, f"{rep_id}-1", "短 s", kind="inspection", files=[PHOTO])
    expect(waiting.locator("[data-count]")).to_have_text("1")
    rep.context.set_offline(False)
    expect(waiting.get_by_role("listitem")).to_contain_text(f"短 s — {says(rep, 'too short')}")
    waiting.get_by_role("button", name=says(rep, "correct")).click()
    expect(fault).to_have_text(says(rep, "too short"))
    expect(summary).to_have_value("短 s")
    expect(summary).to_have_attribute("aria-describedby", "fault-summary")
    expect(waiting).to_be_hidden()
    assert rep.axe_problems() == []
    assert not rep.is_too_wide
    summary.fill("看了三家店 saw three shops")
    send_and_see_logged(rep)

    log(rep, f"{rep_id}-2", "短", kind="inspection")
    expect(fault).to_have_text(says(rep, "too short"))
    expect(summary).to_have_value("短")
    expect(waiting).to_be_hidden()
    summary.fill("又看了三家店 three more")
    send_and_see_logged(rep)

    [first], [_second] = (logged(boards, f"{rep_id}-{number}") for number in (1, 2))
    assert [each["kind"] for each in first["evidence"]] == ["photo"]
    assert rep.outside == []
