"""One trace from a client's post to the delivery; nothing personal in it; nobody waits for it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import structlog

from services.tracing import traces_sent
from shared.adapters.otlp_traces import OtlpTraces
from shared.http import BASE
from shared.settings import TelemetrySettings
from shared.tracing import told_of_spans, tracing
from tests.receivers.collector import Collector, collector
from tests.receivers.receiver import receiving
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.test_deliveries import WEBHOOK, with_hook

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENTS_SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CLIENTS_SPAN}-01"
CONTACT = {"contact_id": "P1", "name": "欧阳娜娜", "phone": "13800138000"}
CUSTOMER = {"customer_id": "C9", "name": "欧阳百货", "contacts": [CONTACT]}


@dataclass
class Traced:
    alarm: AlarmFloor
    collector: Collector
    traces: OtlpTraces

    async def seen(self) -> Collector:
        await asyncio.to_thread(self.traces.flush)
        return self.collector


@asynccontextmanager
async def traced_floor(path: Path, share: float = 0.0) -> AsyncIterator[Traced]:
    with collector() as seen:
        traces = OtlpTraces(seen.address, "pulsetrail-test", sampled_share=share, headers={})
        try:
            async with alarm_floor(path) as alarm:
                with told_of_spans(traces):
                    yield Traced(alarm, seen, traces)
        finally:
            traces.close()


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Traced]:
    async with traced_floor(tmp_path / "data") as found:
        yield found


async def open_o1(alarm: AlarmFloor, **headers: str) -> Any:
    body = {"opportunity_id": "O1", "customer_id": "C1", "owner_id": "rep-1"}
    response = await alarm.floor.post("/opportunities", body, "rep-1", **headers)
    assert response.status_code == 201, response.text
    return response


async def test_one_trace_leads_from_the_post_to_the_delivery(traced: Traced) -> None:
    alarm = traced.alarm
    async with receiving(WEBHOOK) as hook:
        await with_hook(alarm, hook)
        await open_o1(alarm, traceparent=TRACEPARENT)
        await alarm.settle()
        for _ in range(8):
            await alarm.settle(after=timedelta(hours=12))
        assert hook.arrived
    seen = await traced.seen()
    of_trace = {span.name for span in seen.spans if span.trace_id == TRACE}
    assert of_trace >= {
        "POST",
        "append opportunities",
        "take projections.opportunity_process.v1",
        "append projections",
        "take notifications.escalating.v1",
        "append notifications",
        "deliver",
    }
    [post] = seen.named("POST")
    assert (post.trace_id, post.parent_id) == (TRACE, CLIENTS_SPAN)
    assert post.attributes["http.route"].endswith("/opportunities")
    assert post.attributes["http.response.status_code"] == "201"
    delivered = [span.attributes for span in seen.named("deliver") if "outcome" in span.attributes]
    assert [each["outcome"] for each in delivered][:1] == ["accepted"]


async def test_the_span_of_a_batch_is_linked_to_each_sampled_event(traced: Traced) -> None:
    others = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 21)]
    for number, traceparent in enumerate(others):
        body = {"opportunity_id": f"P{number}", "customer_id": "C1", "owner_id": "rep-1"}
        await traced.alarm.floor.post("/opportunities", body, "rep-1", traceparent=traceparent)
    await traced.alarm.settle()
    seen = await traced.seen()
    [taken] = seen.named("take projections.opportunity_process")
    assert len(taken.linked) == 16
    assert set(taken.linked) <= {traceparent[3:35] for traceparent in others}
    assert taken.trace_id in taken.linked
    assert taken.attributes["events"] >= "20"


async def test_a_trace_that_the_client_does_not_keep_has_no_span_and_is_carried_on(
    traced: Traced,
) -> None:
    await open_o1(traced.alarm, traceparent=f"00-{TRACE}-{CLIENTS_SPAN}-00")
    await traced.alarm.settle()
    assert (await traced.seen()).spans == []
    [opened, *_] = await traced.alarm.floor.hosting.ports.event_store.read_stream(
        "T1/opportunity/O1"
    )
    assert opened.trace_context == f"00-{TRACE}-{CLIENTS_SPAN}-00"


@pytest.mark.parametrize(
    "said", ["", "nonsense", "王小明 13800138000", f"00-{'0' * 32}-{CLIENTS_SPAN}-01", "00-01"]
)
async def test_what_is_no_trace_context_is_not_stored(traced: Traced, said: str) -> None:
    body = {"opportunity_id": "O1", "customer_id": "C1"}
    headers = {b"authorization": b"Bearer key-rep-1", b"traceparent": said.encode()}
    await traced.alarm.floor.http.post(f"{BASE}/opportunities", json=body, headers=headers)
    [opened, *_] = await traced.alarm.floor.hosting.ports.event_store.read_stream(
        "T1/opportunity/O1"
    )
    assert opened.trace_context is None


async def test_a_problem_names_the_trace(traced: Traced) -> None:
    get = traced.alarm.floor.get
    unknown = (await get("/opportunities/nobody", traceparent=TRACEPARENT)).json()
    assert unknown["trace_id"] == TRACE
    own = (await get("/opportunities/nobody")).json()["trace_id"]
    other = (await get("/opportunities/nobody")).json()["trace_id"]
    assert len(own) == 32
    assert own != other


async def test_a_share_of_the_traces_begins_here(tmp_path: Path) -> None:
    async with traced_floor(tmp_path / "data", share=1.0) as traced:
        problem = (await traced.alarm.floor.get("/opportunities/nobody")).json()
        await open_o1(traced.alarm)
        seen = await traced.seen()
        [asked] = seen.named("GET")
        [posted] = seen.named("POST")
        assert (asked.trace_id, asked.parent_id) == (problem["trace_id"], "")
        assert posted.trace_id != asked.trace_id


async def test_nothing_personal_leaves_with_a_trace(tmp_path: Path) -> None:
    async with traced_floor(tmp_path / "data", share=1.0) as traced:
        post = traced.alarm.floor.post
        assert (await post("/customers", CUSTOMER, "rep-1")).status_code in (200, 201)
        await traced.alarm.floor.get(
            "/customers?phone=13800138000&name=%E6%AC%A7%E9%98%B3", "rep-1"
        )
        await open_o1(traced.alarm)
        told = {"type": "call", "summary": "欧阳娜娜 13800138000"}
        await post("/opportunities/O1/log-action", told, "rep-1")
        await post("/opportunities/O1/log-action", {"nonsense": "13800138000"}, "rep-1")
        await traced.alarm.settle()
        sent = b"".join((await traced.seen()).bodies)
    assert b"append opportunities" in sent
    for personal in ("欧阳", "13800138000", "%E6%AC%A7", "key-rep-1"):
        assert personal.encode() not in sent


async def test_lines_of_a_batch_share_one_span(traced: Traced) -> None:
    lines = "\n".join(
        f'{{"command": "open-opportunity", "opportunity_id": "B{number}", "customer_id": "C1"}}'
        for number in range(30)
    )
    response = await traced.alarm.floor.http.post(
        f"{BASE}/commands",
        content=lines,
        headers={
            "Authorization": "Bearer key-rep-1",
            "Content-Type": "application/x-ndjson",
            "traceparent": TRACEPARENT,
        },
    )
    assert response.text.count('"done"') == 30, response.text[:500]
    assert len((await traced.seen()).named("append opportunities")) == 1


# ------------------------------------------------------------------------------ a bad collector


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture
def entries() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logged:
        yield logged


async def test_a_collector_that_is_away_costs_one_line_and_no_work(
    tmp_path: Path,
    unused_port: int,
    entries: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = f"http://127.0.0.1:{unused_port}"
    traces = OtlpTraces(address, "pulsetrail-test", sampled_share=1.0, headers={})
    async with alarm_floor(tmp_path / "data") as alarm:
        with told_of_spans(traces), caplog.at_level(logging.INFO):
            for number in range(3):
                body = {"opportunity_id": f"O{number}", "customer_id": "C1"}
                assert (await alarm.floor.post("/opportunities", body, "rep-1")).status_code == 201
                await asyncio.to_thread(traces.flush)
            await alarm.settle()
        begun = monotonic()
        await asyncio.to_thread(traces.close)
        assert monotonic() - begun < 2
        assert len((await alarm.floor.shown("/boards/silence"))["rows"]) == 3
    told = [entry for entry in entries if entry["event"] == "traces_are_dropped"]
    assert len(told) == 1
    assert address in told[0]["why"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in told[0]["why"]
    assert [record for record in caplog.records if record.name != "httpx"] == []


def test_an_endpoint_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    with pytest.raises(ValueError, match="no address like"):
        TelemetrySettings()


async def test_a_process_sends_as_the_part_that_it_is_with_the_headers_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with collector() as seen:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{seen.address}/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t")
        async with traces_sent("embedded"), alarm_floor(tmp_path / "data") as alarm:
            await open_o1(alarm, traceparent=TRACEPARENT)
        assert {span.service for span in seen.spans} == {"pulsetrail-embedded"}
        assert set(seen.paths) == {"/v1/traces"}
        assert seen.headers[0]["authorization"] == "Bearer t"


async def test_without_an_endpoint_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    async with traces_sent("embedded"):
        assert tracing() is None
