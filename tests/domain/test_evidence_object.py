"""The object that proves: awaited, stored once, kept while referred to, else removed (O5)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.opportunities.domain.evidence_object import (
    EVIDENCE,
    AwaitEvidence,
    EvidenceIsNotStored,
    EvidenceWasRemoved,
    HoldEvidence,
    ReferToEvidence,
    RemoveEvidence,
    StoreEvidence,
)
from services.opportunities.domain.media_types import MEDIA_TYPES, is_written_as
from shared.events.opportunities import (
    EvidenceAwaited,
    EvidenceReferred,
    EvidenceRemoved,
    EvidenceStored,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=23)
DAY = timedelta(hours=24)
SHA = "a" * 64
evidence = Spec(EVIDENCE)


def awaited(at: datetime = NOW, generation: int = 1) -> EvidenceAwaited:
    return EvidenceAwaited(sha256=SHA, generation=generation, awaited_at=at)


def stored(generation: int = 1) -> EvidenceStored:
    return EvidenceStored(
        sha256=SHA,
        generation=generation,
        size_bytes=3,
        media_type="image/jpeg",
        stored_by="rep-1",
        photo_subject="person/rep-1",
        stored_at=NOW,
    )


def referred(
    action_id: str = "A1", *, proves: bool = True, at: datetime = NOW, event_id: str = "E1"
) -> EvidenceReferred:
    return EvidenceReferred(
        sha256=SHA,
        opportunity_id="O1",
        action_id=action_id,
        proves=proves,
        happened_at=at,
        event_id=event_id,
    )


def refer(
    action_id: str = "A1", *, proves: bool = True, at: datetime = NOW, event_id: str = "E1"
) -> ReferToEvidence:
    return ReferToEvidence(
        sha256=SHA,
        opportunity_id="O1",
        action_id=action_id,
        proves=proves,
        happened_at=at,
        event_id=event_id,
    )


def wait(now: datetime = NOW) -> AwaitEvidence:
    return AwaitEvidence(sha256=SHA, now=now)


def hold(now: datetime = NOW) -> HoldEvidence:
    return HoldEvidence(sha256=SHA, field="evidence[0].sha256", now=now)


def store(generation: int = 1) -> StoreEvidence:
    return StoreEvidence(
        sha256=SHA,
        generation=generation,
        size_bytes=3,
        media_type="image/jpeg",
        stored_by="rep-1",
        now=NOW,
    )


def remove(now: datetime) -> RemoveEvidence:
    return RemoveEvidence(sha256=SHA, limit=DAY, now=now)


REMOVED = EvidenceRemoved(sha256=SHA, generation=1, removed_at=NOW + DAY)
STORED = (awaited(), stored())


def test_an_upload_is_awaited_and_then_stored() -> None:
    evidence.when(wait()).then(awaited())
    evidence.given(awaited()).when(store()).then(stored())


def test_the_same_bytes_again_do_nothing() -> None:
    evidence.given(*STORED).when(store()).then_nothing()
    evidence.given(*STORED, referred()).when(store()).then_nothing()


def test_the_same_bytes_again_wait_from_then_on() -> None:
    evidence.given(*STORED).when(wait()).then_nothing()
    evidence.given(*STORED).when(wait(LATER)).then(awaited(LATER))
    evidence.given(*STORED, referred()).when(wait(LATER)).then_nothing()


def test_what_was_removed_is_taken_in_as_the_next_generation() -> None:
    evidence.given(*STORED, REMOVED).when(wait(LATER)).then(awaited(LATER, 2))
    evidence.given(*STORED, REMOVED, awaited(LATER, 2)).when(store(2)).then(stored(2))


def test_bytes_of_a_generation_that_was_removed_are_not_stored() -> None:
    evidence.given(*STORED, REMOVED).when(store()).then_refused(EvidenceWasRemoved)
    again = awaited(LATER, 2)
    evidence.given(*STORED, REMOVED, again).when(store()).then_refused(EvidenceWasRemoved)


def test_a_command_that_refers_to_it_holds_it() -> None:
    evidence.given(*STORED).when(hold(LATER)).then(awaited(LATER))
    evidence.given(*STORED, referred()).when(hold(LATER)).then_nothing()


def test_what_is_not_there_cannot_be_referred_to() -> None:
    evidence.when(hold()).then_refused(EvidenceIsNotStored)
    evidence.given(awaited()).when(hold()).then_refused(EvidenceIsNotStored)
    evidence.given(*STORED, REMOVED).when(hold()).then_refused(EvidenceIsNotStored)


def test_what_nothing_refers_to_is_removed_after_its_limit() -> None:
    evidence.given(*STORED).when(remove(NOW + DAY)).then_nothing()
    over = NOW + DAY + timedelta(milliseconds=1)
    gone = EvidenceRemoved(sha256=SHA, generation=1, removed_at=over)
    evidence.given(*STORED).when(remove(over)).then(gone)
    evidence.given(awaited()).when(remove(over)).then(gone)
    evidence.given(*STORED, awaited(LATER)).when(remove(over)).then_nothing()


def test_what_is_referred_to_is_kept_for_good() -> None:
    years = NOW + timedelta(days=4_000)
    evidence.given(*STORED, referred()).when(remove(years)).then_nothing()
    evidence.given(*STORED, referred(proves=False)).when(remove(years)).then_nothing()
    evidence.given(*STORED, referred(), referred(proves=False)).when(remove(years)).then_nothing()


def test_an_action_that_refers_to_it_is_told_once() -> None:
    evidence.given(*STORED).when(refer()).then(referred())
    evidence.given(*STORED, referred()).when(refer(event_id="E2")).then_nothing()
    evidence.given(*STORED, referred()).when(refer("A2")).then(referred("A2"))


def test_a_document_is_kept_by_its_first_reference_and_the_others_say_nothing() -> None:
    evidence.given(*STORED).when(refer(proves=False)).then(referred(proves=False))
    known = referred(proves=False)
    evidence.given(*STORED, known).when(refer("A2", proves=False)).then_nothing()


def test_an_action_that_counts_no_more_proves_no_more() -> None:
    gone = referred(proves=False)
    evidence.given(*STORED, referred()).when(refer(proves=False)).then(gone)
    evidence.given(*STORED, referred(), gone).when(refer(proves=False)).then_nothing()
    evidence.given(*STORED, referred(), gone).when(refer()).then(referred())


def test_an_action_that_happened_at_another_time_is_told_again() -> None:
    evidence.given(*STORED, referred()).when(refer(at=LATER)).then(referred(at=LATER))


def test_a_reference_to_what_is_not_there_changes_nothing() -> None:
    evidence.when(refer()).then_nothing()
    evidence.given(awaited()).when(refer()).then_nothing()
    evidence.given(*STORED, REMOVED).when(refer()).then_nothing()


@pytest.mark.parametrize(
    ("media_type", "head"),
    [
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("image/gif", b"GIF89a"),
        ("image/webp", b"RIFF....WEBPVP8 "),
        ("image/heic", b"\0\0\0\x18ftypheic"),
        ("audio/mpeg", b"ID3\x04"),
        ("audio/mp4", b"\0\0\0\x18ftypM4A "),
        ("audio/aac", b"\xff\xf1P\x80"),
        ("audio/amr", b"#!AMR\n"),
        ("audio/ogg", b"OggS\0"),
        ("audio/wav", b"RIFF....WAVEfmt "),
        ("audio/webm", b"\x1a\x45\xdf\xa3"),
        ("video/mp4", b"\0\0\0\x20ftypisom"),
        ("application/pdf", b"%PDF-1.7"),
        ("text/plain", "会议纪要".encode()),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            b"PK\x03\x04",
        ),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ],
)
def test_content_begins_as_its_type_does(media_type: str, head: bytes) -> None:
    assert is_written_as(media_type, head)
    assert not is_written_as(media_type, b"\0<html>")
    assert not is_written_as("text/html", head)


def test_every_type_that_is_taken_in_is_known_by_its_beginning() -> None:
    assert not [each for each in MEDIA_TYPES if is_written_as(each, b"\0\0")]
