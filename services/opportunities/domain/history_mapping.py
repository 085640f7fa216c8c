"""What the columns and rows of a history file mean (G2), as a value read from a TOML document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from services.opportunities.domain.history_template import Template
from shared.errors import Malformed
from shared.events.directory import SettingValue

CASE, TIME, ACTIVITY, LIFECYCLE, ACTOR = "case", "time", "activity", "lifecycle", "actor"
AMOUNT, ENTERED_AT = "amount", "entered_at"
ROLES = (CASE, TIME, ACTIVITY, LIFECYCLE, ACTOR, AMOUNT, ENTERED_AT)
"""What every row is read for; further columns keep the name that `columns.further` gives them."""


class MappingIsMalformed(Malformed):
    """The mapping cannot be what is meant; `errors` name every key at fault."""

    code = "mapping-is-malformed"


class ColumnIsAbsent(Malformed):
    """The mapping names a column that the file does not have."""

    code = "column-is-absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """How files are written. `sheet` None: the first one. `decimal_mark` of amounts."""

    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    decimal_mark: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeForm:
    """`formats` are tried in order: `iso`, `epoch-seconds`, `epoch-milliseconds` or strptime's;
    `zone` is that of times which do not name one."""

    formats: tuple[str, ...]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must hold of one value of the row. Exactly one of the four is set."""

    name: str
    one_of: frozenset[str] | None = None
    none_of: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    empty: bool | None = None

    def holds(self, value: str) -> bool:
        if self.one_of is not None:
            return value in self.one_of
        if self.none_of is not None:
            return value not in self.none_of
        if self.pattern is not None:
            return self.pattern.search(value) is not None
        return (not value) is self.empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """The row is an action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """The row moves its case into a stage; while already there it is an action."""

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Win:
    """The row wins its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    """The row loses its case."""

    reason: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """The row means nothing to us."""


Meaning = Act | Enter | Win | Lose | Ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The first rule whose conditions all hold says what a row means.

    `opens`: it may open its case, and then is no action unless it names the `action`'s type.
    """

    conditions: tuple[Condition, ...]
    meaning: Meaning
    opens: bool = False
    action: Template | None = None
    direction: str | None = None
    is_contact: bool = True
    ends_silence: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityForm:
    """`opened_by`: the case's `first-row` or a `rule` with `open = true`; `unit`: without owner."""

    id: Template
    customer: Template
    unit: Template
    currency: Template | None
    opened_by: str
    backward_reason: str
    skip_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerForm:
    name: Template | None = None
    customer_type: Template | None = None
    industry: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepForm:
    """Who an actor is. `nobody`: actors that are no rep (an empty one never is).

    `units` names the unit of single actors, `unit` that of all others; `unit_parent` is above
    every such unit that the mapping does not list.
    """

    id: Template
    unit: Template
    unit_parent: str | None
    name: Template | None
    nobody: frozenset[str]
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfHistory:
    unit_id: str
    name: str
    parent_id: str | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionForm:
    """The type of an action that no rule names, its summary, and the further columns it keeps."""

    type: Template
    summary: Template | None
    fields: tuple[str, ...]


class MapsColumns(Protocol):
    """What is known of files before their rows are understood."""

    @property
    def columns(self) -> Mapping[str, str]: ...

    @property
    def file(self) -> FileForm: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMapping:
    """`pipeline`: its file, relative to the mapping's. `columns`: by role or further name.

    `owner`: the case's `first` rep, always the `latest`, or `none`.
    """

    source: str
    pipeline: str
    columns: Mapping[str, str]
    file: FileForm
    time: TimeForm
    opportunity: OpportunityForm
    customer: CustomerForm
    reps: RepForm | None
    owner: str
    units: tuple[UnitOfHistory, ...]
    rules: tuple[Rule, ...]
    action: ActionForm
    settings: Mapping[str, SettingValue]

    @property
    def further(self) -> tuple[str, ...]:
        """The names of the further columns, in the order in which rows carry their values."""
        return tuple(name for name in self.columns if name not in ROLES)
