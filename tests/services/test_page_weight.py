"""How much a browser loads before it shows a page for the first time, as it travels: compressed."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.projections.pages.assets import asset_path
from shared.http import SESSION_COOKIE
from tests.services.sales_floor import SalesFloor, sales_floor

_MARKUP_LEVEL = 1
"""The least that a server compresses with: pages are compressed on their way."""
_LOADED = re.compile(r'<(?:script|link|img)\b[^>]*?(?:src|href)="(/[^"#]*)"')
KILOBYTE = 1_000


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        for number in range(60):
            await found.open(f"O{number}")
        await found.hosting.catch_up()
        yield found


async def loaded(floor: SalesFloor, path: str) -> dict[str, int]:
    """Bytes of the page and of all that it brings with it."""
    headers = {"Cookie": f"{SESSION_COOKIE}=key-director", "Accept-Encoding": "gzip"}
    shown = await floor.http.get(path, headers=headers)
    assert shown.status_code == 200, shown.text
    found = {path: len(gzip.compress(shown.content, _MARKUP_LEVEL))}
    for part in sorted(set(_LOADED.findall(shown.text))):
        async with floor.http.stream("GET", part, headers=headers) as answer:
            assert answer.status_code == 200, part
            found[part] = len(b"".join([chunk async for chunk in answer.aiter_raw()]))
    return found


@pytest.mark.parametrize("path", ["/", "/silence"])
async def test_today_and_silence_weigh_less_than_100_kilobytes(
    floor: SalesFloor, path: str
) -> None:
    weights = await loaded(floor, path)

    assert any(part.endswith(".css") for part in weights)
    assert asset_path("app.js") in weights
    assert sum(weights.values()) < 100 * KILOBYTE, weights


@pytest.mark.parametrize("path", ["/process-health", "/funnel", "/data-quality"])
async def test_pages_with_charts_weigh_less_than_350_kilobytes(
    floor: SalesFloor, path: str
) -> None:
    weights = await loaded(floor, path)

    assert asset_path("app.js") in weights
    assert sum(weights.values()) < 350 * KILOBYTE, weights


async def test_only_pages_with_charts_bring_the_charts(floor: SalesFloor) -> None:
    assert asset_path("charts.js") in await loaded(floor, "/funnel")
    assert asset_path("charts.js") not in await loaded(floor, "/")
