"""A read model as a value: what it reads, how a row folds, what it adds to shared figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from shared.envelope import RecordedEvent

Row = TypeVar("Row")

UNIT_AS_A_WHOLE = ""


class Point(NamedTuple):
    """An amount added to a figure at a moment, for a unit as a whole (`rep_id` "") or a rep of it.

    A state over time is +1 where it begins and -1 where it ends: its figure at t sums all points
    with `at` < t. Things counted in a window are points inside it.
    """

    figure: str
    unit_id: str
    rep_id: str
    stage: str
    action: str
    at: datetime


class Deadline(NamedTuple):
    """A limit that ran or runs for a subject (architecture: "Deadlines, lazily").

    It is missed when `due_at` < clock and `ended_at` is None or later than `due_at`.
    `unit_path`, `stage`, `owner_id`: as they stood at `due_at`. `facts` explain it.
    """

    rule: str
    anchor_event_id: str
    due_at: datetime
    ended_at: datetime | None
    ended_by_event_id: str | None
    stage: str | None
    unit_path: tuple[str, ...]
    owner_id: str | None
    facts: tuple[tuple[str, Any], ...] = ()
    told: tuple[str, ...] = ()


def no_points(row: Any) -> Mapping[Point, int]:
    return {}


def no_columns(row: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection(Generic[Row]):
    """`evolve` gets None for a key seen first and returns None to delete the row.

    `columns` are what the row can be searched by; `next_due` is the earliest due time that the
    watch has to look at, None when nothing runs. Raise `version` whenever any of these change.
    `name` is also the table's and the checkpoint's key: never rename without a rebuild.
    """

    name: str
    version: int
    reads: tuple[type[Any], ...]
    row_type: type[Row]
    key: Callable[[Any], str]
    evolve: Callable[[Row | None, RecordedEvent], Row | None]
    columns: Callable[[Row], Mapping[str, Any]] = no_columns
    contributions: Callable[[Row], Mapping[Point, int]] = no_points
    next_due: Callable[[Row], datetime | None] | None = None
