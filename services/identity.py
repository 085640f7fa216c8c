"""Host: the identity provider that the settings name, where they name one."""

from shared.clock import Clock
from shared.identity import IdentityProvider
from shared.settings import OidcSettings


def identity_provider(
    clock: Clock, settings: OidcSettings | None = None
) -> IdentityProvider | None:
    """None: people sign in by one-time links, and programs with keys."""
    chosen = settings or OidcSettings()
    if chosen.oidc_issuer is None:
        return None
    from shared.adapters.oidc_provider import OidcProvider  # noqa: PLC0415  # needed by few

    return OidcProvider(chosen, clock)
