"""Who somebody is by the word of an identity provider: the port, and what it answers (OIDC)."""

from typing import NamedTuple, Protocol


class Identity(NamedTuple):
    """A person of the directory; what they may do is what they are granted there."""

    tenant_id: str
    person_id: str


class Attempt(NamedTuple):
    """One browser's way to the provider and back; none of it is guessable."""

    state: str
    nonce: str
    verifier: str


class IdentityProvider(Protocol):
    """Raises Unauthenticated for what was not said by it, to us, of somebody, now; StoreAway where
    it cannot be asked."""

    async def bearer(self, token: str) -> Identity:
        """Whose access token this is."""
        ...

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is sent to sign in."""
        ...

    async def signed_in(self, attempt: Attempt, redirect_uri: str, code: str) -> Identity:
        """Who came back with this code."""
        ...
