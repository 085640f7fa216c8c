"""Import over HTTP and on its pages: file, mapping read aloud, rehearsal, result (G2)."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli import imports_api
from services.cli.imports import Imports
from shared.errors import NotFound
from shared.hosting import application
from tests.services.sales_floor import SalesFloor, code_of, sales_floor
from tests.services.test_pages import holds_nothing_inline_or_from_outside, page, sent, shown

ADMINISTRATOR = "administrator"
HEAD = "商机编号,时间,动作,销售\n"
ROWS = (
    "A-1,2026-02-02 09:00:00,需求确认,li-na\n"
    "A-1,2026-02-03 10:00:00,=call,li-na\n"
    "A-1,2026-02-05 10:00:00,赢单,li-na\n"
    "A-2,2026-02-06 10:00:00,=call,\n"
)
BROKEN = "A 3,2026-02-06 10:00:00,=call,li-na\nA-4,gestern,=call,li-na\n"
MEANT = "&of=%E5%8A%A8%E4%BD%9C&m0=&m1=stage:needs_confirmed&m2=win"
COLUMNS = "?case=%E5%95%86%E6%9C%BA%E7%BC%96%E5%8F%B7&time=%E6%97%B6%E9%97%B4"
COLUMNS += "&activity=%E5%8A%A8%E4%BD%9C&actor=%E9%94%80%E5%94%AE&amount="


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """The address of a process that imports."""
    async with sales_floor(tmp_path / "data") as found:
        folder = tmp_path / "uploads"
        folder.mkdir()
        imports = Imports(found.hosting, folder)
        app = application(found.hosting)
        app.include_router(imports_api.router(found.hosting.ports, imports))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        found.hosting.start()
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield SalesFloor(found.hosting, http, found.clock)
        await imports.end()


async def uploaded(floor: SalesFloor, content: str | bytes, name: str = "deals.csv") -> Any:
    data = content if isinstance(content, bytes) else content.encode()
    files = {"file": (name, data, "text/csv")}
    return await sent(floor, "/import", {}, ADMINISTRATOR, files=files)


async def ended(floor: SalesFloor, answer: Any) -> tuple[str, dict[str, Any]]:
    """The page of an import that has ended, and what the interface says of it."""
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    return path, await at_rest(floor, path)


async def at_rest(floor: SalesFloor, path: str) -> dict[str, Any]:
    while True:
        run = await floor.shown(path.replace("/import/runs", "/imports"), ADMINISTRATOR)
        if run["state"] != "running":
            return run
        await asyncio.sleep(0.01)


async def test_a_file_becomes_events_by_way_of_its_mapping_and_a_rehearsal(
    floor: SalesFloor,
) -> None:
    where = (await uploaded(floor, HEAD + ROWS)).headers["location"]

    guessed = await shown(floor, where, ADMINISTRATOR, "zh")
    assert "2026-02-02 09:00:00 customer-A-1的商机 A-1 建立于首次接触" in guessed
    read = await shown(floor, where + COLUMNS + MEANT, ADMINISTRATOR, "zh")
    assert "2026-02-02 09:00:00 商机 A-1 进入需求确认" in read
    assert "2026-02-03 10:00:00 li-na在商机 A-1 上做了=call" in read
    assert "2026-02-05 10:00:00 商机 A-1 赢单" in read

    rehearsed, run = await ended(
        floor, await sent(floor, where + COLUMNS + MEANT, {}, ADMINISTRATOR)
    )
    assert (run["outcome"]["accepted"], run["outcome"]["dry_run"]) == (4, True)
    assert "Import these rows" in await shown(floor, rehearsed, ADMINISTRATOR)
    assert (await floor.get("/opportunities/A-1")).status_code == 404

    imported, run = await ended(floor, await sent(floor, rehearsed, {}, ADMINISTRATOR))
    assert (run["outcome"]["accepted"], run["outcome"]["dry_run"]) == (4, False)
    assert (await floor.shown("/opportunities/A-1"))["status"] == "won"
    result = await shown(floor, imported, ADMINISTRATOR)
    assert 'href="/pipelines/standard"' in result
    assert "Import these rows" not in result
    again = await sent(floor, where + COLUMNS + MEANT, {}, ADMINISTRATOR)
    _path, run = await ended(floor, again)
    assert (run["outcome"]["accepted"], run["outcome"]["duplicates"]) == (0, 4)


async def test_who_asked_for_an_import_is_in_its_events(floor: SalesFloor) -> None:
    where = (await uploaded(floor, HEAD + ROWS)).headers["location"]
    rehearsed, _run = await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))
    await ended(floor, await sent(floor, rehearsed, {}, ADMINISTRATOR))

    stored = await floor.hosting.ports.event_store.read_stream("T1/tenant/T1")
    assert stored[-1].type.startswith("directory.history_clock_moved")
    assert stored[-1].actor_id == "K-administrator"


async def test_rows_that_are_refused_are_counted_said_and_to_be_downloaded(
    floor: SalesFloor,
) -> None:
    where = (await uploaded(floor, HEAD + ROWS + BROKEN)).headers["location"]
    assert "This is no time as it is written elsewhere." in await shown(floor, where, ADMINISTRATOR)

    rehearsed, run = await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))

    text = await shown(floor, rehearsed, ADMINISTRATOR)
    assert run["outcome"]["rejected"] == 2
    assert "1-64 of letters, digits, dot, dash and underscore." in text
    answer = await page(floor, f"{rehearsed}?format=csv", ADMINISTRATOR)
    lines = answer.text.splitlines()
    assert len(lines) == 3
    assert "deals.csv,7," in answer.text


async def test_a_file_that_is_no_history_is_refused_at_its_field(floor: SalesFloor) -> None:
    none = await sent(floor, "/import", {}, ADMINISTRATOR)
    program = await uploaded(floor, "MZ", "setup.exe")
    large = await uploaded(floor, b"x" * (floor.hosting.ports.settings.max_body_bytes + 1))
    larger = await uploaded(floor, b"x" * (floor.hosting.ports.settings.max_body_bytes + 100_000))

    assert "This is needed." in none.text
    assert "Files of this kind are not taken." in program.text
    for answer in (large, larger):
        assert "This is larger than we take." in answer.text
    for answer in (none, program, large, larger):
        assert answer.status_code == 422
        assert 'name="file" required' in answer.text
        assert 'aria-describedby="fault-file"' in answer.text


async def test_a_packed_file_that_swells_is_refused(floor: SalesFloor) -> None:
    piece = gzip.compress(b"\x00" * 64_000_000)

    answer = await uploaded(floor, piece * 9, "bomb.csv.gz")

    assert "This is larger than we take." in answer.text


async def test_a_mapping_that_cannot_be_read_is_said_at_its_field_and_stays(
    floor: SalesFloor,
) -> None:
    where = (await uploaded(floor, HEAD + ROWS)).headers["location"]

    wrong_zone = await page(floor, f"{where}{COLUMNS}&zone=Europe/Atlantis", ADMINISTRATOR)
    absent = await page(floor, f"{where}?case=x&time=y&activity=z", ADMINISTRATOR)

    assert wrong_zone.status_code == 422
    assert 'value="Europe/Atlantis" aria-invalid="true"' in wrong_zone.text
    assert "There is nothing of this name." in wrong_zone.text
    assert absent.status_code == 422
    assert "The file has no such column." in absent.text


async def test_every_page_of_an_import_opens_in_both_languages_and_escapes(
    floor: SalesFloor,
) -> None:
    evil = HEAD + "A-1,2026-02-02 09:00:00,<script>alert(1)</script>,li-na\n"
    where = (await uploaded(floor, evil, "<b>.csv")).headers["location"]
    rehearsed, _run = await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))

    for path in ("/import", where, rehearsed):
        for language in ("zh", "en"):
            answer = await page(floor, path, ADMINISTRATOR, language)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert "<b>" not in answer.text
            holds_nothing_inline_or_from_outside(answer)
    assert "<b>.csv" in unescape(await shown(floor, "/import", ADMINISTRATOR))


async def test_only_administrators_import_and_only_into_their_own_tenant(
    floor: SalesFloor,
) -> None:
    where = (await uploaded(floor, HEAD + ROWS)).headers["location"]
    file_id = where.rpartition("/")[2]

    for key in ("rep-1", "director", "auditor"):
        assert (await page(floor, "/import", key)).status_code == 403
        answer = await floor.post("/imports", {"file_id": file_id}, key)
        assert code_of(answer)[0] in (403, 422)
        assert code_of(await floor.get(f"/imports/files/{file_id}", key)) == (403, "forbidden")
    unknown = await floor.get("/imports/files/nothing", ADMINISTRATOR)
    assert code_of(unknown) == (404, "not-found")


async def test_where_only_the_command_line_imports_the_page_says_so(tmp_path: Path) -> None:
    async with sales_floor(tmp_path / "other") as floor:
        text = await shown(floor, "/import", ADMINISTRATOR)

    assert "This installation imports by the command line only" in text
    assert 'type="file"' not in text


async def test_many_files_of_a_tenant_push_out_its_own_and_nobody_elses(tmp_path: Path) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield HEAD.encode()

    async with sales_floor(tmp_path / "data") as running:
        imports = Imports(running.hosting, tmp_path)
        of_others = await imports.keep("T2", "a.csv", content())
        kept = [await imports.keep("T1", "a.csv", content()) for _ in range(21)]

        assert imports.file("T2", of_others.file_id) == of_others
        assert imports.file("T1", kept[1].file_id) == kept[1]
        with pytest.raises(NotFound):
            imports.file("T1", kept[0].file_id)
