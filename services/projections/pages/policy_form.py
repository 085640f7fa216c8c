"""A notification policy as a form: its fields are named like the paths of the document (N2)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData

from services.projections.pages.forms import text_of
from services.projections.pages.pipeline_form import duration
from shared.errors import FieldProblem

PERSON = "person"
_STEP = re.compile(r"steps\.(\d{1,2})\.to")
_REMOVE = re.compile(r"remove (\d{1,2})")
_SPAN = re.compile(r"(\d{1,9})(s|m|h|d)")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPANS = ("repeat", "group", "expires")
_LANGUAGES = ("zh", "en")
_AT_ONCE = "0m"
_NEW_STEP = {
    "after": _AT_ONCE,
    "to": "manager",
    "person": "",
    "channels": ["inbox"],
    "business": False,
}
Draft = dict[str, Any]
Document = dict[str, Any]


def draft_of(policy: Mapping[str, Any]) -> Draft:
    """What the form shows of a policy: every value as somebody would type it."""
    begins, ends = policy["quiet_hours"] or ("", "")
    limit = policy["repeat_limit"]
    return {
        "name": policy["name"],
        "rules": list(policy["rules"]),
        "zh": policy["title"].get("zh", ""),
        "en": policy["title"].get("en", ""),
        "steps": [_step_of(step) for step in policy["steps"]],
        "repeat": duration(policy["repeat_seconds"]),
        "repeat_limit": "" if limit is None else str(limit),
        "group": duration(policy["group_seconds"]),
        "expires": duration(policy["expires_seconds"]),
        "quiet_begins": begins,
        "quiet_ends": ends,
    }


def empty_draft() -> Draft:
    plain = ("name", "zh", "en", "repeat", "repeat_limit")
    usual = {"group": "1m", "expires": "7d", "quiet_begins": "21:00", "quiet_ends": "08:00"}
    first = {**_NEW_STEP, "to": "owner", "channels": ["inbox"]}
    return {**dict.fromkeys(plain, ""), **usual, "rules": [], "steps": [first]}


def _step_of(step: Mapping[str, Any]) -> Draft:
    kind, _, person = step["to"].partition(":")
    is_person = kind == PERSON
    return {
        "after": duration(step["after_seconds"]) if step["after_seconds"] else _AT_ONCE,
        "to": PERSON if is_person else step["to"],
        "person": person if is_person else "",
        "channels": list(step["channels"]),
        "business": step["in_business_hours"],
    }


def typed_draft(form: FormData) -> Draft:
    """Of what was typed, nothing is left out and nothing judged."""
    plain = ("name", "zh", "en", "repeat_limit", *_SPANS, "quiet_begins", "quiet_ends")
    numbers = sorted(int(found[1]) for each in form if (found := _STEP.fullmatch(each)))
    return {
        **{each: text_of(form, each) for each in plain},
        "rules": [str(each) for each in form.getlist("rules")],
        "steps": [_typed_step(form, f"steps.{each}") for each in numbers],
    }


def _typed_step(form: FormData, path: str) -> Draft:
    return {
        **{each: text_of(form, f"{path}.{each}") for each in ("after", "to", "person")},
        "channels": [str(each) for each in form.getlist(f"{path}.channels")],
        "business": bool(text_of(form, f"{path}.business")),
    }


def rearranged(draft: Draft, order: str) -> bool:
    """Whether a button asked only for another step, or one less."""
    steps: list[Draft] = draft["steps"]
    if order == "add":
        steps.append({**_NEW_STEP, "after": steps[-1]["after"] if steps else _AT_ONCE})
        return True
    found = _REMOVE.fullmatch(order)
    if found and int(found[1]) < len(steps):
        del steps[int(found[1])]
        return True
    return False


def document_of(draft: Draft) -> tuple[Document, list[FieldProblem]]:
    """As the API takes it, and what of it cannot even be told."""
    problems: list[FieldProblem] = []
    limit = draft["repeat_limit"]
    if limit and not (limit.isascii() and limit.isdigit()):
        problems.append(FieldProblem("repeat_limit", "not-whole", "a whole number"))
    document = {
        "name": draft["name"],
        "rules": draft["rules"],
        "title": {each: draft[each] for each in _LANGUAGES if draft[each]},
        "steps": [
            {
                "after_seconds": _seconds(
                    f"steps.{number}.after", step["after"] or _AT_ONCE, problems
                ),
                "to": f"{PERSON}:{step['person']}" if step["to"] == PERSON else step["to"],
                "channels": step["channels"],
                "in_business_hours": step["business"],
            }
            for number, step in enumerate(draft["steps"])
        ],
        "repeat_seconds": _seconds("repeat", draft["repeat"], problems),
        "repeat_limit": int(limit) if limit and not problems else None,
        "group_seconds": _seconds("group", draft["group"] or _AT_ONCE, problems),
        "expires_seconds": _seconds("expires", draft["expires"], problems),
        "quiet_hours": _hours(draft, problems),
    }
    return document, problems


def _hours(draft: Draft, problems: list[FieldProblem]) -> list[str] | None:
    """None where neither is said."""
    names = ("quiet_begins", "quiet_ends")
    if not any(draft[name] for name in names):
        return None
    problems += [
        FieldProblem(name, "not-hours", "like 21:00")
        for name in names
        if not _HOUR.fullmatch(draft[name])
    ]
    return [draft[name] for name in names]


def _seconds(field: str, text: str, problems: list[FieldProblem]) -> int | None:
    """None for nothing, and for what is no length of time."""
    if not text:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        problems.append(FieldProblem(field, "not-a-duration", "like 90m, 48h or 7d"))
        return None
    return int(found[1]) * _SECONDS[found[2]]


def fields_of_api(draft: Draft) -> dict[str, str]:
    """The API's names, with ours."""
    steps: Sequence[Draft] = draft["steps"]
    plain = ("name", "rules", "steps", "repeat_limit", *_SPANS, "quiet_begins", "quiet_ends")
    names = {each: each for each in plain} | {"quiet_hours": "quiet_ends"}
    names |= {f"{each}_seconds": each for each in _SPANS}
    names |= {f"title.{each}": each for each in _LANGUAGES}
    for number, step in enumerate(steps):
        path = f"steps.{number}"
        names |= {f"{path}.{each}": f"{path}.{each}" for each in ("after", "channels")}
        names |= {f"{path}.after_seconds": f"{path}.after"}
        names |= {f"{path}.to": f"{path}.person" if step["to"] == PERSON else f"{path}.to"}
    return names
