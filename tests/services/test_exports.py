"""Boards and the log as files: nothing lost, no formula, and XES as its schema says (G4)."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from shared.tables import csv_file, csv_line, defused
from tests.oracle.logs import CHECKOUT, MADE_UP_LOG
from tests.services.sales_floor import SalesFloor, code_of, sales_floor
from tests.system.command import Pulsetrail

XES = "{http://www.xes-standard.org/}"
PARTS_OF_A_LOG = ("extension", "global", "classifier", "attribute", "trace")
"""In this order, as the XES schema has them; an attribute is one of the typed elements."""
TYPES: dict[str, Callable[[str], Any]] = {
    "string": str,
    "date": datetime.fromisoformat,
    "int": int,
    "float": float,
}
TYPES |= {"boolean": {"true": True, "false": False}.__getitem__}
FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1")
CUSTOMER = "<script>alert(1)</script>"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_defused(text: str) -> None:
    [[cell]] = csv.reader(io.StringIO(csv_line([text]).decode(), newline=""))

    assert cell == f"'{text}"


@pytest.mark.parametrize("text", ["-12.50", "+3", "2026-03-02T09:00:00.000Z", "a=b", "王=李"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert defused(text) == text


def test_names_of_columns_are_defused_too() -> None:
    assert csv_file([{"=A1": 1}]).decode("utf-8-sig").splitlines()[0] == "'=A1"


async def test_a_board_as_csv_holds_all_its_rows_and_no_formula(floor: SalesFloor) -> None:
    for number in range(60):
        await floor.open(f"O{number:02}", owner_id="rep-1", amount="5.00", currency="CNY")
    stage = {"opportunity_id": "O98", "customer_id": "-C1", "owner_id": "rep-1"}
    await floor.told("/opportunities", stage, "rep-1")
    await floor.hosting.catch_up()

    answer = await floor.get("/boards/silence/export?format=csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 61
    assert {row["amount"] for row in rows} == {"5.00", ""}
    [named] = [row for row in rows if row["opportunity_id"] == "O98"]
    assert named["customer_id"] == "'-C1"


async def test_a_board_as_ndjson_is_its_rows(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()

    answer = await floor.get("/boards/silence/export?format=ndjson")
    board = await floor.shown("/boards/silence")

    assert [json.loads(line) for line in answer.text.splitlines()] == board["rows"]


async def test_an_export_shows_no_more_than_the_board(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await floor.hosting.catch_up()

    rows = (await floor.get("/boards/silence/export?format=ndjson", "rep-2")).text

    assert rows == ""
    assert code_of(await floor.get("/exports/events", "rep-1")) == (403, "forbidden")


async def test_the_event_log_is_xes(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1", amount="1000.00", currency="CNY")
    call = {"type": "call", "summary": "his number is 13800000000"}
    await floor.told("/opportunities/O1/log-action", call, "rep-1")
    await floor.told("/opportunities/O1/change-stage", {"stage": "needs_confirmed"}, "rep-1")
    await floor.told("/opportunities/O1/lose", {"reason": CUSTOMER}, "rep-1")

    answer = await floor.get("/exports/events?format=xes", "auditor")

    assert "13800000000" not in answer.text
    log = ElementTree.fromstring(answer.content)
    assert_fits_the_schema(log)
    [trace] = log.iter(f"{XES}trace")
    activities = [
        attribute.get("value")
        for event in trace.iter(f"{XES}event")
        for attribute in event
        if attribute.get("key") == "concept:name"
    ]
    assert activities == [
        "opportunity_opened",
        "action_logged:call",
        "stage_changed:needs_confirmed",
        "opportunity_lost",
    ]


def assert_fits_the_schema(log: ElementTree.Element) -> None:
    """The parts of the XES schema that a tool relies on: elements, their order, keys, types."""
    assert log.tag == f"{XES}log"
    assert {"xes.version", "xes.features"} <= log.attrib.keys()
    kinds = [_kind(each) for each in log]
    assert kinds == sorted(kinds, key=PARTS_OF_A_LOG.index)
    for extension in log.iter(f"{XES}extension"):
        assert extension.attrib.keys() == {"name", "prefix", "uri"}
    declared = {each.get("prefix") for each in log.iter(f"{XES}extension")}
    scopes = [each.get("scope") for each in log.iter(f"{XES}global")]
    assert scopes == ["trace", "event"]
    assert all({"name", "keys"} <= each.attrib.keys() for each in log.iter(f"{XES}classifier"))
    for trace in log.iter(f"{XES}trace"):
        kinds = [_kind(each) for each in trace]
        assert kinds == sorted(kinds), "attributes come before events"
        for event in trace.iter(f"{XES}event"):
            keys = [each.get("key") for each in event]
            assert len(keys) == len(set(keys))
            assert {"concept:name", "time:timestamp", "lifecycle:transition"} <= set(keys)
            assert {str(key).split(":")[0] for key in keys} <= declared | {"pulsetrail"}
            for each in event:
                TYPES[each.tag.removeprefix(XES)](str(each.get("value")))


def _kind(element: ElementTree.Element) -> str:
    name = element.tag.removeprefix(XES)
    return "attribute" if name in TYPES else name


def test_a_terminal_exports_what_http_exports(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path)
    pulsetrail.import_log(CHECKOUT / "examples" / "made_up" / "mapping.toml", MADE_UP_LOG)

    log = ElementTree.fromstring(pulsetrail.run("export", "events", "--format", "xes"))
    lines = pulsetrail.run("export", "golden-actions", "--format", "ndjson").splitlines()
    table = pulsetrail.run("export", "funnel", "--unit", "sales").splitlines()

    assert_fits_the_schema(log)
    assert len(list(log.iter(f"{XES}trace"))) == 395
    board = pulsetrail.json("board", "golden-actions")
    assert [json.loads(line) for line in lines] == board["rows"]
    assert "conversion" in table[0]
