"""The object that proves: taken in once under its hash, kept while referred to (O5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.opportunities import (
    EvidenceAwaited,
    EvidenceReferred,
    EvidenceRemoved,
    EvidenceStored,
    PhotoTags,
)


class EvidenceIsNotStored(Malformed):
    """It was never uploaded, or was removed since nothing referred to it (O5)."""

    def __init__(self, sha256: str, field: str = "sha256") -> None:
        message = (
            "these bytes were never uploaded, or not referred to in time and removed:"
            " PUT /evidence first"
        )
        problem = FieldProblem(field, "unknown-evidence", message)
        super().__init__(f"there is no evidence {sha256}", errors=[problem])


class EvidenceWasRemoved(DomainError):
    """While its bytes were written again: they are to be taken in anew."""

    code = "evidence-was-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitEvidence:
    """Somebody begins to take its bytes in."""

    sha256: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEvidence:
    """The bytes of this generation are in the object store; `sha256` is the digest of the plain
    content."""

    sha256: str
    generation: int
    size_bytes: int
    media_type: str
    stored_by: str | None
    photo_tags: PhotoTags | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEvidence:
    """A command that refers to it is about to be decided: it must not go meanwhile."""

    sha256: str
    field: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferToEvidence:
    """An event refers to it; `proves` as the action stands now."""

    sha256: str
    opportunity_id: str
    action_id: str
    proves: bool
    happened_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEvidence:
    """Unless it has been referred to, or awaited within `limit`."""

    sha256: str
    limit: timedelta
    now: datetime


EvidenceCommand = AwaitEvidence | StoreEvidence | HoldEvidence | ReferToEvidence | RemoveEvidence
EvidenceEvent = EvidenceAwaited | EvidenceStored | EvidenceReferred | EvidenceRemoved

Action = tuple[str, str]
"""An opportunity's id and its action's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Its bytes are on their way; they may never come."""

    generation: int
    awaited_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Nothing refers to it yet."""

    sha256: str
    generation: int
    size_bytes: int
    media_type: str
    awaited_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """Kept for good. `proofs`: since when and by which event it proves an action."""

    sha256: str
    generation: int
    size_bytes: int
    media_type: str
    proofs: dict[Action, tuple[datetime, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Taken in again it is the next generation: what goes late of this one takes nothing of it."""

    generation: int


EvidenceObject = Unknown | Awaited | Stored | Referred | Removed


def await_(command: AwaitEvidence, evidence: EvidenceObject) -> Sequence[EvidenceAwaited]:
    """From now on it waits for something to refer to it; what is referred to does not wait."""
    match evidence:
        case Unknown():
            generation = 1
        case Removed():
            generation = evidence.generation + 1
        case Awaited() | Stored():
            if command.now <= evidence.awaited_at:
                return []
            generation = evidence.generation
        case Referred():
            return []
        case _:
            assert_never(evidence)
    return [EvidenceAwaited(sha256=command.sha256, generation=generation, awaited_at=command.now)]


def store(command: StoreEvidence, evidence: EvidenceObject) -> Sequence[EvidenceStored]:
    """The same bytes again change nothing: evidence is never overwritten."""
    match evidence:
        case Awaited() if evidence.generation == command.generation:
            return [
                EvidenceStored(
                    sha256=command.sha256,
                    generation=command.generation,
                    size_bytes=command.size_bytes,
                    media_type=command.media_type,
                    stored_by=command.stored_by,
                    photo_subject=_subject_of_tags(command.stored_by),
                    photo_tags=None if command.photo_tags is None else [command.photo_tags],
                    stored_at=command.now,
                )
            ]
        case Stored() | Referred() if evidence.generation == command.generation:
            return []
        case Unknown() | Awaited() | Stored() | Referred() | Removed():
            raise EvidenceWasRemoved(f"evidence {command.sha256} was removed meanwhile")
        case _:
            assert_never(evidence)


def _subject_of_tags(stored_by: str | None) -> str:
    """Whose the tags are: of a machine's upload nobody's in particular."""
    return "tenant/photos" if stored_by is None else f"person/{stored_by}"


def hold(command: HoldEvidence, evidence: EvidenceObject) -> Sequence[EvidenceAwaited]:
    """Raises EvidenceIsNotStored. The command has as long as an upload has to be referred to."""
    match evidence:
        case Unknown() | Awaited() | Removed():
            raise EvidenceIsNotStored(command.sha256, command.field)
        case Stored() | Referred():
            return await_(AwaitEvidence(sha256=command.sha256, now=command.now), evidence)
        case _:
            assert_never(evidence)


def refer(command: ReferToEvidence, evidence: EvidenceObject) -> Sequence[EvidenceReferred]:
    """Told again, or of what is not there, it changes nothing."""
    referred = EvidenceReferred(
        sha256=command.sha256,
        opportunity_id=command.opportunity_id,
        action_id=command.action_id,
        proves=command.proves,
        happened_at=command.happened_at,
        event_id=command.event_id,
    )
    match evidence:
        case Unknown() | Awaited() | Removed():
            return []
        case Stored():
            return [referred]
        case Referred():
            known = evidence.proofs.get((command.opportunity_id, command.action_id))
            if not command.proves:
                return [] if known is None else [referred]
            return [] if known is not None and known[0] == command.happened_at else [referred]
        case _:
            assert_never(evidence)


def remove(command: RemoveEvidence, evidence: EvidenceObject) -> Sequence[EvidenceRemoved]:
    match evidence:
        case Awaited() | Stored():
            if command.now <= evidence.awaited_at + command.limit:
                return []
            return [
                EvidenceRemoved(
                    sha256=command.sha256,
                    generation=evidence.generation,
                    removed_at=command.now,
                )
            ]
        case Unknown() | Referred() | Removed():
            return []
        case _:
            assert_never(evidence)


def decide(command: EvidenceCommand, evidence: EvidenceObject) -> Sequence[EvidenceEvent]:
    match command:
        case AwaitEvidence():
            return await_(command, evidence)
        case StoreEvidence():
            return store(command, evidence)
        case HoldEvidence():
            return hold(command, evidence)
        case ReferToEvidence():
            return refer(command, evidence)
        case RemoveEvidence():
            return remove(command, evidence)
        case _:
            assert_never(command)


def evolve(evidence: EvidenceObject, event: EvidenceEvent) -> EvidenceObject:
    match event:
        case EvidenceAwaited():
            if isinstance(evidence, Stored):
                return replace(evidence, awaited_at=event.awaited_at)
            return Awaited(generation=event.generation, awaited_at=event.awaited_at)
        case EvidenceStored():
            assert isinstance(evidence, Awaited)
            return Stored(
                sha256=event.sha256,
                generation=event.generation,
                size_bytes=event.size_bytes,
                media_type=event.media_type,
                awaited_at=evidence.awaited_at,
            )
        case EvidenceReferred():
            return _referred(evidence, event)
        case EvidenceRemoved():
            return Removed(generation=event.generation)
        case _:
            assert_never(event)


def _referred(evidence: EvidenceObject, event: EvidenceReferred) -> Referred:
    assert isinstance(evidence, Stored | Referred)
    proofs = dict(evidence.proofs) if isinstance(evidence, Referred) else {}
    action = (event.opportunity_id, event.action_id)
    if event.proves:
        proofs[action] = (event.happened_at, event.event_id)
    else:
        proofs.pop(action, None)
    return Referred(
        sha256=evidence.sha256,
        generation=evidence.generation,
        size_bytes=evidence.size_bytes,
        media_type=evidence.media_type,
        proofs=proofs,
    )


EVIDENCE: Decider[EvidenceCommand, EvidenceObject, EvidenceEvent] = Decider(
    "evidence", decide, evolve, Unknown()
)
