"""What left lately by each channel, so that no robot's own limits are broken (N4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifications.channels.table import CHANNELS
from services.notifications.domain.channel_book import ConfiguredChannel
from services.notifications.domain.throttle import MayLeave, MustWait, admission, longest_window
from services.notifications.queries.attempts import held_until, sent_since
from shared.read_store import ReadStore


@dataclass(slots=True)
class SentByUs:
    """What a robot's limits are reckoned from."""

    sent_at: list[datetime]
    held_until: datetime | None


class RobotLimits:
    """Reckoned after a start from the log, then from what this process sends."""

    def __init__(self, reads: ReadStore) -> None:
        self._reads = reads
        self._records: dict[tuple[str, str], SentByUs] = {}

    async def admission(
        self, tenant_id: str, configured: ConfiguredChannel, now: datetime
    ) -> MayLeave | MustWait:
        limits = CHANNELS[configured.kind].limits if configured.kind in CHANNELS else ()
        if not limits:
            return MayLeave()
        record = await self._record(tenant_id, configured.channel_id, longest_window(limits), now)
        return admission(limits, record.sent_at, record.held_until, now)

    def leaves(self, tenant_id: str, channel_id: str, now: datetime) -> None:
        record = self._records.get((tenant_id, channel_id))
        if record is not None:
            record.sent_at.append(now)

    def asked_to_wait(self, tenant_id: str, channel_id: str, until: datetime) -> None:
        record = self._records.get((tenant_id, channel_id))
        if record is not None:
            record.held_until = until

    async def _record(
        self, tenant_id: str, channel_id: str, window: timedelta, now: datetime
    ) -> SentByUs:
        record = self._records.get((tenant_id, channel_id))
        if record is None:
            sent_at = await sent_since(self._reads, tenant_id, channel_id, now - window)
            held = await held_until(self._reads, tenant_id, channel_id, now)
            record = self._records[tenant_id, channel_id] = SentByUs(sent_at, held)
        record.sent_at = [at for at in record.sent_at if at > now - window]
        return record
