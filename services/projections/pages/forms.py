"""Forms: sent from our own page by whoever it was made for, their fields, and what is at fault."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, ImmutableMultiDict

from shared.errors import FieldProblem, Forbidden
from shared.http import SESSION_COOKIE
from shared.own_page import from_own_page

_MASK_BYTES = 16
_PROOF_BYTES = 16
_LAST_STEP = re.compile(r"(^|\.|\[)[^.\[]*$")
TOKEN_FIELD = "csrf"
Typed = ImmutableMultiDict[Any, Any]
"""The fields of a form, or of an address."""


def form_token(request: Request, random_bytes: Callable[[int], bytes]) -> str:
    """Bound to the session, another on every page: compressing a page tells nothing of it."""
    session = request.cookies.get(SESSION_COOKIE)
    if session is None:
        return ""
    mask = random_bytes(_MASK_BYTES)
    return base64.urlsafe_b64encode(mask + _masked(_proof(session), mask)).decode()


async def own_form(request: Request) -> FormData:
    """The fields of a form that our own page sent. Raises Forbidden for anybody else's.

    A caller with a key of its own in the header comes without cookies: nobody can borrow it.
    """
    form = await request.form()
    session = request.cookies.get(SESSION_COOKIE)
    if session is None or "authorization" in request.headers:
        return form
    token = form.get(TOKEN_FIELD)
    if not isinstance(token, str) or not _fits(token, session) or not from_own_page(request):
        raise Forbidden("this form was not ours, or was made for somebody else")
    return form


def _proof(session: str) -> bytes:
    return hmac.digest(session.encode(), b"form of a page", hashlib.sha256)[:_PROOF_BYTES]


def _masked(proof: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(proof, mask, strict=True))


def _fits(token: str, session: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(token)
    except (ValueError, binascii.Error):
        return False
    if len(raw) != _MASK_BYTES + _PROOF_BYTES:
        return False
    proof = _masked(raw[_MASK_BYTES:], raw[:_MASK_BYTES])
    return hmac.compare_digest(proof, _proof(session))


def text_of(form: Typed, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def filled(form: Typed, names: Sequence[str]) -> dict[str, str]:
    """What was typed, to be shown again where the form was refused."""
    return {name: text_of(form, name) for name in names}


def at_fault(
    problems: Sequence[FieldProblem], fields: Mapping[str, str]
) -> dict[str, FieldProblem]:
    """By field of the form; `fields`: the API's names, with ours. What is wrong within a field is
    said at it."""
    found = ((_field_of(each.field, fields), each) for each in reversed(problems))
    return {name: each for name, each in found if name is not None}


def _field_of(path: str, fields: Mapping[str, str]) -> str | None:
    while path and path not in fields:
        path = _LAST_STEP.sub("", path)
    return fields.get(path)
