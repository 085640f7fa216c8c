"""What a tenant has set for its notifications: channels with their secrets, words, policies."""

from dataclasses import replace
from typing import Any, TypeVar

from services.notifications.domain.absences import ABSENCES, Absences
from services.notifications.domain.channel_book import (
    CHANNEL_BOOK,
    ChannelBook,
    ConfiguredChannel,
)
from services.notifications.domain.policy import POLICIES, Policies
from services.notifications.domain.webhook_book import WEBHOOK_BOOK, WebhookBook
from services.notifications.domain.wording import WORDING
from services.notifications.domain.words import OwnWords
from services.notifications.queries.vault import Vault
from shared.command_handling import CommandHandling
from shared.decider import Decider
from shared.envelope import stream_name
from shared.event_type import PersonalText
from shared.ports import Ports

S = TypeVar("S")

ONE_PER_TENANT = "all"
"""The id of what a tenant has one of."""

LINK_KEY_SUBJECT = "tenant/links"


class TenantChoices:
    """Asked for at every message, hence kept until something was stored."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self.vault = Vault(ports.key_store, ports.random_bytes)
        self._books: dict[str, tuple[int, ChannelBook]] = {}
        self._states: dict[str, tuple[int, Any]] = {}

    async def _current(self, decider: Decider[Any, S, Any], tenant_id: str) -> S:
        """Read anew only when something was stored since, by whichever process."""
        stream = stream_name(tenant_id, decider.name, ONE_PER_TENANT)
        generation = self._ports.event_store.generation
        kept = self._states.get(stream)
        if kept is None or kept[0] != generation:
            _version, state = await self._commands.load(decider, stream, fresh=True)
            kept = self._states[stream] = (generation, state)
        current: S = kept[1]
        return current

    async def channel_book(self, tenant_id: str) -> ChannelBook:
        """With addresses and secrets opened: for sending only."""
        generation = self._ports.event_store.generation
        kept = self._books.get(tenant_id)
        if kept is not None and kept[0] == generation:
            return kept[1]
        stream = stream_name(tenant_id, CHANNEL_BOOK.name, ONE_PER_TENANT)
        stored = await self._ports.event_store.read_stream(stream)
        codec = self._ports.codec
        recorded = await codec.open([codec.decode(event) for event in stored])
        sealed = CHANNEL_BOOK.fold(each.event for each in recorded)
        book = ChannelBook(
            {each.channel_id: await self._opened(tenant_id, each) for each in sealed.by_id.values()}
        )
        self._books[tenant_id] = (generation, book)
        return book

    async def _opened(self, tenant_id: str, channel: ConfiguredChannel) -> ConfiguredChannel:
        return replace(
            channel,
            url=await self._text(tenant_id, channel.channel_id, channel.url),
            secret=await self._text(tenant_id, channel.channel_id, channel.secret),
            template=await self._text(tenant_id, channel.channel_id, channel.template),
        )

    async def _text(self, tenant_id: str, channel_id: str, sealed: PersonalText) -> PersonalText:
        if not isinstance(sealed, str):
            return sealed
        return await self.vault.opened(tenant_id, channel_id, sealed)

    async def policies(self, tenant_id: str) -> Policies:
        return await self._current(POLICIES, tenant_id)

    async def own_words(self, tenant_id: str) -> OwnWords:
        return (await self._current(WORDING, tenant_id)).by_rule_and_language()

    async def absences(self, tenant_id: str) -> Absences:
        return await self._current(ABSENCES, tenant_id)

    async def webhook_book(self, tenant_id: str) -> WebhookBook:
        """Addresses and secrets stay sealed: see `vault`."""
        return await self._current(WEBHOOK_BOOK, tenant_id)

    async def link_key(self, tenant_id: str) -> bytes | None:
        """What links to one person are signed with."""
        keys = await self._ports.key_store.keys(tenant_id, (LINK_KEY_SUBJECT,))
        return keys[LINK_KEY_SUBJECT]
