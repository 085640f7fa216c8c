"""The port of the keys under which personal data is sealed."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol


class Binding(NamedTuple):
    """`object_name` is sealed under a key of its own and holds data of `subject`; both are names
    under which the key store keeps keys."""

    object_name: str
    subject: str


class KeyStore(Protocol):
    """Keys per tenant and subject, 32 random bytes each, durable before they are handed out.

    An erased subject keeps its place but has no key ever again: None.
    """

    async def check(self) -> None:
        """Can it work? Raises StoreAway."""
        ...

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        """The subjects' keys, made where they do not exist yet, in one transaction."""
        ...

    async def existing_keys(
        self, tenant_id: str, subjects: Collection[str]
    ) -> Mapping[str, bytes | None]:
        """The subjects' keys; None for an erased or unknown subject."""
        ...

    async def bind(self, tenant_id: str, bindings: Collection[Binding]) -> None:
        """From now on each object's key goes when the last of the subjects bound to it is erased.

        One that is bound to erased subjects alone goes at once: it does not matter which is heard
        of first, the binding or the erasure. A subject need not have a key. Again does nothing.
        """
        ...

    async def erase(self, tenant_id: str, subject: str) -> None:
        """Delete the subject's key for good, and those of the objects bound to nobody else who is
        left, in one transaction; again does nothing."""
        ...
