"""What comes slowly says so: dimmed rows in their place, no jump, quiet for who wants no motion."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Visitors
from tests.browser.test_stories import nothing_was_wrong

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


_NOTES_WHAT_IS_SEEN = """() => {
  const seen = () => {
    const live = document.querySelector("#live");
    return {
      place: live.getBoundingClientRect().toJSON(),
      busy: document.querySelector("main").ariaBusy,
      opacity: Number(getComputedStyle(live).opacity),
      says: getComputedStyle(document.querySelector("[data-comes]")).display,
      line: getComputedStyle(document.body, "::before").position,
    };
  };
  const note = (when) => sessionStorage.setItem(when, JSON.stringify(seen()));
  note("before");
  addEventListener("submit", () => setTimeout(note, 700, "while"));
}"""
"""In the page itself: while one is coming, a driver waits for it."""


def holding(page: Page, address: str) -> list[Route]:
    """What is asked for there, to be let go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(address, hold)
    return held


def style(page: Page, selector: str, pseudo: str | None, name: str) -> str:
    asked = "([at, part, name]) => getComputedStyle(document.querySelector(at), part)[name]"
    return str(page.evaluate(asked, [selector, pseudo, name]))


def test_a_page_that_comes_slowly_dims_the_old_rows_where_they_are(visitors: Visitors) -> None:
    manager = visitors.come("ma-na", "en", PHONE)
    manager.opens("/silence")
    page = manager.page
    page.evaluate(_NOTES_WHAT_IS_SEEN)
    held = holding(page, "**/silence?stage=*")

    page.locator("select[name=stage]").select_option("first_contact", no_wait_after=True)
    page.wait_for_timeout(1_200)
    held[0].continue_()
    page.wait_for_url("**/silence?stage=first_contact")

    before, meanwhile = (
        page.evaluate("(when) => JSON.parse(sessionStorage.getItem(when))", when)
        for when in ("before", "while")
    )
    assert (before["busy"], before["opacity"], before["says"]) == ("false", 1, "none")
    assert (meanwhile["busy"], meanwhile["line"]) == ("true", "fixed")
    assert meanwhile["says"] != "none"
    assert meanwhile["place"] == before["place"]
    assert 0.5 < meanwhile["opacity"] < 0.6
    expect(page.locator("html[data-loading]")).to_have_count(0)
    expect(page.locator("main[aria-busy=true]")).to_have_count(0)
    nothing_was_wrong(manager)


def test_rows_that_are_swapped_slowly_say_so_and_in_time_do_not(visitors: Visitors) -> None:
    manager = visitors.come("ma-na", "en", PHONE, reduced_motion="reduce")
    manager.opens("/silence")
    page = manager.page
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    held = holding(page, "**/silence")

    page.evaluate("dispatchEvent(new Event('online'))")

    expect(page.locator("html[data-loading=rows] main[aria-busy=true]")).to_be_visible()
    assert style(page, "body", "::before", "animationName") == "none"
    held[0].continue_()
    expect(page.locator("html[data-loading]")).to_have_count(0)
    expect(page.locator("main[aria-busy=true]")).to_have_count(0)
    nothing_was_wrong(manager)


@pytest.mark.parametrize("status", [401, 503])
def test_rows_that_are_refused_leave_those_that_are_there_as_they_are(
    visitors: Visitors, status: int
) -> None:
    manager = visitors.come("ma-na", "en", PHONE)
    manager.opens("/silence")
    page = manager.page
    root, rows = page.locator("html"), page.locator("#live tr")
    expect(root).to_have_attribute("data-connection", "live")
    before = rows.count()
    page.route("**/silence", lambda route: route.fulfill(status=status, body="<p>refused</p>"))

    page.evaluate("dispatchEvent(new Event('online'))")
    expect(root).to_have_attribute("data-connection", "away")
    assert rows.count() == before > 0
    page.unroute("**/silence")
    page.evaluate("dispatchEvent(new Event('online'))")

    expect(root).to_have_attribute("data-connection", "live")
    assert rows.count() == before


def test_what_is_saved_as_a_file_leaves_the_page_as_it_is(visitors: Visitors) -> None:
    manager = visitors.come("ma-na", "en", PHONE)
    manager.opens("/silence")
    with manager.page.expect_download():
        manager.page.get_by_role("link", name="CSV").click()
    expect(manager.page.locator("html[data-loading]")).to_have_count(0)
    nothing_was_wrong(manager)
