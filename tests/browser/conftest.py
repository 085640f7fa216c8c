"""A real browser: the system's Chromium first, one that Playwright installed second."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

from shared.http import SESSION_COOKIE
from tests.browser.boards import Boards, embedded_boards, scaled_boards

WALKS_ALL = os.environ.get("WALK") == "all"
CHECKOUT = Path(__file__).parents[2]
PHONE = {"width": 360, "height": 780}
DESK = {"width": 1440, "height": 900}
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launched(playwright: Playwright) -> Browser:
    """Raises Error where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return playwright.chromium.launch(executable_path=found, args=list(_QUIET))


# Playwright keeps an event loop running in the process that started it, in which no other test
# could run one of its own: it is stopped with the last test of this package.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            chromium = launched(playwright)
        except Error as failure:
            why = f"no browser: apt install chromium fonts-noto-cjk ({failure.message[:200]})"
            if os.environ.get("REQUIRE_SERVICES") == "1":
                pytest.fail(why)
            pytest.skip(why)
        yield chromium
        chromium.close()


SYSTEMS = ("embedded", "scaled") if WALKS_ALL else ("embedded",)


@pytest.fixture(scope="package", params=SYSTEMS)
def boards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = embedded_boards if request.param == "embedded" else scaled_boards
    with opened(tmp_path_factory.mktemp(request.param)) as found:
        yield found


@dataclass
class Visitor:
    """Somebody at a screen of one size, in one language; what their browser complained of."""

    boards: Boards
    context: BrowserContext
    page: Page
    language: str
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def opens(self, path: str) -> None:
        answer = self.page.goto(self.boards.address + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    @property
    def is_too_wide(self) -> bool:
        wider = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return bool(wider)

    def axe_problems(self) -> list[str]:
        """What axe-core calls serious or critical."""
        axe = (CHECKOUT / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(axe)
        found = self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def problems_on(self, paths: Iterable[str]) -> list[str]:
        """What keeps somebody from reading one of these pages, or does not fit the screen."""
        problems: list[str] = []
        for path in paths:
            self.opens(path)
            problems += [f"{path}: {each}" for each in self.axe_problems()]
            if self.is_too_wide:
                problems.append(f"{path}: wider than the screen")
        return problems


class Visitors:
    def __init__(self, browser: Browser, boards: Boards) -> None:
        self._browser = browser
        self.boards = boards
        self._come: list[Visitor] = []

    def come(self, person: str, language: str, viewport: dict[str, int], **more: Any) -> Visitor:
        locale = {"zh": "zh-CN", "en": "en-GB"}[language]
        context = self._browser.new_context(viewport=viewport, locale=locale, **more)  # type: ignore[arg-type]  # a size
        session = {
            "name": SESSION_COOKIE,
            "value": self.boards.key_of[person],
            "url": self.boards.address,
        }
        context.add_cookies([session])  # type: ignore[list-item]  # a cookie
        visitor = Visitor(self.boards, context, context.new_page(), language)
        page = visitor.page
        page.on("pageerror", lambda failure: visitor.complaints.append(str(failure)))
        page.on("console", lambda said: _note(visitor, said))
        page.on("request", lambda asked: _note_outside(visitor, asked.url))
        page.set_default_timeout(20_000)
        self._come.append(visitor)
        return visitor

    def leave(self) -> None:
        for each in self._come:
            each.context.close()


def _note(visitor: Visitor, said: Any) -> None:
    if said.type == "error":
        visitor.complaints.append(said.text)


def _note_outside(visitor: Visitor, url: str) -> None:
    if not url.startswith((visitor.boards.address, "data:", "blob:")):
        visitor.outside.append(url)


@pytest.fixture
def visitors(browser: Browser, boards: Boards) -> Iterator[Visitors]:
    found = Visitors(browser, boards)
    yield found
    found.leave()
