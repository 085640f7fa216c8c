"""How well channels deliver, for /metrics (N5)."""

from collections.abc import Sequence
from datetime import timedelta

from services.notifications.queries.attempts import delivery_rates
from shared.ports import Ports
from shared.service import Gauge

_LOOKED_BACK = timedelta(hours=24)


async def channel_gauges(ports: Ports) -> Sequence[Gauge]:
    """Per tenant and channel the delivery rate of the last 24 h, and 1 where it is below the
    tenant's alert level; a channel without an ended attempt has neither."""
    now = ports.clock()
    gauges: list[Gauge] = []
    for tenant_id in await ports.organisations.tenants():
        organisation = await ports.organisations.of(tenant_id)
        alert_below = organisation.number_setting("delivery_rate_alert", now)
        rates = await delivery_rates(ports.read_store, tenant_id, now - _LOOKED_BACK)
        for channel, known in sorted(rates.items()):
            if known.rate is not None:
                labels = {"tenant": tenant_id, "channel": channel}
                alerts = float(known.rate < alert_below)
                gauges.append(Gauge("pulsetrail_delivery_rate", labels, known.rate))
                gauges.append(Gauge("pulsetrail_delivery_rate_alert", labels, alerts))
    return gauges
