"""Public leads come out as they are known to: Olist's funnel, X Education's leads."""

from pathlib import Path
from typing import Any

import pytest

from services.cli.import_history import ImportHistory
from services.cli.lead_boards import ShowLeadBoard
from tests.oracle.logs import CHECKOUT, SAMPLES
from tests.services.typed_commands import TypedCommands, typed_commands

OLIST = SAMPLES / "olist"
X_EDUCATION = SAMPLES / "xeducation_leads" / "dev.csv"
EXAMPLES = CHECKOUT / "examples"
AWAY = "not at hand: {} does not exist (PULSETRAIL_SAMPLES)"

pytestmark = pytest.mark.timeout(600)


async def imported(typed: TypedCommands, mapping: Path, file: Path) -> tuple[int, ...]:
    request = ImportHistory(files=(str(file),), mapping=str(mapping))
    told = await typed.asked(request)
    return told["rows"], told["accepted"], told["rejected"]


async def won(typed: TypedCommands, unit: str) -> dict[str, Any]:
    [row] = (await typed.asked(ShowLeadBoard(board="lead-to-won", unit=unit)))["rows"]
    found: dict[str, Any] = row
    return found


@pytest.mark.skipif(not OLIST.exists(), reason=AWAY.format(OLIST))
async def test_olists_first_contacts_and_wins_come_out_as_they_are_known(tmp_path: Path) -> None:
    """Median 14 days, p90 162; one deal was won before its first contact."""
    async with typed_commands(tmp_path) as typed:
        leads = OLIST / "olist_marketing_qualified_leads_dataset.csv"
        assert await imported(typed, EXAMPLES / "olist" / "leads.toml", leads) == (8000, 8000, 0)
        deals = OLIST / "olist_closed_deals_dataset.csv"
        assert await imported(typed, EXAMPLES / "olist" / "deals.toml", deals) == (842, 842, 0)
        row = await won(typed, "olist")
        assert (row["leads"], row["won"], row["won_before_contact"]) == (8_000, 842, 1)
        assert (int(row["median_days"]), int(row["p90_days"])) == (14, 162)
        for absent in ("lead_contacted", "lead_assigned", "lead_scored", "lead_returned"):
            assert await typed.events(absent) == []


@pytest.mark.skipif(not X_EDUCATION.exists(), reason=AWAY.format(X_EDUCATION))
async def test_x_educations_leads_are_known_with_what_became_of_them(tmp_path: Path) -> None:
    """Without the columns that are filled in after contact."""
    async with typed_commands(tmp_path) as typed:
        mapping = EXAMPLES / "xeducation" / "leads.toml"
        assert await imported(typed, mapping, X_EDUCATION) == (6_468, 6_468, 0)
        row = await won(typed, "xeducation")
        assert (row["leads"], row["won"]) == (6_468, 2_454)
        [first, *_others] = await typed.events("lead_captured")
        attributes = typed.hosting.ports.codec.decode(first).event.attributes
        assert attributes["seconds_on_site"] == 1_279
        assert not any("tag" in name or "asym" in name for name in attributes)
