"""A door's code as it is printed: names door and code, signed under the tenant's key (O4)."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from shared.errors import DomainError

_PREFIX = "PT1"
_SIGNATURE_BYTES = 16
LONGEST_DOOR_CODE = 600


class DoorCodeIsForged(DomainError):
    """It is not a code that we signed, or something of it was changed."""

    code = "door-code-is-forged"


class DoorCodeIsOfAnotherTenant(DomainError):
    code = "door-code-is-of-another-tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorCode:
    """Which of a door's codes it is."""

    door_id: str
    code_id: str


def printed(code: DoorCode, tenant_id: str, key: bytes) -> str:
    """What goes into the QR code; the same code always gives the same text."""
    claims = json.dumps([_mark(tenant_id), code.door_id, code.code_id]).encode()
    return ".".join((_PREFIX, _text(claims), _text(_signature(claims, key))))


def scanned(text: str, tenant_id: str, key: bytes) -> DoorCode:
    """Raises DoorCodeIsForged, DoorCodeIsOfAnotherTenant."""
    prefix, _, rest = text.strip().partition(".")
    claims_text, _, signature_text = rest.partition(".")
    if prefix != _PREFIX or len(text) > LONGEST_DOOR_CODE:
        raise DoorCodeIsForged("this is no door code of ours")
    claims, signature = _bytes(claims_text), _bytes(signature_text)
    mark, door_id, code_id = _claimed(claims)
    if mark != _mark(tenant_id):
        raise DoorCodeIsOfAnotherTenant("the door code was issued by somebody else")
    if not hmac.compare_digest(signature, _signature(claims, key)):
        raise DoorCodeIsForged("the signature of the door code is wrong")
    return DoorCode(door_id=door_id, code_id=code_id)


def _claimed(claims: bytes) -> tuple[str, str, str]:
    try:
        mark, door_id, code_id = json.loads(claims)
    except (ValueError, TypeError) as broken:
        raise DoorCodeIsForged("this is no door code of ours") from broken
    if not all(isinstance(each, str) for each in (mark, door_id, code_id)):
        raise DoorCodeIsForged("this is no door code of ours")
    return mark, door_id, code_id


def _mark(tenant_id: str) -> str:
    """Tells tenants apart without naming them on a customer's door."""
    return hashlib.sha256(f"door code of {tenant_id}".encode()).hexdigest()[:12]


def _signature(claims: bytes, key: bytes) -> bytes:
    return hmac.new(key, claims, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as broken:
        raise DoorCodeIsForged("this is no door code of ours") from broken
