"""A small mapping that the specs of history share, and how they change and feed it."""

import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from services.opportunities.domain.history_case import CaseState
from services.opportunities.domain.history_cells import HistoryRow, RowParser, RowProblem
from services.opportunities.domain.history_mapping import HistoryMapping
from services.opportunities.domain.history_mapping_reading import parse_mapping
from services.opportunities.domain.history_rows import HistoryReader
from services.opportunities.domain.history_statement import Statement
from shared.events.opportunities import PipelineDefinition, StageDefinition

LATEST = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = ["case", "what", "phase", "who", "when", "sum", "offer", "why"]

MAPPING = """
source = "crm"
pipeline = "pipeline.toml"

[columns]
case = "case"
activity = "what"
lifecycle = "phase"
actor = "who"
time = "when"
amount = "sum"

[columns.further]
offer = "offer"
why = "why"

[time]
zone = "Asia/Shanghai"

[opportunity]
id = "crm-{case}"
customer = "customer-{case}"
currency = "EUR"
unit = "sales"
backward_reason = "new offer"

[reps]
id = "rep-{actor}"
unit = "team-{actor mod 2}"
unit_parent = "sales"
nobody = ["112"]

[action]
fields = ["offer"]

[[rule]]
when = { activity = "LEAD" }
open = true

[[rule]]
when = { activity = "QUALIFIED" }
stage = "qualified"

[[rule]]
when = { activity = "QUOTED" }
stage = "quoted"

[[rule]]
when = { activity = "SIGNED" }
stage = "signed"

[[rule]]
when = { activity = ["WON", "PAID"] }
win = true

[[rule]]
when = { activity = "LOST", why = { empty = true } }
lose = "unknown"

[[rule]]
when = { activity = "LOST" }
lose = "{why}"

[[rule]]
when = { activity = { matches = "^debug" } }
ignore = true
"""

PIPELINE = PipelineDefinition(
    name="crm",
    version=1,
    stages=tuple(StageDefinition(name=name) for name in ("new", "qualified", "quoted", "signed")),
    unmet="record",
)


def document(text: str = MAPPING, **changes: Any) -> dict[str, Any]:
    """The mapping's document with whole tables replaced or, by None, left out."""
    found = tomllib.loads(text)
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def mapping(**changes: Any) -> HistoryMapping:
    return parse_mapping(document(**changes))


def cells(
    what: str,
    when: str,
    *,
    case: str = "1",
    phase: str = "COMPLETE",
    who: str = "",
    amount: str = "100",
    offer: str = "",
    why: str = "",
) -> list[str]:
    return [case, what, phase, who, when, amount, offer, why]


def row(used: HistoryMapping, what: str, when: str, **more: str) -> HistoryRow:
    parsed = RowParser(used, HEADER, LATEST).parse(2, "log.csv", cells(what, when, **more))
    assert isinstance(parsed, HistoryRow), parsed
    return parsed


def problem(used: HistoryMapping, record: list[str]) -> RowProblem:
    parsed = RowParser(used, HEADER, LATEST).parse(7, "log.csv", record)
    assert isinstance(parsed, RowProblem), parsed
    return parsed


def told(
    used: HistoryMapping, rows: Iterable[HistoryRow], pipeline: PipelineDefinition = PIPELINE
) -> tuple[list[Statement], CaseState | None]:
    """What the rows of one case say one after the other, and how it stands then."""
    reader = HistoryReader(used, pipeline)
    state: CaseState | None = None
    statements: list[Statement] = []
    for each in rows:
        said, state = reader.read(each, state)
        statements.extend(said)
    return statements, state
