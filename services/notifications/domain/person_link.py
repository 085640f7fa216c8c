"""A link sent to one person: signed, names the person, expires (N3). That it works once is kept
with the commands it gave."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.errors import DomainError


class LinkIsNotOurs(DomainError):
    code = "link-is-not-ours"
    status = 404


class LinkHasExpired(DomainError):
    code = "link-has-expired"
    status = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLink:
    tenant_id: str
    person_id: str
    message_id: str
    expires_at: datetime


def token_of(link: PersonLink, key: bytes) -> str:
    """The same link always gives the same token."""
    expires = int(link.expires_at.timestamp())
    claims = json.dumps([link.tenant_id, link.person_id, link.message_id, expires]).encode()
    return _text(claims) + "." + _text(_signature(claims, key))


def tenant_named_in(token: str) -> str:
    """Whose key will tell whether the token is ours. Raises LinkIsNotOurs."""
    return _claims(token)[1][0]


def read(token: str, key: bytes, now: datetime) -> PersonLink:
    """Raises LinkIsNotOurs, LinkHasExpired."""
    raw, (tenant_id, person_id, message_id, expires) = _claims(token)
    signature = _bytes(token.partition(".")[2])
    if not hmac.compare_digest(signature, _signature(raw, key)):
        raise LinkIsNotOurs
    expires_at = datetime.fromtimestamp(expires, UTC)
    if now >= expires_at:
        raise LinkHasExpired
    return PersonLink(
        tenant_id=tenant_id, person_id=person_id, message_id=message_id, expires_at=expires_at
    )


def _claims(token: str) -> tuple[bytes, tuple[str, str, str, int]]:
    raw = _bytes(token.partition(".")[0])
    try:
        tenant_id, person_id, message_id, expires = json.loads(raw)
    except (ValueError, TypeError) as broken:
        raise LinkIsNotOurs from broken
    texts = (tenant_id, person_id, message_id)
    if not all(isinstance(text, str) for text in texts) or not isinstance(expires, int):
        raise LinkIsNotOurs
    return raw, (tenant_id, person_id, message_id, expires)


def _signature(claims: bytes, key: bytes) -> bytes:
    return hmac.new(key, claims, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as broken:
        raise LinkIsNotOurs from broken
