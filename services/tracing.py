"""Host: where the traces of a process go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import CannotGoOn
from shared.settings import TelemetrySettings
from shared.tracing import told_of_spans


@asynccontextmanager
async def traces_sent(part: str) -> AsyncIterator[None]:
    """While this lasts, to the collector that the settings name, as of `pulsetrail-<part>`.

    Raises CannotGoOn where the exporter is not installed.
    """
    settings = TelemetrySettings()
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.util.re import parse_env_headers  # noqa: PLC0415

        from shared.adapters.otlp_traces import OtlpTraces  # noqa: PLC0415
    except ImportError as failure:
        raise CannotGoOn(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but what sends traces is not installed:"
            " pip install 'pulsetrail[scale]'"
        ) from failure
    given = settings.otel_exporter_otlp_headers
    headers = {} if given is None else parse_env_headers(given.get_secret_value(), liberal=True)
    traces = OtlpTraces(
        endpoint,
        f"pulsetrail-{part}",
        sampled_share=settings.otel_traces_sampler_arg,
        headers=headers,
    )
    try:
        with told_of_spans(traces):
            yield
    finally:
        await asyncio.to_thread(traces.close)
