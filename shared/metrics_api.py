"""GET /metrics in Prometheus' text format: where subscriptions stand, what became of events."""

import secrets
from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Request, Response

from shared.errors import Unauthenticated
from shared.ports import Ports
from shared.service import Gauge, Service
from shared.settings import InstallationSettings
from shared.subscription import Following

_LOOPBACK = ("127.0.0.1", "::1", "testclient")


def router(
    ports: Ports, subscriptions: Sequence[Following], services: Sequence[Service]
) -> APIRouter:
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def get_metrics(request: Request) -> Response:
        refuse_strangers(ports.settings, request)
        lines = list(_outcome_lines(subscriptions))
        lines.append("# TYPE pulsetrail_subscription_lag_events gauge")
        for subscription in subscriptions:
            lag = 0
            for partition in range(ports.event_store.partitions):
                head = await ports.event_store.head(subscription.log, partition)
                lag += head - await subscription.position(partition)
            label = f'subscription="{subscription.name}"'
            lines.append(f"pulsetrail_subscription_lag_events{{{label}}} {lag}")
        for service in services:
            lines += gauge_lines(await service.gauges())
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return routes


def refuse_strangers(settings: InstallationSettings, request: Request) -> None:
    """Raises Unauthenticated."""
    token = settings.metrics_token
    if token is None:
        if request.client is None or request.client.host not in _LOOPBACK:
            raise Unauthenticated("without PULSETRAIL_METRICS_TOKEN metrics are for loopback only")
        return
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(sent.encode(), token.get_secret_value().encode()):
        raise Unauthenticated("send `Authorization: Bearer <metrics token>`")


def gauge_lines(gauges: Sequence[Gauge]) -> Iterator[str]:
    typed: set[str] = set()
    for gauge in sorted(gauges, key=lambda each: each.name):
        if gauge.name not in typed:
            typed.add(gauge.name)
            yield f"# TYPE {gauge.name} gauge"
        labels = ",".join(f'{name}="{value}"' for name, value in gauge.labels.items())
        yield f"{gauge.name}{{{labels}}} {gauge.value}"


def _outcome_lines(subscriptions: Sequence[Following]) -> Iterator[str]:
    yield "# TYPE pulsetrail_subscription_events_total counter"
    for subscription in subscriptions:
        for outcome in ("applied", "skipped", "retried", "dead_lettered"):
            labels = f'subscription="{subscription.name}",outcome="{outcome}"'
            count = subscription.outcomes[outcome]
            yield f"pulsetrail_subscription_events_total{{{labels}}} {count}"
