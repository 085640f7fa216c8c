"""The pages as a browser asks for them: what they show, to whom, and what they refuse."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.http import SESSION_COOKIE
from tests.services.sales_floor import NOW, SalesFloor, sales_floor

PAGES = (
    "/",
    "/silence",
    "/escalations",
    "/my-day",
    "/process-health",
    "/golden-actions",
    "/heat-map",
    "/funnel",
    "/traffic-lights",
    "/goals",
    "/data-quality",
    "/funnel/opportunities?step=1&how=pending",
    "/breakpoints",
    "/leads",
    "/allocation",
    "/duplicates",
    "/customers/C1",
    "/approvals",
    "/approvals?whose=all",
    "/who-is-told?opportunity=O1",
    "/timelines/opportunity/O1",
    "/timelines/customer/C1",
    "/timelines/rep/rep-1",
    "/why/silence?figure=hours_left&opportunity=O1",
    "/why/process-health?figure=index",
    "/instructions/silent?stage=first_contact",
)
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


async def page(
    floor: SalesFloor, path: str, key: str = "boss-1", language: str = "en", **headers: str
) -> httpx.Response:
    """As a browser that is signed in."""
    return await floor.http.get(
        path,
        headers={"Accept-Language": language, **_session(key), **headers},
    )


async def shown(floor: SalesFloor, path: str, key: str = "boss-1", language: str = "en") -> str:
    answer = await page(floor, path, key, language)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:2_000])
    return answer.text


async def sent(
    floor: SalesFloor, path: str, fields: dict[str, Any], key: str = "boss-1", **more: Any
) -> httpx.Response:
    """A form with the token of the page that holds it."""
    token = fields.get("csrf") or await token_of(floor, key)
    headers = {"Accept-Language": "en", **_session(key), **more.pop("headers", {})}
    return await floor.http.post(path, data={**fields, "csrf": token}, headers=headers, **more)


def _session(key: str) -> dict[str, str]:
    return {"Cookie": f"{SESSION_COOKIE}=key-{key}"}


async def token_of(floor: SalesFloor, key: str) -> str:
    """Of whichever page the key may open."""
    for path in ("/my-day", "/", "/policies"):
        found = re.search(r'name="csrf" value="([^"]+)"', (await page(floor, path, key)).text)
        if found is not None:
            return found[1]
    raise AssertionError(f"{key} opens no page with a form")


async def silent_for(floor: SalesFloor, days: float) -> None:
    floor.clock.move_to(NOW + timedelta(days=days))
    await floor.hosting.catch_up()


async def describe(floor: SalesFloor, name: str) -> None:
    await floor.hosting.catch_up()
    await floor.told("/customers/C1/describe", {"name": name})


async def test_every_page_opens_in_both_languages(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1", amount="1000", currency="CNY")
    await silent_for(floor, 3)

    for path in PAGES:
        for language in ("zh", "en"):
            text = await shown(floor, path, language=language)
            assert f'<html lang="{language}"' in text


async def test_a_customer_named_like_a_script_is_text_everywhere(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await describe(floor, SCRIPT)
    summary = {"type": "call", "summary": SCRIPT}
    await floor.told("/opportunities/O1/log-action", summary, "rep-1")
    await silent_for(floor, 6)

    texts = [await shown(floor, path, key) for path in PAGES for key in ("boss-1", "rep-1")]

    assert all(SCRIPT not in text for text in texts)
    assert sum("&lt;script&gt;alert(1)" in text for text in texts) >= 8


async def test_files_hold_no_formula_that_a_spreadsheet_would_run(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await describe(floor, '=HYPERLINK("http://evil.example";"x")')
    await floor.hosting.catch_up()

    answer = await page(floor, "/silence?format=csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="silence.csv"'
    [head, row] = answer.text.removeprefix("\ufeff").splitlines()
    assert head.startswith("Opportunity,Customer,Stage")
    assert "'=HYPERLINK" in row
    assert row.split(",")[-2] == "48.0"


async def test_no_page_holds_inline_script_or_style_or_names_an_outside_address(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", owner_id="rep-1")
    await silent_for(floor, 3)

    for path in PAGES:
        holds_nothing_inline_or_from_outside(await page(floor, path))


def holds_nothing_inline_or_from_outside(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]* src=\"/assets/)", answer.text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", answer.text) == []
    assert re.findall(r"(?:src|href|action)=\"(?:\w+:)?//", answer.text) == []
    assert answer.headers["cache-control"] == "no-store"


async def test_what_a_browser_loads_first_is_small(floor: SalesFloor) -> None:
    """Compressed: Today and Silence under 100 kB, a page with a chart under 350 kB."""
    for number in range(60):
        await floor.open(f"O{number}", owner_id="rep-1", amount="1000", currency="CNY")
    await silent_for(floor, 3)

    for path, most in (("/", 100_000), ("/silence", 100_000), ("/process-health", 350_000)):
        assert 10_000 < await first_load(floor, path) < most


async def first_load(floor: SalesFloor, path: str) -> int:
    sizes = []
    text = (await page(floor, path)).text
    for each in (path, *re.findall(r'(?:src|href)="(/assets/[^"]+\.(?:js|css))"', text)):
        headers = {"Accept-Encoding": "gzip", **_session("boss-1")}
        async with floor.http.stream("GET", each, headers=headers) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            sizes.append(sum([len(chunk) async for chunk in answer.aiter_raw()]))
    assert len(sizes) >= 3
    return sum(sizes)


async def test_whoever_is_not_signed_in_is_told_so_on_a_page(floor: SalesFloor) -> None:
    answer = await floor.http.get("/silence", headers={"Accept-Language": "zh-CN"})

    assert answer.status_code == 401
    assert "您尚未登录" in answer.text


async def test_nobody_sees_on_a_page_what_their_role_may_not_see(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await floor.open("O2", "rep-2", owner_id="rep-2")
    await floor.hosting.catch_up()

    assert "/timelines/opportunity/O2" not in await shown(floor, "/silence", "boss-1")
    assert "/timelines/opportunity/O2" in await shown(floor, "/silence", "director")
    for path in ("/timelines/opportunity/O2", "/silence?unit=south", "/escalations/nothing"):
        answer = await page(floor, path, "boss-1")
        assert answer.status_code == 404
        assert "There is nothing here, or it is not yours to see." in answer.text
    assert (await page(floor, "/", "elsewhere")).status_code == 200
    assert (await page(floor, "/timelines/opportunity/O1", "elsewhere")).status_code == 404


async def test_the_language_that_was_chosen_is_remembered(floor: SalesFloor) -> None:
    chosen = await page(floor, "/?language=zh", language="en")

    cookie = chosen.headers["set-cookie"]
    assert "今天" in chosen.text
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    remembered = f"{SESSION_COOKIE}=key-boss-1; pulsetrail_language=zh"
    again = await page(floor, "/", language="en", Cookie=remembered)
    assert '<html lang="zh"' in again.text


async def test_what_is_stuck_leads_in_two_taps_to_its_events(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await silent_for(floor, 7)

    today = await shown(floor, "/")
    [first] = re.findall(r'href="(/instructions/[^"]+)"', today)
    behind = await shown(floor, first.replace("&amp;", "&"))
    assert "1 opportunity is stuck in" in today
    assert "/timelines/opportunity/O1" in behind
    assert "Opportunity opened" in await shown(floor, "/timelines/opportunity/O1")


async def test_the_opportunities_behind_an_instruction_are_a_file_with_all_of_them(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projections.pages.today._NAMED_IN_LIST", 1)
    for opportunity_id in ("O1", "O2"):
        await floor.open(opportunity_id, owner_id="rep-1")
    await describe(floor, "=Formula")
    await silent_for(floor, 7)
    path = "/instructions/stuck?stage=first_contact"

    text = await shown(floor, path)
    answer = await page(floor, f"{path}&format=csv")
    nothing = await page(floor, "/instructions/stuck?stage=demo&format=csv")

    assert f'href="{path.replace("&", "&amp;")}&amp;format=csv" download' in text
    [head, *rows] = answer.text.removeprefix("\ufeff").splitlines()
    assert answer.headers["content-disposition"] == 'attachment; filename="instruction.csv"'
    assert head == "Stage,Hours over,Opportunity,Customer,Owner"
    assert [each.split(",")[2:4] for each in rows] == [["O1", "'=Formula"], ["O2", "'=Formula"]]
    assert nothing.text.removeprefix("\ufeff").splitlines() == [head]


async def test_rows_older_than_what_was_recorded_say_how_much(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(seconds=40))

    assert "40 s behind" in await shown(floor, "/silence")
    await floor.hosting.catch_up()
    assert "behind" not in await shown(floor, "/silence")


async def test_filters_live_in_the_address(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.told("/opportunities", {"opportunity_id": "O2", "customer_id": "C2"}, "rep-1")
    await floor.told("/opportunities/O2/change-stage", {"stage": "needs_confirmed"}, "rep-1")
    await floor.hosting.catch_up()

    text = await shown(floor, "/silence?stage=needs_confirmed&rep=rep-1")

    assert "/timelines/opportunity/O2" in text
    assert "/timelines/opportunity/O1" not in text
    assert '<option value="needs_confirmed" selected>' in text


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("boss-1", ["/", "/silence", "/escalations", "/approvals"]),
        ("director", ["/", "/process-health", "/silence", "/escalations"]),
        ("rep-1", ["/my-day", "/", "/leads", "/escalations"]),
        ("administrator", ["/people", "/policies", "/pipelines", "/import"]),
        ("legal", ["/escalations", "/approvals", "/inbox", "/people"]),
    ],
)
async def test_the_foot_of_a_phone_has_the_four_pages_of_the_readers_role_and_a_menu_of_all(
    floor: SalesFloor, key: str, first: list[str]
) -> None:
    text = await shown(floor, first[0], key)
    foot, _, rest = text.partition('<details class="menu">')

    assert re.findall(r'<li><a href="([^"]+)"', foot[foot.index('class="bar"') :]) == first
    menu, side = rest.split("</details>")[0], rest.split('class="side"')[1].split("</nav>")[0]
    assert set(first) <= set(re.findall(r'href="([^"]+)"', menu))
    assert re.findall(r'href="([^"]+)"', menu) == re.findall(r'href="([^"]+)"', side)


async def test_a_page_that_is_none_of_the_four_marks_the_menu(floor: SalesFloor) -> None:
    assert '<summary class="is-here">' in await shown(floor, "/funnel")
    assert '<summary class="is-here">' not in await shown(floor, "/silence")
