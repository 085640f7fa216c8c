"""Public leads come out as they are known to: Olist's funnel, X Education's leads."""

import pytest

from tests.oracle.logs import CHECKOUT, SAMPLES
from tests.system.command import Pulsetrail

OLIST = SAMPLES / "olist"
X_EDUCATION = SAMPLES / "xeducation_leads" / "dev.csv"
EXAMPLES = CHECKOUT / "examples"
AWAY = "not at hand: {} does not exist (PULSETRAIL_SAMPLES)"


@pytest.mark.skipif(not OLIST.exists(), reason=AWAY.format(OLIST))
def test_olists_first_contacts_and_wins_come_out_as_they_are_known(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Median 14 days, p90 162; one deal was won before its first contact."""
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("olist") / "data")
    leads = pulsetrail.import_log(
        EXAMPLES / "olist" / "leads.toml", OLIST / "olist_marketing_qualified_leads_dataset.csv"
    )
    assert (leads["rows"], leads["accepted"], leads["rejected"]) == (8_000, 8_000, 0)
    deals = pulsetrail.import_log(
        EXAMPLES / "olist" / "deals.toml", OLIST / "olist_closed_deals_dataset.csv"
    )
    assert (deals["rows"], deals["accepted"], deals["rejected"]) == (842, 842, 0)
    board = pulsetrail.json("board", "lead-to-won", "--unit", "olist")
    [row] = board["rows"]
    assert (row["leads"], row["won"], row["won_before_contact"]) == (8_000, 842, 1)
    assert (int(row["median_days"]), int(row["p90_days"])) == (14, 162)
    assert pulsetrail.lines("events", "--type", "leads.lead_contacted.v1") == []
    assert pulsetrail.lines("events", "--type", "leads.lead_assigned.v1") == []


@pytest.mark.skipif(not X_EDUCATION.exists(), reason=AWAY.format(X_EDUCATION))
def test_x_educations_leads_are_known_with_what_became_of_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Without the columns that are filled in after contact."""
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("xeducation") / "data")
    told = pulsetrail.import_log(EXAMPLES / "xeducation" / "leads.toml", X_EDUCATION)
    assert (told["rows"], told["accepted"], told["rejected"]) == (6_468, 6_468, 0)
    [row, _unit] = pulsetrail.json("board", "lead-to-won")["rows"]
    assert (row["leads"], row["won"]) == (6_468, 2_454)
    captured = pulsetrail.lines("events", "--type", "leads.lead_captured.v1")[0]["data"]
    assert captured["attributes"]["seconds_on_site"] == 1_279
    assert not any("tag" in name or "asym" in name for name in captured["attributes"])
