"""Somebody opens the link that was made for them: one tap, with or without script."""

import pytest
from playwright.sync_api import expect

from shared.http import SESSION_COOKIE
from tests.browser.conftest import DESK, Visitors
from tests.browser.conftest import PHONE as SMALL

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

BUTTON = {"zh": "登录", "en": "Sign in"}


@pytest.mark.parametrize(
    ("language", "size", "has_script"), [("zh", SMALL, False), ("en", DESK, True)]
)
def test_a_link_shows_a_button_which_signs_in(
    visitors: Visitors, language: str, size: dict[str, int], has_script: bool
) -> None:
    boards = visitors.boards
    rep = visitors.come("he-fang", language, size, java_script_enabled=has_script)
    rep.context.clear_cookies()
    asked = {"person_id": "he-fang"}
    link = boards.told("/sign-in-links", asked, "administrator")["link"]
    path = "/sign-in" + link.partition("/sign-in")[2]

    rep.opens(path)
    rep.opens(path)
    assert rep.context.cookies() == []
    if has_script:
        assert rep.axe_problems() == []
        assert not rep.is_too_wide
    rep.page.get_by_role("button", name=BUTTON[language]).click()

    expect(rep.page).to_have_url(f"{boards.address}/")
    assert [each["name"] for each in rep.context.cookies()] == [SESSION_COOKIE]
    assert rep.complaints == []
    assert rep.outside == []
