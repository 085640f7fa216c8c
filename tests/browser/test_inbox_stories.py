"""The inbox in a real browser: from the menu to a message, and on to what it is about."""

import re
from datetime import timedelta
from time import monotonic, sleep

import pytest
from playwright.sync_api import expect

from tests.browser.boards import LIMIT, Boards
from tests.browser.conftest import Visitors
from tests.browser.test_stories import SIZES, WAYS, nothing_was_wrong

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
_PATIENCE_SECONDS = 120.0


def await_message(boards: Boards, person: str) -> None:
    """Until something unread lies in the person's inbox."""
    ends = monotonic() + _PATIENCE_SECONDS
    while not boards.shown("/inbox/unread", person)["unread"]:
        assert monotonic() < ends, "nobody was told"
        sleep(0.5)


@pytest.mark.parametrize(("language", "size"), WAYS)
def test_a_manager_reads_a_message_and_goes_on_to_the_escalation(
    visitors: Visitors, language: str, size: str
) -> None:
    boards = visitors.boards
    subject = f"N-{language}-{size}"
    boards.told("/customers", {"customer_id": f"C-{subject}", "name": subject})
    boards.open(subject, f"C-{subject}", LIMIT - timedelta(seconds=2))
    await_message(boards, "ma-na")
    manager = visitors.come("ma-na", language, SIZES[size])
    page = manager.page

    manager.opens("/silence")
    if size == "phone":
        expect(page.locator(".menu > summary .dot")).to_be_visible()
        page.locator(".menu > summary").click()
    page.locator('a[href="/inbox"]:visible').click()
    first = page.locator("section[aria-labelledby=unread] li a").first
    href = first.get_attribute("href") or ""
    link = page.locator(f'a[href="{href}"]')  # others may come before it
    told = link.inner_text()
    assert manager.axe_problems() == []
    assert not manager.is_too_wide
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(told)
    assert manager.axe_problems() == []
    assert not manager.is_too_wide

    page.locator("section[aria-labelledby=behind] td.lead a").first.click()
    expect(page).to_have_url(re.compile("/escalations/"))
    read = boards.shown("/inbox?read=true", "ma-na")["rows"]
    titles = {row["message_id"]: row["title"] for row in read}
    assert titles[href.rpartition("/")[2]] == told
    nothing_was_wrong(manager)
