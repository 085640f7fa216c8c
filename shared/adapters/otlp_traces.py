"""Spans to a collector, OTLP over HTTP, by a thread of the SDK: nobody waits for it."""

import logging
from collections.abc import Mapping, Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from shared.tracing import TraceContext

LOG = structlog.get_logger(__name__)

_TIMEOUT_SECONDS = 5.0
_FLUSH_MILLISECONDS = 5_000
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtlpTraces:
    """What the collector does not take in time is dropped, and told once.

    The share that is kept is decided before: whatever begins here is sent.
    """

    def __init__(
        self, endpoint: str, service: str, *, sampled_share: float, headers: Mapping[str, str]
    ) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we say it ourselves
        self.sampled_share = sampled_share
        address = f"{endpoint.rstrip('/')}/v1/traces"
        self._exporter = _Exporter(
            address, OTLPSpanExporter(address, headers=dict(headers), timeout=_TIMEOUT_SECONDS)
        )
        self._processor = BatchSpanProcessor(self._exporter)
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("pulsetrail")

    def begin(
        self,
        name: str,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
        *,
        is_served: bool = False,
    ) -> "_Span":
        context = None
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(_remote(parent)))
        kind = SpanKind.SERVER if is_served else SpanKind.INTERNAL
        linked = [Link(_remote(each)) for each in links]
        return _Span(self._tracer.start_span(name, context, kind, links=linked))

    def flush(self) -> None:
        """What is waiting is sent now."""
        self._processor.force_flush(_FLUSH_MILLISECONDS)

    def close(self) -> None:
        """What is waiting is sent, unless the collector is away: then it is dropped at once."""
        self._exporter.give_up_if_away()
        self._processor.shutdown()  # type: ignore[no-untyped-call]


class _Span:
    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext:
        known = self._span.get_span_context()
        return TraceContext(f"{known.trace_id:032x}", f"{known.span_id:016x}", is_sampled=True)

    def add(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def end(self, *, failed: bool) -> None:
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _remote(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=_SAMPLED
    )


class _Exporter(SpanExporter):
    """Tells of a collector that is away once, and once that it is back."""

    def __init__(self, address: str, exporter: OTLPSpanExporter) -> None:
        self._address = address
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            LOG.warning(
                "traces_are_dropped",
                why=f"{self._address} does not take them; see OTEL_EXPORTER_OTLP_ENDPOINT",
            )
        elif self._is_away and not is_away:
            LOG.warning("traces_are_taken_again", by=self._address)
        self._is_away = is_away
        return result

    def give_up_if_away(self) -> None:
        if self._is_away:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def shutdown(self) -> None:
        if not self._is_away:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
