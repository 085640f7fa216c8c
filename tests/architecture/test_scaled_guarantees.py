"""What the pages of the scaled system call proved has a test of that name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("guarantees.md", "failure_modes.md")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_proof_that_a_page_names_exists(name: str) -> None:
    written = {
        found
        for path in (ROOT / "tests").rglob("test_*.py")
        for found in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    named = set(re.findall(r"`(test_\w+)`", page(name)))
    assert len(named) >= 15
    assert named - written == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_guarantee_and_every_failure_names_its_proof(name: str) -> None:
    tables = re.findall(r"^\|[^\n]*\| proved by \|\n\|[- |]+\n((?:\|.*\n)+)", page(name), re.M)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) >= 15
    assert [row for row in rows if "`test_" not in row.rsplit("|", 2)[1]] == []
