"""Channels' addresses and secrets: sealed a second time, since the log opens what it sealed itself
to auditors, and a robot's address is its password."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.key_store import KeyStore

_SUBJECT = "tenant/channel-secrets"
_NONCE_BYTES = 12


class Vault:
    def __init__(self, key_store: KeyStore, random_bytes: Callable[[int], bytes]) -> None:
        self._key_store = key_store
        self._random_bytes = random_bytes

    async def sealed(self, tenant_id: str, channel_id: str, text: str) -> str:
        """Bound to tenant and channel: elsewhere it does not open."""
        nonce = self._random_bytes(_NONCE_BYTES)
        cipher = AESGCM(await self._key(tenant_id))
        body = cipher.encrypt(nonce, text.encode(), _bound_to(tenant_id, channel_id))
        return base64.b64encode(nonce + body).decode()

    async def opened(self, tenant_id: str, channel_id: str, sealed: str) -> str:
        """Raises InvalidTag for what was not sealed for this channel."""
        raw = base64.b64decode(sealed)
        cipher = AESGCM(await self._key(tenant_id))
        bound_to = _bound_to(tenant_id, channel_id)
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to).decode()

    async def _key(self, tenant_id: str) -> bytes:
        key = (await self._key_store.keys(tenant_id, (_SUBJECT,)))[_SUBJECT]
        if key is None:
            raise LookupError("the key of the channels' secrets was erased")
        return key


def _bound_to(tenant_id: str, channel_id: str) -> bytes:
    return f"{tenant_id}\x1f{channel_id}".encode()


def webhook_binding(webhook_id: str) -> str:
    """In place of a channel's id: a webhook's address opens for no channel of the same name."""
    return f"webhook/{webhook_id}"
