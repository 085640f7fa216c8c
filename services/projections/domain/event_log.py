"""The event log of opportunities in XES, IEEE 1849: for process-mining tools (G4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from shared.clock import iso

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" \
uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <date key="time:timestamp" value="1970-01-01T00:00:00.000Z"/>
    <string key="lifecycle:transition" value="complete"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="concept:name" value="Pulsetrail"/>
"""
TAIL = "</log>\n"

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DETAILS = {
    "stage_changed": "to_stage",
    "action_logged": "type",
    "approval_requested": "kind",
}
"""What tells one event of a type from another."""


class LoggedEvent(NamedTuple):
    """One event of a case; `data` without personal fields."""

    name: str
    event_id: str
    occurred_at: datetime
    actor_id: str | None
    data: Mapping[str, Any]


def trace(case: str, events: Sequence[LoggedEvent]) -> str:
    """One case; its events in the order in which they happened, of equal times as recorded."""
    lines = ["  <trace>", f"    {_attribute('concept:name', case)}"]
    for event in sorted(events, key=lambda each: each.occurred_at):
        lines.append("    <event>")
        lines += (f"      {_attribute(*each)}" for each in _attributes(event))
        lines.append("    </event>")
    return "\n".join([*lines, "  </trace>", ""])


def activity(event: LoggedEvent) -> str:
    detail = event.data.get(_DETAILS.get(event.name, ""))
    return f"{event.name}:{detail}" if detail else event.name


def _attributes(event: LoggedEvent) -> Iterator[tuple[str, Any]]:
    yield "concept:name", activity(event)
    yield "time:timestamp", event.occurred_at
    yield "lifecycle:transition", "complete"
    if event.actor_id is not None:
        yield "org:resource", event.actor_id
    yield "pulsetrail:event_id", event.event_id
    for name, value in event.data.items():
        if isinstance(value, str | bool | int | float | Decimal | datetime):
            yield f"pulsetrail:{name}", value


def _attribute(key: str, value: Any) -> str:
    kind, text = _typed(value)
    return f"<{kind} key={quoteattr(key)} value={_quoted(text)}/>"


def _typed(value: Any) -> tuple[str, str]:
    match value:
        case bool():
            return "boolean", "true" if value else "false"
        case int():
            return "int", str(value)
        case float() | Decimal():
            return "float", str(value)
        case datetime():
            return "date", iso(value)
        case _:
            return "string", str(value)


def _quoted(text: str) -> str:
    """What no XML may hold is left out."""
    return quoteattr(_NOT_IN_XML.sub("", text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
