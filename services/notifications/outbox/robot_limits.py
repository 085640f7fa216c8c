"""What left lately to each robot, by whichever channels, so that its own limits are kept (N4)."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from services.notifications.channels.table import CHANNELS
from services.notifications.domain.channel_book import ChannelBook, ConfiguredChannel
from services.notifications.domain.throttle import (
    Limit,
    MayLeave,
    MustWait,
    admission,
    longest_window,
)
from services.notifications.queries.attempts import held_until, sent_since
from shared.read_store import ReadStore

Robot = tuple[str, str]
"""Its kind and what stands for its address, which is its password: a hash under our key."""


@dataclass(slots=True)
class SentByUs:
    """What a robot's limits are reckoned from. `channels`: tenants and ids of those counted."""

    sent_at: list[datetime] = field(default_factory=list)
    held_until: datetime | None = None
    channels: set[tuple[str, str]] = field(default_factory=set)


class RobotLimits:
    """Reckoned after a start from the log, then from what this process sends."""

    def __init__(self, reads: ReadStore, key: bytes) -> None:
        self._reads = reads
        self._key = key
        self._records: dict[Robot, SentByUs] = {}

    def robot_of(self, tenant_id: str, configured: ConfiguredChannel) -> Robot:
        """The same for every channel with the same address; without limits each is its own."""
        address = _address(configured) if _limits(configured) else ()
        address = address or (tenant_id, configured.channel_id)
        stands_for_it = "\x1f".join(address).encode()
        return configured.kind, hmac.new(self._key, stands_for_it, hashlib.sha256).hexdigest()

    async def admission(
        self, tenant_id: str, configured: ConfiguredChannel, book: ChannelBook, now: datetime
    ) -> MayLeave | MustWait:
        limits = _limits(configured)
        if not limits:
            return MayLeave()
        since = now - longest_window(limits)
        record = await self._record(tenant_id, configured, book, since, now)
        record.sent_at = [at for at in record.sent_at if at > since]
        return admission(limits, record.sent_at, record.held_until, now)

    def leaves(self, tenant_id: str, configured: ConfiguredChannel, now: datetime) -> None:
        record = self._records.get(self.robot_of(tenant_id, configured))
        if record is not None:
            record.sent_at.append(now)

    def asked_to_wait(self, tenant_id: str, configured: ConfiguredChannel, until: datetime) -> None:
        record = self._records.get(self.robot_of(tenant_id, configured))
        if record is not None:
            record.held_until = until

    async def _record(
        self,
        tenant_id: str,
        configured: ConfiguredChannel,
        book: ChannelBook,
        since: datetime,
        now: datetime,
    ) -> SentByUs:
        robot = self.robot_of(tenant_id, configured)
        record = self._records.get(robot)
        if record is None:
            record = self._records[robot] = SentByUs()
            same = (each for each in book.by_id.values() if self.robot_of(tenant_id, each) == robot)
            await self._count(record, tenant_id, (each.channel_id for each in same), since, now)
        elif (tenant_id, configured.channel_id) not in record.channels:
            await self._count(record, tenant_id, (configured.channel_id,), since, now)
        return record

    async def _count(
        self,
        record: SentByUs,
        tenant_id: str,
        channel_ids: Iterable[str],
        since: datetime,
        now: datetime,
    ) -> None:
        for channel_id in channel_ids:
            record.channels.add((tenant_id, channel_id))
            sent_at = await sent_since(self._reads, tenant_id, channel_id, since)
            record.sent_at = sorted([*record.sent_at, *sent_at])
            held = await held_until(self._reads, tenant_id, channel_id, now)
            record.held_until = max(
                (each for each in (record.held_until, held) if each), default=None
            )


def _limits(configured: ConfiguredChannel) -> Sequence[Limit]:
    return CHANNELS[configured.kind].limits if configured.kind in CHANNELS else ()


def _address(configured: ConfiguredChannel) -> tuple[str, ...]:
    """However it was written down."""
    if not isinstance(configured.url, str) or not configured.url:
        return ()
    parts = urlsplit(configured.url.strip())
    fields = sorted(parse_qsl(parts.query))
    return parts.scheme, parts.netloc.lower(), parts.path, *("=".join(each) for each in fields)
