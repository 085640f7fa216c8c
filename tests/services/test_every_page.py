"""What holds on every page and in every form, also in those that are still to come."""

import csv
import io
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.services.every_page import FORMULA, EveryPage, every_page, page_routes
from tests.services.page_forms import Form, read
from tests.services.page_marks import links_of, red_marks
from tests.services.test_pages import SCRIPT, page, sent

NONSENSE = "<i>无</i>" * 4_000
"""Longer than any text that is taken, no time, no number, no name of anything."""
_IN_AN_ADDRESS = 2_000
_SEARCHED = {("/people", "name")}
"""Filters: any text may be looked for."""
_CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[EveryPage]:
    async with every_page(tmp_path) as found:
        yield found


def matching(path: str, declared: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", declared), path) is not None


async def test_every_page_and_every_form_that_is_declared_is_visited_here(
    pages: EveryPage,
) -> None:
    declared = set(page_routes(pages.app))
    opened = {path for method, path in declared if method == "GET"}
    sent_to = {path for method, path in declared if method == "POST"}
    actions = {urlsplit(form.action).path for form in await pages.forms()}

    assert opened == set(pages.paths)
    assert not {path for path in sent_to if not any(matching(each, path) for each in actions)}
    shown = {path for _reader, path in await pages.texts()}
    assert not set(pages.addresses()) - shown


async def test_bad_input_in_every_form_is_said_at_its_field_and_nothing_typed_is_lost(
    pages: EveryPage,
) -> None:
    problems = []
    tried = 0
    for form in await pages.forms("zh"):
        for control in form.controls:
            if control.is_typed and (form.action, control.name) not in _SEARCHED:
                tried += 1
                problems += [
                    f"{form.method} {form.action} {control.name}: {each}"
                    for each in await said_of(pages, form, control.name)
                ]
    assert tried > 30
    assert not problems, "\n".join(problems)


async def said_of(pages: EveryPage, form: Form, name: str) -> list[str]:
    """What is missing in the answer to nonsense in one of the form's fields."""
    nonsense = NONSENSE if form.method == "post" else NONSENSE[:_IN_AN_ADDRESS]
    fields = {**form.filled(), **form.button, name: nonsense}
    if form.method == "get":
        path = f"{form.action}?{urlencode(fields)}"
        answer = await page(pages.floor, path, form.reader, "zh")
    else:
        headers = {"Accept-Language": "zh"}
        answer = await sent(pages.floor, form.action, fields, form.reader, headers=headers)
    if not 400 <= answer.status_code < 500 and form.method == "post":
        return [f"answered with {answer.status_code}"]
    again = next((each for each in read(answer.text)[0] if is_same(each, form)), None)
    if again is None:
        return [f"{answer.status_code}: the form is gone"]
    found = []
    fault = re.search(rf'id="fault-{re.escape(name)}" role="alert">([^<]+)<', answer.text)
    if fault is None:
        found.append("nothing is said at the field")
    elif not _CHINESE.search(unescape(fault[1])):
        found.append(f"said in another language: {fault[1]}")
    shown = again.filled()
    kept = {each.name: shown[each.name] for each in again.controls if each.is_kept}
    found += [f"{each} is lost: {fields[each][:40]}" for each in kept if kept[each] != fields[each]]
    return found


def is_same(one: Form, other: Form) -> bool:
    return one.kind[0] == other.kind[0] and one.kind[2:] == other.kind[2:]


async def test_every_red_figure_names_the_next_step_and_leads_in_two_taps_to_events(
    pages: EveryPage,
) -> None:
    problems, found = set(), 0
    texts = await pages.texts()
    for (reader, path), text in list(texts.items()):
        marks, names_next_step = red_marks(text)
        found += len(marks)
        if marks and not names_next_step:
            problems.add(f"{path} names no next step")
        for mark in marks:
            if not shows_events(path, text) and not await leads_to_events(
                pages, texts, reader, mark.links
            ):
                problems.add(f"{path} as {reader}: “{mark.text}” leads to {mark.links[:6]}")
    assert found > 30
    assert not problems, "\n".join(sorted(problems))


def shows_events(path: str, text: str) -> bool:
    """Of a timeline, or the attempts of messages."""
    return 'id="event-' in text or path.startswith("/sent")


async def leads_to_events(
    pages: EveryPage,
    texts: dict[tuple[str, str], str],
    reader: str,
    links: list[str],
    taps: int = 2,
) -> bool:
    for link in dict.fromkeys(each.partition("#")[0] for each in links):
        if not link.startswith("/") or link.startswith(("/api/", "/assets/")):
            continue
        if (reader, link) not in texts:
            answer = await page(pages.floor, link, reader)
            texts[reader, link] = answer.text if answer.status_code == 200 else ""
        text = texts[reader, link]
        if shows_events(link, text):
            return True
        if taps > 1 and await leads_to_events(pages, texts, reader, links_of(text), taps - 1):
            return True
    return False


async def test_a_customer_named_like_a_script_is_text_on_every_page_and_in_every_file(
    pages: EveryPage,
) -> None:
    files: set[tuple[str, str]] = set()
    escaped = defused = 0
    for language in ("zh", "en"):
        for (reader, path), text in (await pages.texts(language)).items():
            assert SCRIPT not in text, path
            escaped += "&lt;script&gt;" in text
            files |= {(reader, link) for link in links_of(text) if "format=csv" in link}
    assert escaped > 20
    assert len({link.partition("?")[0] for _reader, link in files}) > 15
    for reader, link in files:
        answer = await page(pages.floor, link, reader)
        assert answer.headers["content-type"].startswith("text/csv"), link
        assert "attachment" in answer.headers["content-disposition"], link
        cells = [each for row in rows_of(answer.text) for each in row]
        defused += f"'{FORMULA}" in cells
        assert not [each for each in cells if is_formula(each)], link
    assert defused >= 2


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def is_formula(cell: str) -> bool:
    """Also behind what a spreadsheet skips, and of full width. A negative number is none."""
    begins = re.match(r"[\s\x00-\x1f\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
    return begins is not None and not re.fullmatch(r"-\d+(\.\d+)?", cell)
