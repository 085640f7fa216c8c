"""Taking evidence in: streamed, never held in memory whole, sealed wherever it lies (O5)."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Any, NamedTuple

from services.opportunities.domain.evidence_object import (
    EVIDENCE,
    AwaitEvidence,
    EvidenceObject,
    EvidenceWasRemoved,
    Referred,
    Stored,
    StoreEvidence,
)
from services.opportunities.domain.media_types import HEAD_BYTES, WrongMediaType, is_written_as
from services.opportunities.evidence.photo_tags import MOST_TAG_BYTES, has_tags, photo_tags
from services.opportunities.evidence.sealing import address, bound_to, key_name
from shared.command_handling import CommandContext, CommandHandling, Handled
from shared.errors import Busy, DomainError, FieldProblem, Malformed, StoreAway
from shared.events.opportunities import PhotoTags
from shared.http import BodyTooLarge, answering
from shared.http_commands import command_digest
from shared.ports import Ports
from shared.sealed_stream import CHUNK_BYTES, PREFIX_BYTES, sealed, unsealed

_ATTEMPTS = 3
_IN_MEMORY_BYTES = 512 * 1024
_KEY_BYTES = 32


class EvidenceIsErased(DomainError):
    """Its person was erased: the same bytes are not taken in again (U5)."""

    code = "evidence-is-erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """`declared_bytes`: what the sender said it would be, None where nothing was said."""

    tenant_id: str
    person_id: str | None
    media_type: str
    declared_bytes: int | None = None


class _TakenIn(NamedTuple):
    """Content whose hash is known; until then it lies sealed under a key that nobody keeps."""

    sha256: str
    size_bytes: int
    tags: PhotoTags | None
    chunks: AsyncIterator[bytes]


class EvidenceUploading:
    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def take_in(
        self, upload: Upload, content: AsyncIterable[bytes], context: CommandContext
    ) -> Handled[EvidenceObject]:
        """Awaited first, then the key, then the bytes, then the event: what is named can always be
        opened, and what was begun and broken off is removed in time.

        Raises BodyTooLarge, Malformed for content that is empty or cut short, WrongMediaType for
        one that is not what it is said to be, EvidenceIsErased, StoreAway.
        """
        with _Spool() as spool:
            reading = _Reading(upload, self._ports.settings.max_evidence_bytes)
            key = self._ports.random_bytes(_KEY_BYTES)
            prefix = self._ports.random_bytes(PREFIX_BYTES)
            async for chunk in sealed(reading.of(content), key, b"", prefix):
                await spool.write(chunk)
            reading.check_end()
            organisation = await self._ports.organisations.of(upload.tenant_id)
            zone = organisation.zone(organisation.clock(self._ports.clock()))
            tags = await asyncio.to_thread(photo_tags, upload.media_type, reading.beginning, zone)
            for _ in range(_ATTEMPTS):
                chunks = unsealed(spool.read(), key, b"")
                taken = _TakenIn(reading.sha256, reading.size_bytes, tags, chunks)
                try:
                    return await self._keep(upload, taken, context)
                except EvidenceWasRemoved:
                    continue
        raise Busy(f"evidence {reading.sha256} was removed {_ATTEMPTS} times")

    async def _keep(
        self, upload: Upload, taken: _TakenIn, context: CommandContext
    ) -> Handled[EvidenceObject]:
        """A repeat may come after its first was removed: it is answered the same, and kept."""
        without_key = replace(context, idempotency_key=None)
        awaiting = AwaitEvidence(sha256=taken.sha256, now=self._ports.clock())
        awaited = await self._commands.handle(EVIDENCE, taken.sha256, awaiting, without_key)
        generation = getattr(awaited.state, "generation", 0)
        await self._seal(upload.tenant_id, taken, generation)
        command = StoreEvidence(
            sha256=taken.sha256,
            generation=generation,
            size_bytes=taken.size_bytes,
            media_type=upload.media_type,
            stored_by=upload.person_id,
            photo_tags=taken.tags,
            now=self._ports.clock(),
        )
        digest = command_digest(upload.media_type, taken.sha256.encode())
        with_digest = replace(context, digest=digest)
        handled = await self._commands.handle(
            EVIDENCE, taken.sha256, command, with_digest, answering(_shown)
        )
        if handled.duplicate:
            await self._commands.handle(EVIDENCE, taken.sha256, command, without_key)
        return handled

    async def _seal(self, tenant_id: str, taken: _TakenIn, generation: int) -> None:
        ports = self._ports
        name = key_name(taken.sha256, generation)
        key = (await ports.key_store.keys(tenant_id, [name]))[name]
        if key is None:
            raise EvidenceIsErased(f"evidence {taken.sha256} was erased")
        prefix = ports.random_bytes(PREFIX_BYTES)
        content = sealed(taken.chunks, key, bound_to(tenant_id, taken.sha256), prefix)
        await ports.object_store.put(tenant_id, address(taken.sha256, generation), content)


class _Reading:
    """What is learned of content while it passes by."""

    def __init__(self, upload: Upload, most_bytes: int) -> None:
        self._upload = upload
        self._most_bytes = most_bytes
        self._looked_at = MOST_TAG_BYTES if has_tags(upload.media_type) else HEAD_BYTES
        self.beginning = b""
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def of(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for chunk in content:
            self.size_bytes += len(chunk)
            if self.size_bytes > self._most_bytes:
                raise BodyTooLarge(f"evidence has at most {self._most_bytes} bytes")
            if len(self.beginning) < self._looked_at:
                self.beginning += chunk[: self._looked_at - len(self.beginning)]
            self._digest.update(chunk)
            yield chunk

    def check_end(self) -> None:
        declared = self._upload.declared_bytes
        if declared is not None and declared != self.size_bytes:
            message = f"{declared} bytes were declared, {self.size_bytes} came"
            problem = FieldProblem("body", "cut-short", message)
            raise Malformed("the body is not as long as it was declared", errors=[problem])
        if not self.size_bytes:
            problem = FieldProblem("body", "empty", "evidence is at least one byte")
            raise Malformed("the body is empty", errors=[problem])
        if not is_written_as(self._upload.media_type, self.beginning[:HEAD_BYTES]):
            raise WrongMediaType(f"the content is not {self._upload.media_type}")


class _Spool:
    """In memory while small, else in a file without a name; the disk may be full."""

    def __init__(self) -> None:
        self._small: list[bytes] = []
        self._size_bytes = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take was told when it was written
                self._file.close()

    async def write(self, chunk: bytes) -> None:
        self._small.append(chunk)
        self._size_bytes += len(chunk)
        if self._size_bytes > _IN_MEMORY_BYTES:
            await self._aside(self._write_aside)

    async def read(self) -> AsyncIterator[bytes]:
        """From the beginning."""
        if self._file is not None:
            await self._aside(self._write_aside)
            await self._aside(self._file.seek, 0)
            while chunk := await self._aside(self._file.read, CHUNK_BYTES):
                yield chunk
        for chunk in self._small:
            yield chunk

    def _write_aside(self) -> None:
        self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self._file.writelines(self._small)
        self._small.clear()
        self._size_bytes = 0

    async def _aside(self, act: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(act, *arguments)
        except OSError as failure:
            raise StoreAway(f"there is no room to take it in: {failure}") from failure


def _shown(evidence: EvidenceObject) -> Mapping[str, Any]:
    assert isinstance(evidence, Stored | Referred)
    return {
        "sha256": evidence.sha256,
        "size_bytes": evidence.size_bytes,
        "media_type": evidence.media_type,
    }
