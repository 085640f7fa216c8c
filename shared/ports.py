"""What a host gives every service: its way to the outside, to time and to chance."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from shared.clock import Clock
from shared.codec import Codec
from shared.command_handling import CommandHandling
from shared.event_store import EventStore
from shared.identity import IdentityProvider
from shared.key_store import KeyStore
from shared.object_store import ObjectStore
from shared.organisations import Organisations
from shared.outbound import Outbound
from shared.progress import Progress
from shared.read_store import ReadStore
from shared.settings import InstallationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """`outbound` opens guarded HTTP connections; `random_bytes` is for keys and tokens.

    `organisations` answers from the service's own fold of the directory's events.
    """

    event_store: EventStore
    read_store: ReadStore
    key_store: KeyStore
    object_store: ObjectStore
    codec: Codec
    clock: Clock
    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]
    settings: InstallationSettings
    organisations: Organisations
    progress: Progress
    outbound: Outbound
    identity_provider: IdentityProvider | None = None
    _handling: dict[str, CommandHandling] = field(default_factory=dict, init=False, repr=False)

    def commands(self, log: str) -> CommandHandling:
        """Command handling on one service's log; all who ask share its cache."""
        if log not in self._handling:
            self._handling[log] = CommandHandling(log, self.event_store, self.codec, self.new_id)
        return self._handling[log]

    async def check_events(self) -> None:
        """Can the event store work, and could what was last appended be? Raises StoreAway,
        CannotGoOn."""
        await self.event_store.check()
        for handling in self._handling.values():
            handling.last_write.check()
