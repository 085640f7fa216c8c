"""Stored events stay readable: their shapes are frozen, one file each under event_shapes/.

`make shapes` (`python -m tests.architecture.test_event_shapes`) writes the files of new events and
of fields added with a default. It never changes what is frozen: a changed shape needs a new version
of the event and an upcaster. (An event that no release has written yet: delete its file first.)
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import shared.events  # noqa: F401  # declares every event type
from docs.generate import default_of, type_name, values_inside
from shared.event_type import PLAIN, EventType, FieldRule, all_event_types

FOLDER = Path(__file__).parent / "event_shapes"

Shape = dict[str, Any]


def field_shapes(holder: type[Any]) -> dict[str, Shape]:
    hints = get_type_hints(holder, include_extras=True)
    shapes: dict[str, Shape] = {}
    for field in dataclasses.fields(holder):
        shapes[field.name] = {"type": type_name(hints[field.name])}
        if (default := default_of(field)) is not None:
            shapes[field.name]["default"] = default
    return shapes


def event_shape(name: str, event_class: type[Any], rules: Mapping[str, FieldRule]) -> Shape:
    """What a reader of the stored payload relies on, the values inside it included."""
    hints = get_type_hints(event_class, include_extras=True)
    own = field_shapes(event_class)
    for field, rule in rules.items():
        own[field]["data"] = rule.kind
        if rule.kind == "personal":
            own[field]["subject"] = f"{rule.subject_kind or ''}/{rule.subject_field}"
    inside = {value.__name__: value for hint in hints.values() for value in values_inside(hint)}
    values = {value: field_shapes(inside[value]) for value in sorted(inside)}
    return {"event": name, "fields": own, "values": values}


def shape_of(declared: EventType) -> Shape:
    return event_shape(declared.name, declared.event_class, declared.rules)


def field_flaws(holder: str, frozen: dict[str, Shape], present: dict[str, Shape]) -> list[str]:
    """Why what was stored could no longer be read as before."""
    flaws = []
    for name, shape in frozen.items():
        if name not in present:
            flaws.append(f"{holder}.{name} was removed")
        elif present[name] != shape:
            flaws.append(f"{holder}.{name} was {shape}, is {present[name]}")
    flaws += [
        f"{holder}.{name} is new and has no default"
        for name, shape in present.items()
        if name not in frozen and "default" not in shape
    ]
    return flaws


def flaws_of(frozen: Shape, present: Shape) -> list[str]:
    flaws = field_flaws(str(frozen["event"]), frozen["fields"], present["fields"])
    for name, fields in frozen["values"].items():
        if name in present["values"]:
            flaws += field_flaws(name, fields, present["values"][name])
        else:
            flaws.append(f"the value {name} was removed")
    return flaws


def shape_file(declared: EventType) -> Path:
    return FOLDER / f"{declared.name}.json"


def frozen_shape(declared: EventType) -> Shape | None:
    path = shape_file(declared)
    if not path.exists():
        return None
    shape: Shape = json.loads(path.read_text(encoding="utf-8"))
    return shape


@pytest.mark.parametrize("declared", all_event_types(), ids=lambda each: each.name)
def test_what_was_stored_is_still_read_as_before(declared: EventType) -> None:
    frozen, present = frozen_shape(declared), shape_of(declared)
    assert frozen is not None, "a new event: run `make shapes`"
    assert flaws_of(frozen, present) == []
    assert frozen == present, "fields were added: run `make shapes`"


def test_no_event_that_was_stored_disappears() -> None:
    declared = {each.name for each in all_event_types()}
    assert {path.stem for path in FOLDER.glob("*.json")} <= declared


# What the check itself promises, shown on an event of its own.


@dataclasses.dataclass(frozen=True)
class Price:
    amount: int


def quoted(**hints: Any) -> Shape:
    annotated: type[Any] = type("Quoted", (), {"__annotations__": hints})
    event_class = dataclasses.dataclass(frozen=True, kw_only=True)(annotated)
    return event_shape("leads.quoted.v1", event_class, dict.fromkeys(hints, PLAIN))


BEFORE = quoted(quote_id=str, price=Price)


def test_a_removed_field_fails() -> None:
    flaws = flaws_of(BEFORE, quoted(price=Price))
    assert flaws == ["leads.quoted.v1.quote_id was removed"]


def test_a_changed_field_fails() -> None:
    (flaw,) = flaws_of(BEFORE, quoted(quote_id=int, price=Price))
    assert flaw.startswith("leads.quoted.v1.quote_id was")


def test_a_field_changed_inside_a_value_fails() -> None:
    after = quoted(quote_id=str, price=Price)
    after["values"]["Price"] = {"amount": {"type": "str"}}
    (flaw,) = flaws_of(BEFORE, after)
    assert flaw.startswith("Price.amount was")


def test_a_new_field_without_a_default_fails() -> None:
    flaws = flaws_of(BEFORE, quoted(quote_id=str, price=Price, note=str))
    assert flaws == ["leads.quoted.v1.note is new and has no default"]


def test_a_new_field_with_a_default_is_accepted() -> None:
    after = quoted(quote_id=str, price=Price, note=str)
    after["fields"]["note"]["default"] = "''"
    assert flaws_of(BEFORE, after) == []


def test_a_field_that_becomes_personal_fails() -> None:
    after = quoted(quote_id=str, price=Price)
    after["fields"]["quote_id"]["data"] = "personal"
    assert len(flaws_of(BEFORE, after)) == 1


def main() -> int:
    """Freeze what is new; 1 where something frozen was changed."""
    FOLDER.mkdir(exist_ok=True)
    flaws: list[str] = []
    for declared in all_event_types():
        frozen, present = frozen_shape(declared), shape_of(declared)
        found = flaws_of(frozen, present) if frozen is not None else []
        flaws += found
        if not found and frozen != present:
            text = json.dumps(present, indent=2, ensure_ascii=False) + "\n"
            shape_file(declared).write_text(text, encoding="utf-8")
            print(f"froze {declared.name}")
    for flaw in flaws:
        print(flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
