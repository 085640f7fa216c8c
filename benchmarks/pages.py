"""How fast the pages answer with 100,000 open opportunities, one in twenty of them silent too long.

    python -m benchmarks.pages

A served folder, its pages asked for over HTTP one after the other as a browser does, compressed.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import httpx

from benchmarks.figure import Figure, table, under
from benchmarks.silence_board import LIMIT_HOURS, OPPORTUNITIES, fill
from shared.http import SESSION_COOKIE
from tests.system.serving import Serving

SILENT = 0.05
REQUESTS = 60
WARM_UP = 3
TARGET_MILLISECONDS = 200
REP = "rep-7"
OPPORTUNITY = f"O-{OPPORTUNITIES - 1:06}"
PAGES = {
    "/": "director",
    "/instructions/silent?stage=first_contact": "director",
    "/silence": "director",
    "/silence?unit=team-3": "director",
    "/escalations": "director",
    "/process-health": "director",
    "/golden-actions": "director",
    "/heat-map": "director",
    "/breakpoints": "director",
    "/traffic-lights": "director",
    "/goals": "director",
    "/data-quality": "director",
    "/leads": "director",
    "/allocation": "director",
    "/duplicates": "director",
    "/approvals?whose=all": "director",
    "/authenticity-cases": "director",
    f"/timelines/opportunity/{OPPORTUNITY}": "director",
    "/my-day": "rep",
}


def measure() -> Iterator[Figure]:
    """Raises AssertionError where a page does not open."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-pages-") as scratch:
        yield from asyncio.run(_measure(Path(scratch)))


async def _measure(scratch: Path) -> list[Figure]:
    serving = Serving(scratch / "data")
    create = serving.command.json
    keys = {"director": create("keys", "create", "--role", "director")["key"]}
    await fill(serving.folder, timedelta(hours=LIMIT_HOURS / (1 - SILENT)))
    of_rep = create("keys", "create", "--role", "rep", "--unit", "team-7", "--person", REP)
    keys["rep"] = of_rep["key"]
    serving.start()
    try:
        await serving.ready()
        async with httpx.AsyncClient(base_url=serving.address, timeout=60) as http:
            return [await _asked(http, path, keys[role]) for path, role in PAGES.items()]
    finally:
        serving.stop()


async def _asked(http: httpx.AsyncClient, path: str, key: str) -> Figure:
    headers = {
        "Cookie": f"{SESSION_COOKIE}={key}",
        "Accept-Encoding": "gzip",
        "Accept-Language": "zh-CN",
    }
    milliseconds = []
    for number in range(WARM_UP + REQUESTS):
        begin = perf_counter()
        answer = await http.get(path, headers=headers)
        took = (perf_counter() - begin) * 1000
        assert answer.status_code == 200, (path, answer.text[:500])
        if number >= WARM_UP:
            milliseconds.append(took)
    p95 = sorted(milliseconds)[int(len(milliseconds) * 0.95)]
    return under(f"page {path}, {OPPORTUNITIES:,} open: p95", p95, "ms", TARGET_MILLISECONDS)


if __name__ == "__main__":
    print(table(list(measure())))
