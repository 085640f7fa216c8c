"""An identity provider as a process of its own, built on Authlib: code with PKCE, signed tokens.

Whoever is named in the query field `login_hint` is signed in at once; `python -m` with a port.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import httpx
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import OpenIDCode, UserInfo
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey

CLIENT_ID = "pulsetrail"
CLIENT_SECRET = "secret-of-the-client"
AUDIENCE = "pulsetrail-api"
_PATIENCE_SECONDS = 20.0


class _Client:
    """The one client, with its secret or without."""

    client_id = CLIENT_ID

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/sign-in/oidc/back")

    def check_client_secret(self, secret: str) -> bool:
        return secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _User:
    def __init__(self, person_id: str) -> None:
        self.person_id = person_id

    def get_user_id(self) -> str:
        return self.person_id


class _Code:
    """What was handed to the browser; it works once."""

    def __init__(self, asked: Any, person_id: str) -> None:
        self.payload = dict(asked.payload.data)
        self.person_id = person_id
        self.code_challenge = self.payload.get("code_challenge")
        self.code_challenge_method = self.payload.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return str(self.payload["redirect_uri"])

    def get_scope(self) -> str:
        return str(self.payload.get("scope", ""))

    def get_nonce(self) -> str | None:
        return self.payload.get("nonce")

    def get_auth_time(self) -> int | None:
        return None

    def get_acr(self) -> str | None:
        return None

    def get_amr(self) -> list[str] | None:
        return None


_CODES: dict[str, _Code] = {}


class _Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, asked: Any) -> None:
        _CODES[code] = _Code(asked, asked.user.person_id)

    def query_authorization_code(self, code: str, client: Any) -> _Code | None:
        return _CODES.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        for code in [each for each, kept in _CODES.items() if kept is authorization_code]:
            del _CODES[code]

    def authenticate_user(self, authorization_code: _Code) -> _User:
        return _User(authorization_code.person_id)


def application(issuer: str, key: RSAKey) -> Flask:
    app = Flask(__name__)
    keys = {"keys": [key.as_dict(private=False)]}
    signing = key.as_dict(private=True)

    class IdToken(OpenIDCode):  # type: ignore[misc]  # Authlib has no types
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def get_jwt_config(self, grant: Any, client: Any = None) -> dict[str, Any]:
            return {"key": signing, "alg": "RS256", "iss": issuer, "exp": 3600}

        def generate_user_info(self, user: _User, scope: str) -> UserInfo:
            return UserInfo(sub=user.person_id, pulsetrail_tenant="T1")

    class AccessToken(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
        def get_jwks(self) -> dict[str, Any]:
            return {"keys": [signing]}

        def get_audiences(self, client: Any, user: Any, scope: str) -> list[str]:
            return [AUDIENCE]

        def get_extra_claims(self, client: Any, grant_type: str, user: Any, scope: str) -> Any:
            return {"pulsetrail_tenant": "T1"}

    server = AuthorizationServer(
        app,
        query_client=lambda name: _Client() if name == CLIENT_ID else None,
        save_token=lambda token, asked: None,
    )
    server.register_token_generator("default", AccessToken(issuer))
    server.register_grant(_Grant, [CodeChallenge(required=True), IdToken(require_nonce=True)])

    @app.get("/.well-known/openid-configuration")
    def describe() -> Any:
        return jsonify(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize",
            token_endpoint=f"{issuer}/token",
            jwks_uri=f"{issuer}/keys",
        )

    @app.get("/keys")
    def show_keys() -> Any:
        return jsonify(keys)

    @app.get("/authorize")
    def authorize() -> Any:
        user = _User(request.args.get("login_hint", ""))
        grant = server.get_consent_grant(end_user=user)
        return server.create_authorization_response(grant_user=user, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    return app


@contextmanager
def oidc_provider(port: int, key: RSAKey) -> Iterator[str]:
    """Its issuer, while it runs; it signs with the key."""
    issuer = f"http://127.0.0.1:{port}"
    signing = json.dumps(key.as_dict(private=True))
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1", "SIGNING_KEY": signing}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__, str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        begin = monotonic()
        while not _answers(issuer):
            assert process.poll() is None, "the provider ended at its start"
            assert monotonic() - begin < _PATIENCE_SECONDS, "the provider never answered"
            sleep(0.05)
        yield issuer
    finally:
        process.terminate()
        process.wait()


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/keys", trust_env=False).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    number = int(sys.argv[1])
    own_key = RSAKey.import_key(json.loads(os.environ["SIGNING_KEY"]))
    application(f"http://127.0.0.1:{number}", own_key).run("127.0.0.1", number)
