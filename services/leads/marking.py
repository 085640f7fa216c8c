"""What a customer is recognised by, as HMACs under a key of the tenant's: its words stay sealed."""

import asyncio
import hmac
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from weakref import WeakValueDictionary

from opencc import OpenCC
from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    format_number,
    is_possible_number,
    parse,
)

from services.leads.domain.customer import CustomerDescription
from services.leads.domain.recognition import (
    Reason,
    credit_code,
    email_domain,
    one_spelling,
    without_legal_form,
    words_apart,
)
from shared.ports import Ports

MATCHING_KEY = "tenant/matching"
"""The subject under which the key store keeps it: never renamed, or nobody is recognised again."""

_HEX_DIGITS = 32
_CHINESE_EXTENSION = re.compile(r"\W*(?:转|轉|分机|分機|内线|內線)\W*\d+\W*$")
"""`parse` knows ext. and its like by itself."""
_TRADITIONAL_TO_SIMPLIFIED = OpenCC("t2s")


class Marking:
    """`rehearsing`: no key is made where there is none: nobody can be recognised by it yet."""

    def __init__(self, ports: Ports, *, rehearsing: bool = False) -> None:
        self._ports = ports
        self._stand_in = ports.random_bytes(32) if rehearsing else None
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant_id: str, marks: Sequence[str]) -> AsyncIterator[None]:
        """Of those that share a mark one at a time, in this process: the second sees the first."""
        async with AsyncExitStack() as held:
            for mark in sorted(marks):
                lock = self._turns.setdefault((tenant_id, mark), asyncio.Lock())
                await held.enter_async_context(lock)
            yield

    async def marks(self, tenant_id: str, description: CustomerDescription) -> tuple[str, ...]:
        """`<reason>:<HMAC-SHA-256, 128 bits of it>`, each once, sorted."""
        organisation = await self._ports.organisations.of(tenant_id)
        region = str(organisation.setting("phone_region", organisation.clock(self._ports.clock())))
        found = set(recognised_by(description, region))
        if not found:
            return ()
        key = await self._key(tenant_id)
        if key is None:
            return ()
        return tuple(sorted(f"{reason}:{_sealed(key, reason, said)}" for reason, said in found))

    async def _key(self, tenant_id: str) -> bytes | None:
        if self._stand_in is None:
            return (await self._ports.key_store.keys(tenant_id, {MATCHING_KEY}))[MATCHING_KEY]
        keys = await self._ports.key_store.existing_keys(tenant_id, {MATCHING_KEY})
        return keys[MATCHING_KEY] or self._stand_in


def recognised_by(description: CustomerDescription, region: str) -> Iterator[tuple[Reason, str]]:
    """What is the same for two descriptions of one customer (L1). `region`: whose phone numbers
    are written without a country code."""
    if description.credit_code:
        yield Reason.CREDIT_CODE, credit_code(description.credit_code)
    if description.name:
        name = without_legal_form(simplified(words_apart(description.name)))
        if name:
            yield Reason.COMPANY_NAME, name
    for contact in description.contacts:
        phone = None if contact.phone is None else international_phone(contact.phone, region)
        if phone is not None:
            yield Reason.PHONE, phone
        domain = None if contact.email is None else email_domain(contact.email)
        person = simplified(contact.name)
        if domain is not None and person:
            yield Reason.EMAIL_DOMAIN_AND_NAME, f"{domain} {person}"


def international_phone(text: str, region: str) -> str | None:
    """E.164 without extension; None for what cannot be a number anywhere."""
    try:
        number = parse(_CHINESE_EXTENSION.sub("", unicodedata.normalize("NFKC", text)), region)
    except NumberParseException:
        return None
    return format_number(number, PhoneNumberFormat.E164) if is_possible_number(number) else None


def simplified(text: str) -> str:
    """In one spelling, traditional characters as simplified ones."""
    return str(_TRADITIONAL_TO_SIMPLIFIED.convert(one_spelling(text)))


def _sealed(key: bytes, reason: Reason, said: str) -> str:
    return hmac.new(key, f"{reason}\x1f{said}".encode(), sha256).hexdigest()[:_HEX_DIGITS]
