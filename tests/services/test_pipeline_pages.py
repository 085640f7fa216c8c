"""The pipeline editor: a form over versioned data, its check, and what a new version changes."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import SalesFloor, sales_floor
from tests.services.test_page_forms import following
from tests.services.test_pages import holds_nothing_inline_or_from_outside, page, sent, shown

ADMINISTRATOR = "administrator"
EDITOR = "/pipelines/standard"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


def fields_of(text: str) -> dict[str, Any]:
    """Of the form, as a browser would send them."""
    form = text[text.index('<form method="post" action="/pipelines') :]
    form = form[: form.index("</form>")]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]+>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        is_chosen = 'type="checkbox"' not in tag or " checked" in tag
        if name and value and is_chosen:
            found.setdefault(name[1], []).append(unescape(value[1]))
    for name_of, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form):
        chosen = re.search(r'value="([^"]*)" selected', options)
        chosen = chosen or re.search(r'<option value="([^"]*)"', options)
        found[name_of] = [unescape(chosen[1])] if chosen else [""]
    return found


async def edited(
    floor: SalesFloor, do: str, text: str | None = None, **changed: str | list[str]
) -> Any:
    fields = fields_of(text or await shown(floor, EDITOR, ADMINISTRATOR))
    names = {name.replace("__", "."): value for name, value in changed.items()}
    return await following(floor, sent(floor, EDITOR, {**fields, **names, "do": do}, ADMINISTRATOR))


async def test_pipelines_open_in_both_languages_and_hold_nothing_from_outside(
    floor: SalesFloor,
) -> None:
    for path in ("/pipelines", EDITOR):
        for language in ("zh", "en"):
            for key in (ADMINISTRATOR, "rep-1"):
                answer = await page(floor, path, key, language)
                assert answer.status_code == 200
                holds_nothing_inline_or_from_outside(answer)
    assert "首次接触" in await shown(floor, EDITOR, "rep-1", "zh")
    assert "<fieldset disabled>" in await shown(floor, EDITOR, "rep-1")
    assert "Store as a new version" not in await shown(floor, EDITOR, "rep-1")


async def test_storing_an_untouched_form_makes_no_new_version(floor: SalesFloor) -> None:
    answer = await edited(floor, "save")

    assert answer.headers["location"] == f"{EDITOR}?saved=true"
    assert (await floor.shown("/pipelines/standard"))["version"] == 1


async def test_a_check_says_what_changes_and_for_whom_and_stores_nothing(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.open("O2", owner_id="rep-1")
    await floor.told("/opportunities/O2/lose", {"reason": "price"})
    await floor.hosting.catch_up()

    answer = await edited(floor, "check", **{"stage[0]__silence_limit": "24h"})

    assert answer.status_code == 200
    assert "It can be walked." in answer.text
    assert "First contact: silence limit from 2 days to 24 hours." in answer.text
    assert "1 open opportunity runs by version 1." in answer.text
    assert 'name="stage[0].silence_limit" maxlength="12" value="24h"' in answer.text
    assert (await floor.shown("/pipelines/standard"))["version"] == 1


async def test_a_new_version_holds_for_new_opportunities_only(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    changed = {"stage[0]__dwell_limit": "", "pipeline__unmet": "record"}
    await edited(floor, "save", **changed)
    await floor.open("O2", owner_id="rep-1")
    await floor.hosting.catch_up()

    text = await shown(floor, f"{EDITOR}?saved=true", ADMINISTRATOR)

    assert "Stored as version 2." in text
    assert text.index("1 open opportunity runs by version 2.") < text.index(
        "1 open opportunity runs by version 1."
    )
    stored = await floor.shown("/pipelines/standard")
    assert (stored["unmet"], stored["stages"][0]["dwell_limit_seconds"]) == ("record", None)


async def test_stages_and_golden_actions_are_added_moved_and_taken_away(
    floor: SalesFloor,
) -> None:
    text = (await edited(floor, "add")).text
    text = (await edited(floor, "golden 0", text)).text
    text = (await edited(floor, "right 0", text)).text
    text = (await edited(floor, "remove 2", text)).text
    golden: dict[str, str | list[str]] = {
        "stage[1].golden_action[0].action": "visit",
        "stage[1].golden_action[0].limit": "72h",
        "stage[1].golden_action[0].evidence": ["photo", "minutes"],
    }
    fields = {name.replace(".", "__"): value for name, value in golden.items()}

    checked = (await edited(floor, "check", text, **fields)).text
    answer = await edited(floor, "save", checked)

    assert answer.status_code == 303
    assert "The stages come in another order." in checked
    assert "The stage Solution shown is gone." in checked
    assert "The stage stage_6 is new." in checked
    assert "First contact: Visit becomes a golden action." in checked
    stages = (await floor.shown("/pipelines/standard"))["stages"]
    assert [stage["name"] for stage in stages] == [
        "needs_confirmed",
        "first_contact",
        "objections_handled",
        "ready_to_sign",
        "stage_6",
    ]
    [stored] = stages[1]["golden_actions"]
    assert (stored["action"], stored["limit_seconds"]) == ("visit", 72 * 3600)
    assert stored["evidence"] == ["photo", "minutes"]


async def test_what_cannot_be_walked_is_said_at_its_field_and_what_was_typed_stays(
    floor: SalesFloor,
) -> None:
    wrong = {"stage[0]__silence_limit": "soon", "stage[1]__name": "needs confirmed at last"}

    unread = await edited(floor, "save", **wrong)
    unwalked = await edited(
        floor, "save", **{"stage[0]__silence_limit": "0h", "stage[1]__name": "first_contact"}
    )

    assert (unread.status_code, unwalked.status_code) == (422, 422)
    assert "A length of time, like 90m, 48h or 7d." in unread.text
    assert 'value="soon" aria-invalid="true" aria-describedby="fault-stage[0]' in unread.text
    assert 'value="needs confirmed at last"' in unread.text
    assert "A limit is longer than nothing." in unwalked.text
    assert "Two stages have the same name." in unwalked.text
    assert (await floor.shown("/pipelines/standard"))["version"] == 1


async def test_whoever_was_slower_is_told_and_loses_nothing(floor: SalesFloor) -> None:
    text = await shown(floor, EDITOR, ADMINISTRATOR)
    await edited(floor, "save", **{"stage[0]__silence_limit": "24h"})

    answer = await edited(floor, "save", text, **{"stage[0]__silence_limit": "12h"})

    assert answer.status_code == 412
    assert "Somebody was faster" in answer.text
    assert 'value="12h"' in answer.text
    assert (await floor.shown("/pipelines/standard"))["version"] == 2


async def test_another_name_makes_another_pipeline(floor: SalesFloor) -> None:
    answer = await edited(floor, "save", pipeline__name="export")

    assert answer.headers["location"] == "/pipelines/export?saved=true"
    assert (await floor.shown("/pipelines/export"))["version"] == 1
    assert (await floor.shown("/pipelines/standard"))["version"] == 1


async def test_only_those_who_set_up_pipelines_change_them(floor: SalesFloor) -> None:
    text = await shown(floor, EDITOR, ADMINISTRATOR)
    answer = await sent(floor, EDITOR, {**fields_of(text), "do": "save"}, "rep-1")

    assert answer.status_code == 403
