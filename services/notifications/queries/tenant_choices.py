"""What a tenant has set for its notifications: channels with their secrets, words, policies."""

from dataclasses import replace

from services.notifications.domain.channel_book import (
    CHANNEL_BOOK,
    ChannelBook,
    ConfiguredChannel,
)
from services.notifications.domain.policy import POLICIES, Policies
from services.notifications.domain.wording import WORDING
from services.notifications.domain.words import OwnWords
from services.notifications.queries.vault import Vault
from shared.command_handling import CommandHandling
from shared.envelope import stream_name
from shared.ports import Ports

ONE_PER_TENANT = "all"
"""The id of what a tenant has one of."""

LINK_KEY_SUBJECT = "tenant/links"


class TenantChoices:
    """Asked for at every message: kept until the channels' stream grows."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self.vault = Vault(ports.key_store, ports.random_bytes)
        self._books: dict[str, tuple[int, ChannelBook]] = {}

    async def channel_book(self, tenant_id: str) -> ChannelBook:
        """With addresses and secrets opened: for sending only."""
        stream = stream_name(tenant_id, CHANNEL_BOOK.name, ONE_PER_TENANT)
        version, _sealed = await self._commands.load(CHANNEL_BOOK, stream)
        kept = self._books.get(tenant_id)
        if kept is not None and kept[0] == version:
            return kept[1]
        stored = await self._ports.event_store.read_stream(stream)
        codec = self._ports.codec
        recorded = await codec.open([codec.decode(event) for event in stored])
        sealed = CHANNEL_BOOK.fold(each.event for each in recorded)
        book = ChannelBook(
            {each.channel_id: await self._opened(tenant_id, each) for each in sealed.by_id.values()}
        )
        self._books[tenant_id] = (len(stored), book)
        return book

    async def _opened(self, tenant_id: str, channel: ConfiguredChannel) -> ConfiguredChannel:
        url, secret = channel.url, channel.secret
        if not isinstance(url, str) or not isinstance(secret, str):
            return channel
        return replace(
            channel,
            url=await self.vault.opened(tenant_id, channel.channel_id, url),
            secret=await self.vault.opened(tenant_id, channel.channel_id, secret),
        )

    async def policies(self, tenant_id: str) -> Policies:
        stream = stream_name(tenant_id, POLICIES.name, ONE_PER_TENANT)
        return (await self._commands.load(POLICIES, stream))[1]

    async def own_words(self, tenant_id: str) -> OwnWords:
        stream = stream_name(tenant_id, WORDING.name, ONE_PER_TENANT)
        return (await self._commands.load(WORDING, stream))[1].by_rule_and_language()

    async def link_key(self, tenant_id: str) -> bytes | None:
        """What links to one person are signed with."""
        keys = await self._ports.key_store.keys(tenant_id, (LINK_KEY_SUBJECT,))
        return keys[LINK_KEY_SUBJECT]
