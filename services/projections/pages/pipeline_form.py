"""A pipeline as a form: its fields are named like the paths of the document that it spells (O1)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData

from services.projections.pages.forms import text_of

_STAGE = re.compile(r"stage\[(\d{1,3})\]\.name")
_GOLDEN = re.compile(r"stage\[(\d{1,3})\]\.golden_action\[(\d{1,3})\]\.action")
_ORDER = re.compile(r"(remove|left|right|golden) (\d{1,3})(?: (\d{1,3}))?")
_UNITS = ((86_400, "d", 7 * 86_400), (3600, "h", 3600), (60, "m", 60))
FLAGS = ("silence_in_business_time", "dwell_in_business_time")
LIGHTS = ("entered", "proposal", "reaction")
Draft = dict[str, Any]


def draft_of(definition: Mapping[str, Any]) -> Draft:
    """What the form shows of a published definition: every value as somebody would type it."""
    lights = definition["lights"]
    return {
        "name": definition["name"],
        "unmet": definition["unmet"],
        "late_changes": definition["late_changes"],
        **{flag: definition[flag] for flag in FLAGS},
        "win_from": list(definition["win_from"]),
        "lights": {
            "proposal_stage": lights["proposal_stage"] or "",
            **{each: duration(lights[f"{each}_seconds"]) for each in LIGHTS},
        },
        "stages": [_stage_of(stage) for stage in definition["stages"]],
    }


def _stage_of(stage: Mapping[str, Any]) -> Draft:
    return {
        "name": stage["name"],
        "zh": stage["title"].get("zh", ""),
        "en": stage["title"].get("en", ""),
        "silence_limit": duration(stage["silence_limit_seconds"]),
        "dwell_limit": duration(stage["dwell_limit_seconds"]),
        "required_fields": ", ".join(stage["required_fields"]),
        "told": ", ".join(stage["told"]),
        "golden_actions": [
            {
                "action": golden["action"],
                "evidence": list(golden["evidence"]),
                "limit": duration(golden["limit_seconds"]),
                "after": golden["after"] or "",
                "block": golden["block"],
                "name": golden["name"] or "",
            }
            for golden in stage["golden_actions"]
        ],
    }


def duration(seconds: int | None) -> str:
    """In the largest unit that it is a whole number of: 48h, 7d, 90m."""
    if seconds is None:
        return ""
    for size, unit, least in _UNITS:
        if seconds >= least and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def typed_draft(form: FormData) -> Draft:
    """Of what was typed, nothing is left out and nothing judged."""
    numbers = _numbers(_STAGE, form)
    stages = [_typed_stage(form, number) for number in numbers]
    names = {str(number): stage["name"] for number, stage in zip(numbers, stages, strict=True)}
    chosen = [str(each) for each in form.getlist("pipeline.win_from")]
    return {
        "name": text_of(form, "pipeline.name"),
        "unmet": text_of(form, "pipeline.unmet"),
        "late_changes": text_of(form, "pipeline.late_changes"),
        **{flag: bool(text_of(form, f"pipeline.{flag}")) for flag in FLAGS},
        "win_from": [names[each] for each in chosen if each in names],
        "lights": {
            "proposal_stage": names.get(text_of(form, "pipeline.lights.proposal_stage"), ""),
            **{each: text_of(form, f"pipeline.lights.{each}") for each in LIGHTS},
        },
        "stages": stages,
    }


def _numbers(pattern: re.Pattern[str], form: FormData, stage: int | None = None) -> list[int]:
    found = (pattern.fullmatch(name) for name in form)
    return sorted(
        {
            int(each[2] if stage is not None else each[1])
            for each in found
            if each and (stage is None or int(each[1]) == stage)
        }
    )


def _typed_stage(form: FormData, number: int) -> Draft:
    path = f"stage[{number}]"
    plain = ("name", "zh", "en", "silence_limit", "dwell_limit", "required_fields", "told")
    return {
        **{each: text_of(form, f"{path}.{each}") for each in plain},
        "golden_actions": [
            _typed_golden(form, f"{path}.golden_action[{each}]")
            for each in _numbers(_GOLDEN, form, number)
        ],
    }


def _typed_golden(form: FormData, path: str) -> Draft:
    return {
        **{each: text_of(form, f"{path}.{each}") for each in ("action", "limit", "after", "name")},
        "evidence": [str(each) for each in form.getlist(f"{path}.evidence")],
        "block": bool(text_of(form, f"{path}.block")),
    }


def document_of(draft: Draft) -> dict[str, Any]:
    """As the API takes it; what was left empty is left out."""
    lights = {name: value for name, value in draft["lights"].items() if value}
    head = {name: draft[name] for name in ("name", "unmet", "late_changes", *FLAGS, "win_from")}
    return {
        "pipeline": {**head, "lights": lights},
        "stage": [_stage_document(stage) for stage in draft["stages"]],
    }


def _stage_document(stage: Draft) -> dict[str, Any]:
    titles = {language: stage[language] for language in ("zh", "en") if stage[language]}
    silence = {"silence_limit": stage["silence_limit"]} if stage["silence_limit"] else {}
    return {
        "name": stage["name"],
        "title": titles,
        **silence,
        "dwell_limit": stage["dwell_limit"] or "none",
        "required_fields": _listed(stage["required_fields"]),
        "told": _listed(stage["told"]),
        "golden_action": [
            {name: value for name, value in golden.items() if value not in ("", None)}
            for golden in stage["golden_actions"]
        ],
    }


def _listed(text: str) -> list[str]:
    """Of names with commas of either language between them."""
    return [each for each in re.split(r"\s*[,,、]\s*", text) if each]


def rearranged(draft: Draft, order: str) -> bool:
    """Does what a button of the form asks for; False: it asks for none of this."""
    stages: list[Draft] = draft["stages"]
    if order == "add":
        stages.append(_new_stage(stages))
        return True
    asked = _ORDER.fullmatch(order)
    if asked is None or int(asked[2]) >= len(stages):
        return False
    _rearrange(stages, asked[1], int(asked[2]), None if asked[3] is None else int(asked[3]))
    return True


def _rearrange(stages: list[Draft], deed: str, number: int, golden: int | None) -> None:
    actions: list[Draft] = stages[number]["golden_actions"]
    if deed == "golden":
        actions.append(dict(_NEW_GOLDEN, evidence=[]))
    elif deed == "remove" and golden is not None:
        del actions[golden : golden + 1]
    elif deed == "remove":
        del stages[number]
    else:
        there = number + (1 if deed == "right" else -1)
        if 0 <= there < len(stages):
            stages[number], stages[there] = stages[there], stages[number]


_NEW_GOLDEN = {"action": "", "limit": "48h", "after": "", "name": "", "block": False}


def _new_stage(stages: Sequence[Draft]) -> Draft:
    names = {stage["name"] for stage in stages}
    number = next(each for each in range(len(stages) + 1, 2_000) if f"stage_{each}" not in names)
    return {
        "name": f"stage_{number}",
        **dict.fromkeys(("zh", "en", "required_fields", "told"), ""),
        "silence_limit": "48h",
        "dwell_limit": "48h",
        "golden_actions": [],
    }


def fields_of(draft: Draft) -> dict[str, str]:
    """By the path at fault, the field of the form; a problem elsewhere is said above it."""
    names = ["pipeline.name", "pipeline.unmet", "pipeline.late_changes", "pipeline.win_from"]
    names += [f"pipeline.lights.{each}" for each in (*LIGHTS, "proposal_stage")]
    titles: dict[str, str] = {}
    for number, stage in enumerate(draft["stages"]):
        path = f"stage[{number}]"
        plain = ("name", "silence_limit", "dwell_limit", "required_fields", "told")
        names += [f"{path}.{each}" for each in plain]
        titles |= {f"{path}.title.{each}": f"{path}.{each}" for each in ("zh", "en")}
        for position in range(len(stage["golden_actions"])):
            golden = ("action", "limit", "after", "evidence", "name")
            names += [f"{path}.golden_action[{position}].{each}" for each in golden]
    return {each: each for each in names} | titles
