"""The port of evidence: bytes under tenant and address, streamed, never overwritten."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol


class ObjectStore(Protocol):
    """Objects are sealed by the caller; the store sees only ciphertext, never all of it at once.

    An address is 1 to 80 of `[0-9a-z.]`. All raise StoreAway when the store is not to be reached.
    """

    async def check(self) -> None:
        """Can it work? Raises StoreAway."""
        ...

    async def put(self, tenant_id: str, address: str, content: AsyncIterable[bytes]) -> bool:
        """Store whole and durably, or not at all; True when it was stored now.

        What is there already stays as it is, and `content` need not be read. Whatever `content`
        raises is raised here, and nothing is stored.
        """
        ...

    async def get(self, tenant_id: str, address: str) -> AsyncIterator[bytes] | None:
        """The object in chunks of at most 1 MiB, None where there is none."""
        ...

    async def delete(self, tenant_id: str, address: str) -> None:
        """Again does nothing; who is reading it may read on, or be told StoreAway."""
        ...
