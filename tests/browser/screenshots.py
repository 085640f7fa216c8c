"""Pictures of every page with the demonstration: `python -m tests.browser.screenshots [FOLDER]`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from shared.http import SESSION_COOKIE
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
        "inbox": "/inbox",
        "process-health": "/process-health",
        "golden-actions": "/golden-actions",
        "heat-map": "/heat-map",
        "funnel": "/funnel",
        "traffic-lights": "/traffic-lights",
        "goals": "/goals",
        "data-quality": "/data-quality",
        "breakpoints": "/breakpoints",
        "customers": "/customers",
        "leads": "/leads",
        "allocation": "/allocation",
        "duplicates": "/duplicates",
        "approvals": "/approvals",
        "authenticity-cases": "/authenticity-cases",
    },
    "rep": {"my-day": "/my-day"},
}
SETUP_PAGES = {
    "policies": "/policies",
    "policy": "/policies/edit?name=opportunity-stands-still",
    "channel": "/policies/channel",
    "sent": "/sent",
    "people": "/people",
    "units": "/units",
    "keys": "/keys",
    "pipeline": "/pipelines/stores",
    "import": "/import",
}
"""Of the administrator."""
FOLLOWED = {
    "instruction": ("/", "ol.instructions a.button"),
    "timeline": ("/silence", "td.lead a"),
    "escalation": ("/escalations", "td.lead a"),
    "message": ("/inbox", "#live li a"),
    "lead": ("/leads", "td.lead a"),
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
            first = browser.new_context()
            page = first.new_page()
            page.goto(link)
            page.get_by_role("button").click()
            page.wait_for_url(f"{address}/")
            signed_in = first.storage_state()
            first.close()
            followed = FOLLOWED if role == "manager" else {}
            _pictures_of(browser, address, signed_in, PAGES[role], followed, target)
        as_administrator = _session_of_administrator(Path(folder) / "data", address)
        _pictures_of(browser, address, as_administrator, SETUP_PAGES, {}, target)
        browser.close()


def _session_of_administrator(data: Path, address: str) -> Any:
    """Of a key that the command line makes: nobody of the demonstration sets it up."""
    arguments = ("--data", str(data), "keys", "create", "--role", "administrator")
    made = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments, "--tenant", "demo", "--json"],
        capture_output=True,
        check=True,
    )
    key = json.loads(made.stdout)["key"]
    host = urlsplit(address).hostname
    cookie = {"name": SESSION_COOKIE, "value": key, "domain": host, "path": "/"}
    return {"cookies": [cookie], "origins": []}


def _pictures_of(
    browser: Browser,
    address: str,
    signed_in: Any,
    pages: Mapping[str, str],
    followed: Mapping[str, tuple[str, str]],
    target: Path,
) -> None:
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
                for name, path in pages.items():
                    page.goto(address + path)
                    _picture(page, target / f"{name}-{size}-{language}-{scheme}.png")
                for name, (path, tapped) in followed.items():
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
