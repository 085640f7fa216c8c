"""How fast the silence board answers with 100,000 open opportunities.

    python -m benchmarks.silence_board

A served folder, asked over HTTP one request after the other; what it shows is compared with what
was put in before any figure is given.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from uuid import uuid4

import httpx

from benchmarks.figure import Figure, table, under
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit
from services.embedded import open_embedded
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import OpenOpportunity
from services.opportunities.domain.pipeline_document import parse_pipeline
from shared.command_handling import CommandContext, Run, Step
from shared.hosting import Hosting
from tests.system.serving import Serving

OPPORTUNITIES = 100_000
REPS = 200
TEAMS = 20
REQUESTS = 600
A_COMMIT = 5_000
TENANT = "default"
LIMIT_HOURS = 48
TARGET_MILLISECONDS = 50


class Made(NamedTuple):
    """One opportunity that was put in."""

    opened_at: datetime
    opportunity_id: str
    unit_id: str
    owner_id: str


def measure() -> Iterator[Figure]:
    """Raises AssertionError where the board does not show what was put in."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-silence-board-") as scratch:
        yield from asyncio.run(_measure(Path(scratch)))


async def _measure(scratch: Path) -> list[Figure]:
    serving = Serving(scratch / "data")
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    made = await fill(serving.folder)
    serving.start()
    try:
        await serving.ready()
        base = f"{serving.address}/api/v1"
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
            await compare(http, made)
            milliseconds = await ask(http, "silence")
        resident = serving.resident_bytes() / 1e6
    finally:
        serving.stop()
    name = f"silence board, {OPPORTUNITIES:,} open"
    p50, p99 = (milliseconds[int(len(milliseconds) * share)] for share in (0.50, 0.99))
    return [
        Figure(name=f"{name}: p50", value=p50, unit="ms"),
        under(f"{name}: p99", p99, "ms", TARGET_MILLISECONDS),
        Figure(name=f"{name}: resident memory", value=resident, unit="MB"),
    ]


async def fill(
    folder: Path, opened_over: timedelta = timedelta(hours=LIMIT_HOURS - 2)
) -> list[Made]:
    """Opportunities opened over so long; by default none of them is silent for too long."""
    now = datetime.now(UTC).replace(microsecond=0)
    step = opened_over / OPPORTUNITIES
    made = [
        Made(
            _whole_milliseconds(now - number * step),
            f"O-{number:06}",
            f"team-{number % REPS % TEAMS}",
            f"rep-{number % REPS}",
        )
        for number in range(OPPORTUNITIES)
    ]
    async with open_embedded(folder) as hosting:
        await people(hosting, now)
        handling = hosting.ports.commands("opportunities")
        for start in range(0, OPPORTUNITIES, A_COMMIT):
            runs = [opened(each) for each in made[start : start + A_COMMIT]]
            await handling.handle_runs(OPPORTUNITY, runs)
            handling.forget_states()
            await hosting.catch_up(runners=False)
        await hosting.catch_up()
    return made


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


_PIPELINE = parse_pipeline(
    {"pipeline": {"name": "standard"}, "stage": [{"name": "first_contact"}, {"name": "last"}]}
)


def opened(made: Made) -> Run:
    command = OpenOpportunity(
        opportunity_id=made.opportunity_id,
        customer_id=f"C-{made.opportunity_id}",
        pipeline=_PIPELINE,
        unit_id=made.unit_id,
        unit_path=("company", made.unit_id),
        owner_id=made.owner_id,
        zone="Asia/Shanghai",
        occurred_at=made.opened_at,
        now=made.opened_at,
    )
    return Run(made.opportunity_id, [Step(command, _context(made.opened_at), uuid4())])


def _context(at: datetime) -> CommandContext:
    return CommandContext(
        tenant_id=TENANT, actor_id=None, occurred_at=at, correlation_id="benchmark"
    )


async def people(hosting: Hosting, now: datetime) -> None:
    directory = hosting.ports.commands("directory")
    for number in range(TEAMS):
        unit = AddUnit(
            unit_id=f"team-{number}", name="a team", parent_id="company", kind="team", now=now
        )
        await directory.handle(UNIT_TREE, TENANT, unit, _context(now))
    for number in range(REPS):
        person = AddPerson(
            person_id=f"rep-{number}",
            unit_id=f"team-{number % TEAMS}",
            name=None,
            language="en",
            now=now,
        )
        await directory.handle(PERSON, person.person_id, person, _context(now))
    await hosting.catch_up()


async def compare(http: httpx.AsyncClient, made: list[Made]) -> None:
    """First pages in the order of due times, of all, of a team and of a rep."""
    worst_first = sorted(made)
    for asked, wanted in (
        ({}, worst_first),
        ({"unit": "team-3"}, [each for each in worst_first if each.unit_id == "team-3"]),
        ({"rep": "rep-7"}, [each for each in worst_first if each.owner_id == "rep-7"]),
    ):
        answer = (await http.get("/boards/silence", params={**asked, "limit": 500})).json()
        shown = [row["opportunity_id"] for row in answer["rows"]]
        assert shown == [each.opportunity_id for each in wanted[:500]]
        assert answer["total"] == len(wanted)


async def ask(http: httpx.AsyncClient, board: str) -> list[float]:
    """How long each request took in milliseconds, the shortest first; the pages are mixed."""
    durations: list[float] = []
    cursor: str | None = None
    for number in range(REQUESTS):
        asked: dict[str, str | int] = {"limit": 50}
        match number % 4:
            case 1:
                asked["unit"] = f"team-{number % TEAMS}"
            case 2:
                asked["rep"] = f"rep-{number % REPS}"
            case 3 if cursor is not None:
                asked["cursor"] = cursor
        begin = perf_counter()
        answer = await http.get(f"/boards/{board}", params=asked)
        durations.append((perf_counter() - begin) * 1000)
        assert answer.status_code == 200, answer.text
        if number % 4 == 0:
            cursor = answer.json().get("next_cursor")
    return sorted(durations)


if __name__ == "__main__":
    print(table(measure()))
