"""What became of the rows of an import of leads: decided one by one, counted, told (L1)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from services.cli.history_outcome import HistoryOutcome

_DECISIONS_LISTED = 10_000


class Decision(NamedTuple):
    """What becomes of a row: `new`, `linked` to a customer that is there (`reasons` say why),
    `more` of a lead that is there, `duplicate` or `rejected`. `in_file`: the customer or the lead
    was there by a row before it only."""

    row: int
    file: str
    decision: str
    lead_id: str | None = None
    customer_id: str | None = None
    reasons: tuple[str, ...] = ()
    in_file: bool = False


@dataclass(slots=True)
class LeadOutcome(HistoryOutcome):
    """`run`: what the import is taken back by; None where nothing was written."""

    counted: ClassVar[tuple[str, ...]] = (
        *("rows", "accepted", "linked", "linked_in_file", "duplicates", "duplicates_in_file"),
        *("rejected", "seconds"),
    )

    run: str | None = None
    linked: int = 0
    linked_in_file: int = 0
    duplicates_in_file: int = 0
    decisions: list[Decision] = field(default_factory=list)

    def decide(self, decision: Decision) -> None:
        match decision.decision:
            case "duplicate":
                self.duplicates += 1
                self.duplicates_in_file += decision.in_file
            case "linked":
                self.linked += 1
                self.linked_in_file += decision.in_file
        if len(self.decisions) < _DECISIONS_LISTED:
            self.decisions.append(decision)

    def document(self, seconds: float, *, dry_run: bool) -> dict[str, Any]:
        """A dry run's with what was decided for each of the first 10,000 rows."""
        told = {
            "run": self.run,
            "linked": self.linked,
            "linked_in_file": self.linked_in_file,
            "duplicates_in_file": self.duplicates_in_file,
            **HistoryOutcome.document(self, seconds, dry_run=dry_run),
        }
        if dry_run:
            told["decisions"] = [each._asdict() for each in self.decisions]
        return told
