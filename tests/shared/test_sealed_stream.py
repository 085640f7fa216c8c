"""Content sealed as a stream: opened as it was, or not at all."""

from collections.abc import AsyncIterator

import pytest

from shared.sealed_stream import CHUNK_BYTES, SealIsBroken, sealed, unsealed

KEY, PREFIX, HERE = b"k" * 32, b"p" * 7, b"acme/photo"
PIECE = CHUNK_BYTES + 16
HEADER = 8


async def of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def seal(content: bytes) -> bytes:
    return b"".join([chunk async for chunk in sealed(of(content), KEY, HERE, PREFIX)])


async def open_(content: bytes, key: bytes = KEY, bound_to: bytes = HERE) -> bytes:
    return b"".join([chunk async for chunk in unsealed(of(content), key, bound_to)])


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 700_000])
async def test_what_was_sealed_is_opened_as_it_was(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    ciphertext = await seal(content)
    assert await open_(ciphertext) == content
    assert size < 16 or content[:16] not in ciphertext


async def test_however_it_arrives_it_is_the_same() -> None:
    content = b"abc" * 200_000
    whole = await seal(content)
    parts = [content[start : start + 70_001] for start in range(0, len(content), 70_001)]
    assert b"".join([chunk async for chunk in sealed(of(*parts), KEY, HERE, PREFIX)]) == whole
    drops = [whole[start : start + 5] for start in range(0, 200, 5)] + [whole[200:]]
    assert b"".join([chunk async for chunk in unsealed(of(*drops), KEY, HERE)]) == content


async def test_it_never_holds_more_than_a_few_chunks() -> None:
    largest = 0
    async for chunk in sealed(of(*[b"x" * 1_000_000] * 3), KEY, HERE, PREFIX):
        largest = max(largest, len(chunk))
    assert largest == HEADER + PIECE


@pytest.mark.parametrize("position", [0, 3, 10, 300_000, -1])
async def test_a_changed_byte_breaks_the_seal(position: int) -> None:
    content = bytearray(await seal(b"x" * 600_000))
    content[position] ^= 1
    with pytest.raises(SealIsBroken):
        await open_(bytes(content))


@pytest.mark.parametrize("kept", [0, 5, 8, 20, HEADER + PIECE, HEADER + 2 * PIECE, -1])
async def test_what_is_cut_short_breaks_the_seal(kept: int) -> None:
    content = await seal(b"x" * (2 * CHUNK_BYTES + 100))
    with pytest.raises(SealIsBroken):
        await open_(content[:kept])


async def test_chunks_that_changed_places_or_come_twice_break_the_seal() -> None:
    content = await seal(b"x" * CHUNK_BYTES + b"y" * CHUNK_BYTES + b"z")
    header, first = content[:HEADER], content[HEADER : HEADER + PIECE]
    second, rest = content[HEADER + PIECE : HEADER + 2 * PIECE], content[HEADER + 2 * PIECE :]
    for moved in (header + second + first + rest, header + first + first + second + rest):
        with pytest.raises(SealIsBroken):
            await open_(moved)
    with pytest.raises(SealIsBroken):
        await open_(content + rest)


async def test_another_key_or_another_place_breaks_the_seal() -> None:
    content = await seal(b"secret")
    with pytest.raises(SealIsBroken):
        await open_(content, key=b"K" * 32)
    with pytest.raises(SealIsBroken):
        await open_(content, bound_to=b"zeta/photo")
