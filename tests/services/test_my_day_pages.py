"""My day's form: golden actions with their evidence, recordings, a type's own fields, refusals."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.demonstration.process import ACTION_TYPES as DEMONSTRATED
from services.cli.demonstration.process import KEY_ACCOUNTS, STORES
from services.opportunities.domain.action_type import ACTION_TYPES, DefineActionTypes
from services.opportunities.domain.pipeline import PIPELINE, PublishPipeline
from shared.events.opportunities import ActionField, ActionTypeDefinition, PipelineDefinition
from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_page_forms import PHOTO, following
from tests.services.test_pages import sent, shown

JSON = {"Accept": "application/json"}
RECORDING = b"#!AMR\n" + b"\0" * 32
SAID = "客户确认了需求 needs are confirmed"
TASTING = ActionTypeDefinition(
    type="tasting",
    fields=(
        ActionField(name="mood", kind="choice", choices=("warm", "cold"), required=True),
        ActionField(name="guests", kind="number"),
        ActionField(name="again", kind="boolean"),
    ),
    title={"zh": "品鉴", "en": "Tasting"},
)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as found:
        defined = DefineActionTypes(definitions=(*DEMONSTRATED, TASTING), now=NOW)
        await found.handle("opportunities", ACTION_TYPES, "T1", defined)
        await found.hosting.catch_up()
        yield found


async def opens(floor: SalesFloor, pipeline: PipelineDefinition, **more: Any) -> None:
    published = PublishPipeline(pipeline=pipeline, now=NOW)
    await floor.handle("opportunities", PIPELINE, pipeline.name, published)
    await floor.hosting.catch_up()
    await floor.open("O1", owner_id="rep-1", pipeline=pipeline.name, **more)
    await floor.hosting.catch_up()


async def log(floor: SalesFloor, headers: Any = None, **more: Any) -> Any:
    """As the form sends it."""
    files = more.pop("files", None)
    fields = {"type": "call", "opportunity_id": "O1", "summary": SAID, **more}
    sending = sent(floor, "/my-day/log", fields, "rep-1", files=files, headers=headers or {})
    return await following(floor, sending)


async def actions(floor: SalesFloor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await floor.shown("/opportunities/O1"))["actions"]
    return found


def kinds_of(action: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in action["evidence"]]


def file_for(kind: str, number: int) -> tuple[str, bytes, str]:
    """What a rep has at hand: a picture of what is seen, a PDF of what is written."""
    if kind.startswith("photo") or kind == "screenshot":
        return (f"{number}.png", PHOTO + bytes([number]), "image/png")
    return (f"{number}.pdf", b"%PDF-1.7 " + bytes([number]), "application/pdf")


@pytest.mark.parametrize("pipeline", [KEY_ACCOUNTS, STORES], ids=lambda each: each.name)
async def test_every_golden_action_of_the_demonstration_is_completed_from_the_page_alone(
    floor: SalesFloor, pipeline: PipelineDefinition
) -> None:
    await opens(floor, replace(pipeline, unmet="enforce"))
    following_stages = [each.name for each in pipeline.stages[1:]]

    for number, stage in enumerate(pipeline.stages):
        [golden] = stage.golden_actions
        files = {
            f"file_{slot}": file_for(kind, number * 3 + slot)
            for slot, kind in enumerate(golden.evidence, 1)
        }
        answer = await log(floor, type=golden.action, files=files)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/my-day#sent")
        assert kinds_of((await actions(floor))[-1]) == list(golden.evidence)
        floor.clock.move_to(floor.clock() + timedelta(minutes=1))
        done = {"stage": following_stages[number]} if number < len(following_stages) else {}
        await floor.told(f"/opportunities/O1/{'change-stage' if done else 'win'}", done, "rep-1")
        await floor.hosting.catch_up()


async def test_the_form_says_what_the_stage_asks_for_and_offers_its_kinds_only(
    floor: SalesFloor,
) -> None:
    await opens(floor, STORES)

    english = await shown(floor, "/my-day", "rep-1")
    chinese = await shown(floor, "/my-day", "rep-1", "zh")

    asks = "Store visited asks for: Visit (photo of the storefront, photo of the display)"
    assert asks in english
    assert "“首次进店”阶段要求：拜访 (门头照片、陈列照片)" in chinese
    offered = english.split('name="kind_1"')[1].split("</select>")[0]
    assert "photo_storefront" in offered
    assert "photo_display" in offered
    assert "minutes" not in offered


async def test_a_kind_that_was_chosen_holds_and_the_other_file_gets_what_is_left(
    floor: SalesFloor,
) -> None:
    await opens(floor, STORES)
    files = {"file_1": file_for("photo", 1), "file_2": file_for("photo", 2)}

    await log(floor, type="visit", kind_2="photo_storefront", files=files)

    [action] = await actions(floor)
    assert kinds_of(action) == ["photo_display", "photo_storefront"]


async def test_a_recording_is_taken_with_the_customers_consent_only(floor: SalesFloor) -> None:
    await opens(floor, STORES)
    files = {"file_1": ("call.amr", RECORDING, "audio/amr")}

    without = await log(floor, files=files)
    assert 'id="fault-consent"' in without.text
    assert await actions(floor) == []
    await log(floor, files=files, consent="yes")

    [action] = await actions(floor)
    assert kinds_of(action) == ["recording"]


async def test_a_file_of_another_kind_is_told_at_its_field(floor: SalesFloor) -> None:
    await opens(floor, STORES)

    refused = await log(floor, files={"file_2": ("x.exe", b"MZ", "application/x-msdownload")})

    assert refused.status_code == 422
    assert 'id="fault-file_2" role="alert">Files of this kind are not taken.' in refused.text
    assert await actions(floor) == []


@pytest.mark.parametrize(("language", "said"), [("en", "This is too short."), ("zh", "内容太短。")])
async def test_a_summary_that_would_count_nowhere_is_told_at_its_field(
    floor: SalesFloor, language: str, said: str
) -> None:
    await opens(floor, STORES)
    spoken = {"Accept-Language": language}

    on_page = await log(floor, type="visit", summary="嗯 <b>", headers=spoken)
    to_script = await log(floor, type="visit", summary="嗯", headers={**spoken, **JSON})

    assert f'id="fault-summary" role="alert">{said}<' in on_page.text
    assert 'value="嗯 &lt;b&gt;"' in on_page.text
    assert to_script.status_code == 422
    [error] = to_script.json()["errors"]
    assert (error["field"], error["message"]) == ("summary", said)
    assert await actions(floor) == []


async def test_the_types_own_fields_are_typed_on_the_page(floor: SalesFloor) -> None:
    await opens(floor, STORES)
    tasting = {"type": "tasting", "field.guests": "12", "field.again": "true"}

    missing = await log(floor, **tasting)
    wrong = await log(floor, **{**tasting, "field.mood": "warm", "field.guests": "many"})
    others = await log(floor, **{"type": "message", "field.guests": "3"})
    await log(floor, **tasting, **{"field.mood": "warm"})

    assert 'id="fault-field.mood" role="alert">This is needed.' in missing.text
    assert 'id="fault-field.guests" role="alert">This is no number.' in wrong.text
    assert 'name="field.guests" inputmode="decimal" autocomplete="off" value="many"' in wrong.text
    assert 'id="fault-field.guests"' in others.text
    assert len(await actions(floor)) == 1
    stored = await last_logged(floor)
    assert stored == {"mood": "warm", "guests": 12, "again": True}


async def last_logged(floor: SalesFloor) -> dict[str, Any]:
    stored = await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1")
    found: dict[str, Any] = floor.hosting.ports.codec.decode(stored[-1]).event.fields
    return found


async def test_the_last_action_with_a_customer_fills_in_the_next(floor: SalesFloor) -> None:
    await opens(floor, STORES)
    await log(floor, **{"type": "tasting", "field.mood": "cold", "field.guests": "12"})

    day = await shown(floor, "/my-day?opportunity=O1", "rep-1")

    assert 'value="tasting" checked' in day
    assert '<option value="cold" selected>' in day
    assert 'value="12"' not in day


async def test_what_was_sent_again_since_its_answer_was_lost_counts_once(
    floor: SalesFloor,
) -> None:
    await opens(floor, STORES)
    kept = {"key": "kept-1", "occurred_at": said_at(NOW)}

    for minutes in (0, 5):
        at = NOW + timedelta(minutes=minutes)
        floor.clock.move_to(at)
        answer = await log(floor, headers=JSON, **kept, sent_at=said_at(at))
        assert answer.json() == {"logged": True}

    assert len(await actions(floor)) == 1


async def test_what_is_somebody_elses_by_now_is_told_at_the_customer(floor: SalesFloor) -> None:
    await opens(floor, STORES)
    await floor.told("/opportunities/O1/assign", {"owner_id": "rep-2"})
    await floor.hosting.catch_up()

    refused: httpx.Response = await log(floor, headers=JSON)

    assert refused.status_code == 404
    [error] = refused.json()["errors"]
    assert error["field"] == "opportunity_id"
    assert error["message"] == "There is nothing here, or it is not yours to see."
    assert 'id="waiting"' in await shown(floor, "/my-day", "rep-1")


def said_at(at: datetime) -> str:
    return at.isoformat()
