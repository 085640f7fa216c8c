"""How fast every page answers with 100,000 opportunities, to each of the roles.

    python -m benchmarks.pages [FOLDER]

A served folder, its pages asked for over HTTP one after the other as a browser does, compressed.
What the boards show is compared with what was put in before any figure is given. Putting it in
takes minutes: a FOLDER named is filled once and kept.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx

from benchmarks.courses import (
    GOLDEN,
    OPPORTUNITIES,
    STAGES,
    Course,
    courses,
    fill,
)
from benchmarks.figure import Figure, table, told, under
from shared.http import SESSION_COOKIE
from tests.system.serving import Serving

REQUESTS = 20
WARM_UP = 2
TARGET_MILLISECONDS = 200
OPPORTUNITY = "O-000007"
FOR_EVERYBODY = (
    "/",
    "/silence",
    "/escalations",
    "/process-health",
    "/golden-actions",
    "/funnel",
    "/breakpoints",
    "/traffic-lights",
    "/goals",
    "/data-quality",
    "/leads",
)
PAGES: dict[str, Sequence[str]] = {
    "director": (
        *FOR_EVERYBODY,
        "/instructions/silent?stage=first_contact",
        "/silence?unit=region-3",
        "/heat-map",
        "/funnel?segment=industry",
        "/funnel?from=action_logged&to=opportunity_won",
        "/funnel/opportunities?step=1&how=pending",
        "/allocation",
        "/duplicates",
        "/approvals?whose=all",
        "/authenticity-cases",
        f"/timelines/opportunity/{OPPORTUNITY}",
    ),
    "manager": (*FOR_EVERYBODY, "/heat-map"),
    "rep": (*FOR_EVERYBODY, "/my-day"),
}
_AN_HOUR = timedelta(hours=1)
_PATIENCE_SECONDS = 120
_RESTING_MILLISECONDS = 100


def measure() -> Iterator[Figure]:
    """Raises AssertionError where a page does not open, or a board does not show what it should."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-pages-") as scratch:
        yield from asyncio.run(_measure(Path(scratch) / "data"))


async def _measure(folder: Path) -> list[Figure]:
    serving = Serving(folder)
    keys = await _filled(serving)
    made = courses(datetime.fromisoformat(keys["now"]))
    serving.start()
    try:
        await serving.ready()
        async with httpx.AsyncClient(base_url=serving.address, timeout=60) as http:
            await _compare(http, keys["director"], made)
            await _at_rest(serving)
            return [
                figure
                for role, paths in PAGES.items()
                for path in paths
                for figure in told(await _asked(serving, http, (role, path), keys[role]))
            ]
    finally:
        serving.stop()


async def _filled(serving: Serving) -> dict[str, str]:
    """A key a role, and when the folder was filled."""
    kept = serving.folder.with_name(f"{serving.folder.name}-keys.json")
    if not kept.exists():
        create = serving.command.json
        keys = {"director": create("keys", "create", "--role", "director")["key"]}
        keys["now"] = (await fill(serving.folder)).isoformat()
        for role, unit, person in (
            ("manager", "region-7", ()),
            ("rep", "shop-0007", ("--person", "rep-7")),
        ):
            made = create("keys", "create", "--role", role, "--unit", unit, *person)
            keys[role] = made["key"]
        kept.write_text(json.dumps(keys), encoding="utf-8")
    found: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return found


async def _asked(
    serving: Serving, http: httpx.AsyncClient, page: tuple[str, str], key: str
) -> list[Figure]:
    role, path = page
    headers = {
        "Cookie": f"{SESSION_COOKIE}={key}",
        "Accept-Encoding": "gzip",
        "Accept-Language": "zh-CN",
    }
    milliseconds = []
    for number in range(WARM_UP + REQUESTS):
        if number == WARM_UP:
            worked = _processor_milliseconds(serving)
        begin = perf_counter()
        answer = await http.get(path, headers=headers)
        milliseconds.append((perf_counter() - begin) * 1000)
        assert answer.status_code == 200, (path, answer.text[:500])
    worked = (_processor_milliseconds(serving) - worked) / REQUESTS
    p95 = sorted(milliseconds[WARM_UP:])[ceil(REQUESTS * 0.95) - 1]
    name = f"page {path} to a {role}, {OPPORTUNITIES:,} opportunities"
    return [
        under(f"{name}: p95", p95, "ms", TARGET_MILLISECONDS),
        Figure(name=f"{name}: processor", value=worked, unit="ms"),
    ]


async def _at_rest(serving: Serving) -> None:
    """Until what begins with the process is done: its watches look at everything once."""
    for _ in range(_PATIENCE_SECONDS):
        before = _processor_milliseconds(serving)
        await asyncio.sleep(1)
        if _processor_milliseconds(serving) - before < _RESTING_MILLISECONDS:
            return
    raise AssertionError("it never came to rest")


def _processor_milliseconds(serving: Serving) -> float:
    """What the serving process has used so far, whatever else this machine does."""
    assert serving.process is not None
    stat = Path(f"/proc/{serving.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def _compare(http: httpx.AsyncClient, key: str, made: Sequence[Course]) -> None:
    """Of the company: the funnel through all stages, golden actions, how many are open."""
    headers = {"Authorization": f"Bearer {key}"}

    async def board(name: str) -> dict[str, Any]:
        answer = await http.get(f"/api/v1/boards/{name}", headers=headers, params={"limit": 100})
        found: dict[str, Any] = answer.json()
        return found

    whole = (await board("funnel"))["rows"][0]
    assert (whole["unit_id"], whole["rep_id"]) == ("company", None)
    for number, step in enumerate(whole["steps"]):
        _compare_step(step, number, made)
    of_company = [row for row in (await board("golden-actions"))["rows"] if not row["rep_id"]]
    for stage, action in zip(STAGES, GOLDEN, strict=True):
        [row] = [
            row for row in of_company if row["unit_id"] == "company" and row["action"] == action
        ]
        left = [each for each in made if len(_times(each)) > STAGES.index(stage) + 1]
        done = [each for each in left if action in {kind for _, kind in each.acted}]
        assert (row["due"], row["done"]) == (len(left), len(done)), (row, len(left), len(done))
    is_open = [each for each in made if each.closed_at is None]
    assert (await board("silence"))["total"] == len(is_open)


def _compare_step(step: dict[str, Any], number: int, made: Sequence[Course]) -> None:
    entered = [times for each in made if len(times := _times(each)) > number]
    hours = sorted(
        (times[number + 1] - times[number]) / _AN_HOUR
        for times in entered
        if len(times) > number + 1
    )
    assert (step["entered"], step["reached"]) == (len(entered), len(hours)), step
    assert abs(step["median_hours"] - median(hours)) < 1e-6, step
    assert abs(step["p90_hours"] - hours[ceil(len(hours) * 0.9) - 1]) < 1e-6, step
    assert step["pending"] + step["dropped"] == len(entered) - len(hours), step


def _times(course: Course) -> tuple[datetime, ...]:
    """When it was opened, entered each stage and was won."""
    won = (course.closed_at,) if course.closed_at is not None and course.is_won else ()
    return (course.opened_at, *course.entered, *won)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(table(asyncio.run(_measure(Path(sys.argv[1])))))
    else:
        print(table(list(measure())))
