"""Large content sealed as a stream: chunk by chunk, none of them moved, repeated or left out."""

from collections.abc import AsyncIterable, AsyncIterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK_BYTES = 256 * 1024
PREFIX_BYTES = 7
_FORMAT = b"\x01"
_TAG_BYTES = 16
_MIDDLE, _LAST = b"\x00", b"\x01"


class SealIsBroken(Exception):
    """The content is not as it was sealed: changed, cut short, or sealed for elsewhere."""


async def sealed(
    content: AsyncIterable[bytes], key: bytes, bound_to: bytes, prefix: bytes
) -> AsyncIterator[bytes]:
    """AES-256-GCM over chunks of 256 KiB; `prefix`: 7 random bytes, new for every sealing.

    A chunk's nonce is prefix, number and whether it is the last one, so that opening tells order
    and length; `bound_to` and the format are authenticated with each.
    """
    assert len(prefix) == PREFIX_BYTES
    cipher, authenticated = AESGCM(key), _FORMAT + bound_to
    number, header = 0, _FORMAT + prefix
    async for chunk, is_last in _cut(content, CHUNK_BYTES):
        yield header + cipher.encrypt(_nonce(prefix, number, is_last), chunk, authenticated)
        number, header = number + 1, b""


async def unsealed(
    content: AsyncIterable[bytes], key: bytes, bound_to: bytes
) -> AsyncIterator[bytes]:
    """What `sealed` sealed, in chunks of at most 256 KiB, each of them proven before it is handed
    out. Raises SealIsBroken."""
    cipher, authenticated = AESGCM(key), _FORMAT + bound_to
    source = aiter(content)
    header = bytearray()
    while len(header) < 1 + PREFIX_BYTES:
        header += await _next(source)
    if header[:1] != _FORMAT:
        raise SealIsBroken("this format is not known")
    prefix, begun = bytes(header[1 : 1 + PREFIX_BYTES]), bytes(header[1 + PREFIX_BYTES :])
    number = 0
    async for chunk, is_last in _cut(_from(begun, source), CHUNK_BYTES + _TAG_BYTES):
        try:
            yield cipher.decrypt(_nonce(prefix, number, is_last), chunk, authenticated)
        except InvalidTag as flaw:
            raise SealIsBroken(f"chunk {number} is not as it was sealed") from flaw
        number += 1


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4) + (_LAST if is_last else _MIDDLE)


async def _next(source: AsyncIterator[bytes]) -> bytes:
    try:
        return await anext(source)
    except StopAsyncIteration:
        raise SealIsBroken("it ends before it begins") from None


async def _from(begun: bytes, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begun
    async for chunk in source:
        yield chunk


async def _cut(content: AsyncIterable[bytes], size: int) -> AsyncIterator[tuple[bytes, bool]]:
    """Pieces of this size, the last one of what is left; empty content is one empty last piece."""
    waiting = bytearray()
    async for chunk in content:
        waiting += chunk
        while len(waiting) > size:
            yield bytes(waiting[:size]), False
            del waiting[:size]
    yield bytes(waiting), True
