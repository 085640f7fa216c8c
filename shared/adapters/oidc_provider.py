"""An OpenID Connect provider: authorization code with PKCE, and its access tokens (RFC 9068)."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.clock import Clock
from shared.errors import StoreAway, Unauthenticated
from shared.identity import Attempt, Identity
from shared.settings import OidcSettings

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Of keys that only the provider has; never `none`, never a shared secret."""
_LEEWAY_SECONDS = 60
_ASK_SECONDS = 10.0
_KEYS_AGAIN_AFTER = timedelta(minutes=1)


class OidcProvider:
    """Its description and keys are kept; a key that is not among them is looked for once a
    minute."""

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        assert settings.oidc_issuer is not None, "made only where an issuer is configured"
        self._settings = settings
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._clock = clock
        self._description: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None
        self._keys_at = clock()
        self._turn = asyncio.Lock()

    async def bearer(self, token: str) -> Identity:
        audience = self._settings.oidc_audience or self._settings.oidc_client_id
        return self._identity(await self._claims(token, str(audience)))

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        description = await self._described()
        return str(
            prepare_grant_uri(
                description["authorization_endpoint"],
                self._settings.oidc_client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=self._settings.oidc_scope,
                state=attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
            )
        )

    async def signed_in(self, attempt: Attempt, redirect_uri: str, code: str) -> Identity:
        description = await self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            "client_id": str(self._settings.oidc_client_id),
        }
        secret = self._settings.oidc_client_secret
        auth = None
        if secret is not None:
            name = form.pop("client_id")
            auth = httpx.BasicAuth(name, secret.get_secret_value())
        answer = await self._asked("POST", str(description["token_endpoint"]), form, auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("the provider did not say who signed in")
        claims = await self._claims(token, str(self._settings.oidc_client_id))
        if claims.get("nonce") != attempt.nonce:
            raise Unauthenticated("the provider's answer belongs to another sign-in")
        return self._identity(claims)

    async def _claims(self, token: str, audience: str) -> Mapping[str, Any]:
        """Raises Unauthenticated."""
        rules = jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            decoded = await self._decoded(token)
            rules.validate(decoded.claims)
        except (JoseError, ValueError) as flaw:
            raise Unauthenticated(f"this token does not count: {type(flaw).__name__}") from flaw
        return decoded.claims

    async def _decoded(self, token: str) -> jwt.Token:
        keys = await self._known_keys()
        try:
            return jwt.decode(token, keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            if self._clock() - self._keys_at < _KEYS_AGAIN_AFTER:
                raise
        return jwt.decode(token, await self._known_keys(anew=True), algorithms=_ALGORITHMS)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self._settings
        tenant = claims.get(settings.oidc_tenant_claim, settings.oidc_tenant)
        person = claims.get(settings.oidc_person_claim)
        if not isinstance(tenant, str) or not isinstance(person, str):
            raise Unauthenticated("the token names no tenant or no person")
        return Identity(tenant, person)

    async def _described(self) -> Mapping[str, Any]:
        if self._description is None:
            found = await self._asked("GET", f"{self._issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                raise StoreAway("the identity provider describes another issuer")
            self._description = found
        return self._description

    async def _known_keys(self, *, anew: bool = False) -> KeySet:
        async with self._turn:
            if self._keys is None or anew:
                address = self._settings.oidc_jwks_url
                address = address or str((await self._described())["jwks_uri"])
                found: Any = await self._asked("GET", address)
                self._keys, self._keys_at = KeySet.import_key_set(found), self._clock()
            return self._keys

    async def _asked(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
    ) -> dict[str, Any]:
        """Raises Unauthenticated where the provider refuses, StoreAway where it does not answer."""
        try:
            async with httpx.AsyncClient(timeout=_ASK_SECONDS, trust_env=False) as client:
                answer = await client.request(method, address, data=form, auth=auth)
                if answer.status_code in (400, 401):
                    raise Unauthenticated("the identity provider refused")
                answer.raise_for_status()
                found: dict[str, Any] = answer.json()
                return found
        except (httpx.HTTPError, ValueError) as failure:
            reason = type(failure).__name__
            raise StoreAway(f"the identity provider cannot be asked: {reason}") from failure
