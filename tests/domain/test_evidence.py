"""Evidence: what referring to it asks for (O5)."""

import pytest

from services.opportunities.domain.evidence import ConsentIsMissing, check_evidence
from shared.errors import Malformed
from shared.events.opportunities import Evidence

SHA = "a" * 64


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
