"""How often a rule of authenticity was right, learned from the cases decided (S4)."""

from dataclasses import dataclass

SHOWN_FROM = 10
MARKS_FROM = 20
MARKS_BELOW = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """`genuine` and `false`: decided so."""

    genuine: int = 0
    false: int = 0

    @property
    def decided(self) -> int:
        return self.genuine + self.false

    @property
    def mean(self) -> float:
        """Of Beta(1 + genuine, 1 + false): 0.5 before anything was decided."""
        return (1 + self.genuine) / (2 + self.decided)

    @property
    def shown(self) -> float | None:
        """None while fewer than ten were decided."""
        return self.mean if self.decided >= SHOWN_FROM else None

    @property
    def only_marks(self) -> bool:
        """Under 0.2 at twenty or more: nobody is told of its cases any more."""
        return self.decided >= MARKS_FROM and self.mean < MARKS_BELOW
