"""Where an object of evidence lies, under which key, and how it is read again."""

from collections.abc import AsyncIterator

from services.opportunities.domain.evidence_object import EVIDENCE, EvidenceObject, Referred, Stored
from shared.envelope import stream_name
from shared.errors import DomainError, NotFound
from shared.ports import Ports
from shared.sealed_stream import SealIsBroken, unsealed

LOG_NAME = "opportunities"


class EvidenceIsDamaged(DomainError):
    """What lies in the object store is not what was put there."""

    code = "evidence-is-damaged"
    status = 500


def address(sha256: str, generation: int) -> str:
    """In the object store; what is removed and taken in again has another one."""
    return f"{sha256}.{generation}"


def key_name(sha256: str, generation: int) -> str:
    """In the key store, among the names of the subjects."""
    return f"object/{address(sha256, generation)}"


def bound_to(tenant_id: str, sha256: str) -> bytes:
    """Sealed for there, it opens nowhere else."""
    return f"{tenant_id}/{sha256}".encode()


def evidence_stream(tenant_id: str, sha256: str) -> str:
    return stream_name(tenant_id, EVIDENCE.name, sha256)


async def opened_evidence(
    ports: Ports, tenant_id: str, evidence: EvidenceObject
) -> AsyncIterator[bytes]:
    """The plain content in chunks. Raises NotFound for what is not there or was erased,
    EvidenceIsDamaged before the first chunk, SealIsBroken after it."""
    if not isinstance(evidence, Stored | Referred):
        raise NotFound("there is no such evidence")
    sha256, generation = evidence.sha256, evidence.generation
    name = key_name(sha256, generation)
    key = (await ports.key_store.existing_keys(tenant_id, [name]))[name]
    content = await ports.object_store.get(tenant_id, address(sha256, generation))
    if key is None or content is None:
        raise NotFound(f"there is no evidence {sha256}")
    chunks = unsealed(content, key, bound_to(tenant_id, sha256))
    try:
        first = await anext(chunks)
    except SealIsBroken as flaw:
        raise EvidenceIsDamaged(f"evidence {sha256}: {flaw}") from flaw
    return _beginning_with(first, chunks)


async def _beginning_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
