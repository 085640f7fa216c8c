"""What traces and figures cost: CPU of the hot paths with and without them, in the same run.

On: spans are sent, and one post in a hundred is sampled, the share that is by default, in every
round the same; off: nobody is told, and the places that count are emptied. The rounds take turns,
and each is compared with its neighbour, since the machine's speed drifts.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.sdk.trace.export import SpanExportResult

from benchmarks.figure import Figure, table
from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.embedded import open_embedded
from shared import telemetry, tracing
from shared.access import Role
from shared.adapters.otlp_traces import OtlpTraces
from shared.command_handling import CommandContext
from shared.hosting import Hosting, application
from shared.http import BASE, key_hash
from shared.settings import InstallationSettings

ROUNDS, WARMING = 18, 2
POSTS, LINES = 100, 1_000
SAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
EVENTS = POSTS + LINES
ON, OFF, AGAIN = ARMS = ("on", "off", "again")
POST, LINE, EVENT = "post", "line of a batch", "event into all read models"
AT_MOST = 1.03

SETTINGS = InstallationSettings(requests_a_minute=10_000_000)
KEY = "benchmark"
TENANT = "default"


def measure() -> list[Figure]:
    """One figure each for single posts, a batch and the read models.

    Raises AssertionError where an event is missing afterwards.
    """
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="pulsetrail-telemetry-") as folder:
        async with open_embedded(Path(folder), settings=SETTINGS) as hosting:
            await _furnished(hosting)
            app = application(hosting)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                return await _figures(hosting, http)


async def _figures(hosting: Hosting, http: httpx.AsyncClient) -> list[Figure]:
    seconds: dict[tuple[str, str], list[float]] = {}
    stored = await hosting.ports.event_store.head("opportunities", 0)
    with _taking_traces() as traces:
        for number in range(ROUNDS + WARMING):
            turn = number % len(ARMS)
            for arm in ARMS[turn:] + ARMS[:turn]:
                with tracing.told_of_spans(traces) if arm == ON else _uncounted():
                    spent = await _round(hosting, http, f"{number}{arm}")
                if number >= WARMING:
                    for what, each in spent.items():
                        seconds.setdefault((what, arm), []).append(each)
    head = await hosting.ports.event_store.head("opportunities", 0)
    assert head - stored == len(ARMS) * (ROUNDS + WARMING) * EVENTS, "an event is missing"
    assert await hosting.at_head(), "a read model is behind"
    counts = {POST: POSTS, LINE: LINES, EVENT: EVENTS}
    return [_figure(what, seconds, count) for what, count in counts.items()]


def _figure(what: str, seconds: dict[tuple[str, str], list[float]], count: int) -> Figure:
    """The median of the ratios of neighbours; beside it that of two rounds without telemetry."""
    on, off, again = (seconds[what, arm] for arm in (ON, OFF, AGAIN))
    ratio, noise = _ratio(on, off), _ratio(again, off)
    cost = statistics.median(off) / count * 1e6
    return Figure(
        name=f"CPU of one {what} with telemetry ÷ without",
        value=ratio,
        unit="ratio",
        target=f"< {AT_MOST}",
        met=ratio < AT_MOST,
        compared_with=f"{cost:.0f} µs without; without ÷ without: {noise:.3f}",
    )


def _ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(some, others, strict=True))


async def _round(hosting: Hosting, http: httpx.AsyncClient, name: str) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {KEY}"}

    async def post() -> None:
        for number in range(POSTS):
            body = {"opportunity_id": f"{name}-p{number}", "customer_id": "C1"}
            sent = headers if number else headers | SAMPLED
            response = await http.post(f"{BASE}/opportunities", json=body, headers=sent)
            assert response.status_code == 201, response.text

    return {
        POST: await _cpu(post),
        LINE: await _cpu(lambda: _post_lines(http, name, headers)),
        EVENT: await _cpu(lambda: hosting.catch_up(runners=False)),
    }


async def _cpu(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of all threads, spans sent; without collections, which fall on any round."""
    gc.collect()
    gc.disable()
    begun = time.process_time()
    await work()
    told = tracing.tracing()
    if isinstance(told, OtlpTraces):
        told.flush()
    spent = time.process_time() - begun
    gc.enable()
    return spent


async def _post_lines(http: httpx.AsyncClient, name: str, headers: dict[str, str]) -> None:
    lines = "\n".join(
        f'{{"command":"open-opportunity","opportunity_id":"{name}-{number}","customer_id":"C1"}}'
        for number in range(LINES)
    )
    response = await http.post(
        f"{BASE}/commands",
        content=lines,
        headers=headers | {"Content-Type": "application/x-ndjson"},
    )
    assert response.text.count('"done"') == LINES, response.text[:300]


async def _furnished(hosting: Hosting) -> None:
    from services.cli.desk import furnish  # noqa: PLC0415

    ports = hosting.ports
    await furnish(ports)
    now = ports.clock()
    context = CommandContext(
        tenant_id=TENANT, actor_id=None, occurred_at=now, correlation_id="benchmark"
    )
    command = CreateApiKey(
        key_id="K1",
        key_hash=key_hash(KEY),
        role=Role.DIRECTOR,
        unit_id="company",
        person_id=None,
        name="benchmark",
        now=now,
    )
    await ports.commands("directory").handle(API_KEY, "K1", command, context)
    await hosting.catch_up(runners=False)


@contextmanager
def _taking_traces() -> Iterator[OtlpTraces]:
    """All of it but the collector itself, which is another machine's work."""
    traces = OtlpTraces("http://localhost:9", "benchmark", sampled_share=0.0, headers={})
    traces._exporter._exporter.export = _taken  # type: ignore[method-assign]
    try:
        yield traces
    finally:
        traces.close()


def _taken(spans: Sequence[Any]) -> SpanExportResult:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    encode_spans(spans).SerializePartialToString()
    return SpanExportResult.SUCCESS


@contextmanager
def _uncounted() -> Iterator[None]:
    record = telemetry.Distribution.record
    telemetry.Distribution.record = _nothing  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        telemetry.Distribution.record = record  # type: ignore[method-assign]


def _nothing(*_given: object) -> None:
    """What counting costs when it is left out."""


if __name__ == "__main__":
    print(table(measure()))
