"""What docs/scaled.md calls proved has a test of that name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/scaled.md").read_text(encoding="utf-8")


def test_every_proof_that_the_page_names_exists() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) >= 15
    assert named - written == set()


def test_every_guarantee_names_its_proof() -> None:
    section = PAGE.split("## What is guaranteed", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    assert [row for row in rows if "`test_" not in row.rsplit("|", 2)[1]] == []
