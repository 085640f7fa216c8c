"""The form that says what a history's columns mean, and the mapping that it spells (G2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.projections.pages.catalogue import message

COLUMNS: Mapping[str, str] = {
    "case": message("Opportunity"),
    "time": message("When it happened"),
    "activity": message("What happened"),
    "actor": message("Who did it: the rep's id"),
    "actor_name": message("The rep's name"),
    "customer": message("The customer's id"),
    "customer_name": message("The customer's name"),
    "amount": message("Amount"),
}
NEEDED = ("case", "time", "activity")
_FURTHER = ("actor_name", "customer", "customer_name")
FORMATS: Mapping[str, str] = {
    "iso": "2026-03-02 17:00:00",
    "%Y/%m/%d %H:%M": "2026/03/02 17:00",
    "%Y/%m/%d": "2026/03/02",
    "%d.%m.%Y %H:%M": "02.03.2026 17:00",
    "%m/%d/%Y %H:%M": "03/02/2026 17:00",
    "epoch-seconds": "1772442000",
    "epoch-milliseconds": "1772442000000",
}
DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "\t": "Tab", "|": "|"}
ENCODINGS = ("utf-8", "gb18030", "big5", "iso-8859-1")
MEANINGS: Mapping[str, str] = {
    "": message("an action of this name"),
    "open": message("only opens the opportunity"),
    "win": message("won"),
    "lose": message("lost"),
    "ignore": message("nothing to us"),
}
_STAGE = "stage:"
GUESSES: Mapping[str, tuple[str, ...]] = {
    "case": (r"^case:concept:name$", r"case.?id|opportunity|商机|编号", r"case|\bid\b"),
    "activity": (r"^concept:name$", r"activity|action|动作|活动", r"event|stage|阶段"),
    "time": (r"timestamp", r"time|时间", r"date|日期"),
    "actor": (r"resource|actor|\brep\b|销售|负责人", r"owner"),
    "customer_name": (r"customer|company|客户|公司",),
    "amount": (r"amount|金额",),
}
"""How columns sound, the surest first; those of event logs by their names in XES."""
FORM_FIELDS: Mapping[str, str] = {
    "time.format": "format",
    "time.zone": "zone",
    "file.delimiter": "delimiter",
    "file.encoding": "encoding",
    "delimiter": "delimiter",
    "encoding": "encoding",
}
"""What is asked of every file."""
FIELDS_OF_API: Mapping[str, str] = {
    **{f"columns.{name}": name for name in COLUMNS if name not in _FURTHER},
    **{f"columns.further.{name}": name for name in _FURTHER},
    **{f"columns.{name}": name for name in _FURTHER},
    **FORM_FIELDS,
}
Typed = dict[str, str]


def meaning_of(value: str, stages: Mapping[str, str]) -> str:
    """A stage of that name, else nothing but an action."""
    by_title = {title.casefold(): name for name, title in stages.items()}
    stage = value if value in stages else by_title.get(value.casefold())
    return _STAGE + stage if stage else ""


def mapping_of(
    source: str, typed: Mapping[str, str], meant: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The document that `pulsetrail import` would read from a file."""
    columns: dict[str, Any] = {
        name: typed[name] for name in COLUMNS if typed.get(name) and name not in _FURTHER
    }
    columns["further"] = {name: typed[name] for name in _FURTHER if typed.get(name)}
    unit = typed["unit"]
    opportunity = {
        "id": "{case}",
        "customer": "{customer}" if typed.get("customer") else "customer-{case}",
        "unit": unit,
    }
    document: dict[str, Any] = {
        "source": source,
        "pipeline": typed["pipeline"],
        "columns": columns,
        "file": {"delimiter": typed["delimiter"], "encoding": typed["encoding"]},
        "time": {"format": typed["format"], "zone": typed["zone"]},
        "opportunity": opportunity,
        "rule": _rules(meant),
    }
    if typed.get("customer_name"):
        document["customer"] = {"name": "{customer_name}"}
    if typed.get("actor"):
        name = {"name": "{actor_name}"} if typed.get("actor_name") else {}
        document["reps"] = {"id": "{actor}", "unit": unit, **name}
    else:
        document["owner"] = {"is": "none"}
    return document


def _rules(meant: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """One for each meaning that is no plain action."""
    by_meaning: dict[str, list[str]] = {}
    for value, meaning in meant:
        if meaning:
            by_meaning.setdefault(meaning, []).append(value)
    return [
        {"when": {"activity": values}, **_said(meaning)} for meaning, values in by_meaning.items()
    ]


def _said(meaning: str) -> dict[str, Any]:
    if meaning.startswith(_STAGE):
        return {"stage": meaning.removeprefix(_STAGE)}
    if meaning == "lose":
        return {"lose": "{activity}"}
    return {{"open": "open", "win": "win"}.get(meaning, "ignore"): True}
