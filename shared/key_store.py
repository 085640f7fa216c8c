"""The port of the keys under which personal data is sealed."""

from collections.abc import Collection, Mapping
from typing import Protocol


class KeyStore(Protocol):
    """Keys per tenant and subject, 32 random bytes each, durable before they are handed out.

    An erased subject keeps its place but has no key ever again: None.
    """

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        """The subjects' keys, made where they do not exist yet, in one transaction."""
        ...

    async def existing_keys(
        self, tenant_id: str, subjects: Collection[str]
    ) -> Mapping[str, bytes | None]:
        """The subjects' keys; None for an erased or unknown subject."""
        ...

    async def erase(self, tenant_id: str, subject: str) -> None:
        """Delete the subject's key for good; again does nothing."""
        ...
