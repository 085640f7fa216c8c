"""When an opportunity was open, in which stage, and how long the won dwelt in each (S2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from services.scoring.domain.behaviour import Deed

Order = tuple[datetime, int]
"""When, and the version of the event in the stream."""


@dataclass(slots=True, kw_only=True)
class Stay:
    """`left`: closed in it. `ends_silence`: not where only the pipeline became another."""

    stage: str
    entered: Order
    left: Order | None = None
    ends_silence: bool = True


@dataclass(slots=True, kw_only=True)
class Course:
    """What of an opportunity says how long it dwelt in its stages; the last stay of one that is
    open goes on."""

    pipeline: str
    stays: list[Stay] = field(default_factory=list)

    @property
    def stage(self) -> str:
        return self.stays[-1].stage

    @property
    def closed_at(self) -> datetime | None:
        """None: open."""
        left = self.stays[-1].left
        return None if left is None else left[0]

    def is_open_at(self, at: datetime) -> bool:
        """Opened before, and not closed, or closed then or later; reopened likewise."""
        return any(
            begins < at and (ends is None or ends >= at) for begins, ends in open_spans(self)
        )

    def open_since(self, at: datetime) -> datetime:
        """Opened, or last reopened, before a moment."""
        begun = [begins for begins, _ends in open_spans(self) if begins < at]
        return begun[-1] if begun else self.stays[0].entered[0]

    def stay_at(self, at: datetime) -> Stay:
        """The stage it was in, since when."""
        entered = [stay for stay in self.stays if stay.entered[0] < at]
        return entered[-1] if entered else self.stays[0]


def open_spans(row: Course) -> list[tuple[datetime, datetime | None]]:
    """From opening, or reopening, to closing."""
    found: list[tuple[datetime, datetime | None]] = []
    begins: datetime | None = None
    for stay in row.stays:
        begins = begins or stay.entered[0]
        if stay.left is not None:
            found.append((begins, stay.left[0]))
            begins = None
    if begins is not None:
        found.append((begins, None))
    return found


def was_closed(row: Course, deed: Deed) -> bool:
    order = (deed.happened_at, deed.version)
    following = [*(stay.entered for stay in row.stays[1:]), None]
    return any(
        stay.left is not None and stay.left <= order and (entered is None or order < entered)
        for stay, entered in zip(row.stays, following, strict=True)
    )


def dwells(row: Course) -> Mapping[str, float]:
    """Seconds in each stage, by stage, of one that is closed; not those in which it was closed."""
    found: dict[str, float] = {}
    following = [*(stay.entered for stay in row.stays[1:]), None]
    for stay, entered in zip(row.stays, following, strict=True):
        left_at, _version = stay.left or entered or stay.entered
        spent = max(0.0, (left_at - stay.entered[0]).total_seconds())
        found[stay.stage] = found.get(stay.stage, 0.0) + spent
    return found


def median_dwells(won: Sequence[Course]) -> Mapping[tuple[str, str], float]:
    """Seconds that the won spent in a stage, the middle one, by pipeline and stage."""
    spent: dict[tuple[str, str], list[float]] = {}
    for row in won:
        for stage, seconds in dwells(row).items():
            spent.setdefault((row.pipeline, stage), []).append(seconds)
    return {where: median(seconds) for where, seconds in spent.items()}
