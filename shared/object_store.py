"""The port of evidence: bytes under tenant and SHA-256 of their content, never overwritten."""

from collections.abc import AsyncIterator
from typing import Protocol


class ObjectStore(Protocol):
    """Objects are sealed by the caller; the store sees only ciphertext."""

    async def put(self, tenant_id: str, sha256: str, content: bytes) -> bool:
        """Store unless it is there already; True when it was stored now. Raises StoreAway."""
        ...

    async def get(self, tenant_id: str, sha256: str) -> bytes | None: ...

    async def delete(self, tenant_id: str, sha256: str) -> None: ...

    def addresses(self, tenant_id: str) -> AsyncIterator[str]:
        """The SHA-256 of every object of the tenant."""
        ...
