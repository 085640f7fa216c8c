"""GET /metrics in Prometheus' text format: where subscriptions stand, what became of events."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

from fastapi import APIRouter, Request, Response

from shared.errors import Unauthenticated
from shared.ports import Ports
from shared.service import Gauge, Service
from shared.settings import InstallationSettings
from shared.subscription import Following
from shared.telemetry import OUTCOMES

_LOOPBACK = ("127.0.0.1", "::1", "testclient")


def router(
    ports: Ports, subscriptions: Sequence[Following], services: Sequence[Service]
) -> APIRouter:
    async def figures() -> list[Gauge]:
        found = list(_outcomes(subscriptions))
        heads = await _heads(ports, {each.log for each in subscriptions})
        for subscription in subscriptions:
            lag = await _lag(subscription, heads[subscription.log])
            labels = {"subscription": subscription.name}
            found.append(Gauge("pulsetrail_subscription_lag_events", labels, lag))
            stopped = len(subscription.stopped)
            found.append(Gauge("pulsetrail_subscription_stopped_partitions", labels, stopped))
        for service in services:
            found += await service.gauges()
        return found

    return metrics_router(ports.settings, figures)


def metrics_router(
    settings: InstallationSettings, figures: Callable[[], Awaitable[Sequence[Gauge]]]
) -> APIRouter:
    """The figures of any process, and the distributions that it has counted."""
    # Loads the SDK, a fifth of a second: only where requests are served, and before they are.
    from shared.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415

    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def get_metrics(request: Request) -> Response:
        refuse_strangers(settings, request)
        return Response(exposition(await figures()), media_type=CONTENT_TYPE)

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


async def _heads(ports: Ports, logs: Collection[str]) -> dict[str, list[int]]:
    """By partition, once for all who follow the log."""
    store = ports.event_store
    return {
        log: [await store.head(log, partition) for partition in range(store.partitions)]
        for log in logs
    }


async def _lag(subscription: Following, heads: Sequence[int]) -> int:
    """Who has moved on since has none."""
    return sum(
        [
            max(0, head - await subscription.position(partition))
            for partition, head in enumerate(heads)
        ]
    )


def _outcomes(subscriptions: Sequence[Following]) -> Iterator[Gauge]:
    for subscription in subscriptions:
        for outcome in OUTCOMES:
            labels = {"subscription": subscription.name, "outcome": outcome}
            count = subscription.outcomes[outcome]
            yield Gauge("pulsetrail_subscription_events_total", labels, count)
