"""Pictures of every page with the demonstration: `python -m tests.browser.screenshots [FOLDER]`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.boards import said_by
from tests.browser.conftest import CHECKOUT, DESK, PHONE, launched

SIZES = {"phone": PHONE, "desk": DESK}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
SCHEMES = ("light", "dark")
PAGES = {
    "manager": {
        "today": "/",
        "silence": "/silence",
        "escalations": "/escalations",
        "process-health": "/process-health",
        "golden-actions": "/golden-actions",
        "heat-map": "/heat-map",
        "breakpoints": "/breakpoints",
    },
    "rep": {"my-day": "/my-day"},
}
FOLLOWED = {
    "instruction": ("/", "ol.instructions a.button"),
    "timeline": ("/silence", "td.lead a"),
    "escalation": ("/escalations", "td.lead a"),
    "why": ("/silence", "td.wholly a"),
}
"""Pages that others lead to: where one begins, and what one taps there."""


@contextmanager
def demonstration(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the links to sign in by role."""
    said = folder / "said"
    arguments = ("--data", str(folder / "data"), "serve", "--demo", "--port", "0")
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments],
            stdout=out,
            stderr=out,
            env=os.environ | {"PYTHONUTF8": "1"},
        )
    try:
        address = said_by(process, said, r"Pulsetrail: (http://\S+)")
        links = {
            role: said_by(process, said, rf", {role} of \S+ \(demonstration\): (http://\S+)")
            for role in PAGES
        }
        yield address, links
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "build" / "screenshots"
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demonstration(Path(folder)) as (address, links),
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        for role, link in links.items():
            _pictures_of(browser, address, role, link, target)
        browser.close()


def _pictures_of(browser: Browser, address: str, role: str, link: str, target: Path) -> None:
    first = browser.new_context()
    first.new_page().goto(link)
    signed_in = first.storage_state()
    first.close()
    for language, locale in LOCALES.items():
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    storage_state=signed_in,
                    locale=locale,
                    viewport=viewport,  # type: ignore[arg-type]  # a size
                    color_scheme=scheme,  # type: ignore[arg-type]  # one of two
                    device_scale_factor=2 if size == "phone" else 1,
                )
                page = context.new_page()
                for name, path in PAGES[role].items():
                    page.goto(address + path)
                    _picture(page, target / f"{name}-{size}-{language}-{scheme}.png")
                if role == "manager":
                    for name, (path, tapped) in FOLLOWED.items():
                        page.goto(address + path)
                        page.locator(tapped).first.click()
                        _picture(page, target / f"{name}-{size}-{language}-{scheme}.png")
                context.close()


def _picture(page: Page, path: Path) -> None:
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(300)
    page.screenshot(path=path)
    print(path)


if __name__ == "__main__":
    main()
