"""What became of the rows of an import, in figures and one by one where something was wrong."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from services.opportunities.domain.history_cells import RowProblem

_LISTED_AT_MOST = 10_000


@dataclass(slots=True)
class HistoryOutcome:
    """`ignored`: rows that the mapping says mean nothing. `latest_at`: of the rows not rejected.
    `counted`: the figures that people are shown."""

    counted: ClassVar[tuple[str, ...]] = (
        *("rows", "accepted", "duplicates", "ignored", "rejected", "seconds"),
    )

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    latest_at: datetime | None = None

    def reject(self, problem: RowProblem) -> None:
        self.rejected += 1
        if len(self.problems) < _LISTED_AT_MOST:
            self.problems.append(problem)

    def reached(self, moment: datetime) -> None:
        if self.latest_at is None or moment > self.latest_at:
            self.latest_at = moment

    def document(self, seconds: float, *, dry_run: bool) -> dict[str, Any]:
        """As interfaces.md has it; problems beyond the first 10,000 are counted, not listed."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "ignored": self.ignored,
            "rejected": self.rejected,
            "seconds": round(seconds, 3),
            "errors": [problem._asdict() for problem in self.problems],
            "errors_left_out": self.rejected - len(self.problems),
            "dry_run": dry_run,
        }
