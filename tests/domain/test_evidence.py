"""Evidence: stored once, referred to with consent where it needs it (O5)."""

from datetime import UTC, datetime

import pytest

from services.opportunities.domain.evidence import (
    EVIDENCE,
    ConsentIsMissing,
    StoreEvidence,
    check_evidence,
)
from shared.errors import Malformed
from shared.events.opportunities import Evidence, EvidenceStored
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHA = "a" * 64
STORE = StoreEvidence(sha256=SHA, size_bytes=3, media_type="image/jpeg", stored_by="rep-1", now=NOW)
STORED = EvidenceStored(
    sha256=SHA, size_bytes=3, media_type="image/jpeg", stored_by="rep-1", stored_at=NOW
)
evidence = Spec(EVIDENCE)


def test_evidence_is_stored() -> None:
    evidence.when(STORE).then(STORED)


def test_the_same_bytes_again_do_nothing() -> None:
    evidence.given(STORED).when(STORE).then_nothing()


def test_a_recording_names_the_customers_consent() -> None:
    check_evidence([Evidence(sha256=SHA, kind="recording", consent=True)])


@pytest.mark.parametrize("consent", [None, False])
def test_a_recording_without_consent_is_refused(consent: bool | None) -> None:
    with pytest.raises(ConsentIsMissing) as refused:
        check_evidence([Evidence(sha256=SHA, kind="recording", consent=consent)])
    assert refused.value.errors[0].field == "evidence[0].consent"


@pytest.mark.parametrize(
    ("piece", "field"),
    [
        (Evidence(sha256=SHA, kind="hearsay"), "evidence[0].kind"),
        (Evidence(sha256="A" * 64, kind="photo"), "evidence[0].sha256"),
    ],
)
def test_evidence_that_cannot_be_is_malformed(piece: Evidence, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_evidence([piece])
    assert [problem.field for problem in refused.value.errors] == [field]
