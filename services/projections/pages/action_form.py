"""An action as a form: what its stage asks to be proved, files of any kind, its type's own fields
(O3, O5, O13, O15)."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.datastructures import FormData, UploadFile

from services.projections.pages.catalogue import message
from services.projections.pages.forms import text_of
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.sent_forms import FormFields
from services.projections.pages.setup_words import EVIDENCE, evidence_in_words, listed
from services.projections.pages.visits import Visit
from shared.errors import FieldProblem, Malformed

SLOTS = (1, 2, 3)
"""As many files as a visit has photos (O4)."""
ACCEPTED = "image/*,audio/*,application/pdf,text/plain,.docx,.xlsx"
FIELD = "field."
Types = Mapping[str, Mapping[str, Any]]
"""Action types by name, as the API shows them."""

UNKNOWN_TYPE: Mapping[str, Any] = {
    "fields": (),
    "evidence": (),
    "minimum_summary_characters": 0,
}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?")
_OF_FILE = (413, 415, 422)
_IMAGES = ("photo", "photo_storefront", "photo_display", "photo_conversation", "screenshot")
_WRITTEN = ("document", "minutes", "transcript", "signature")
_OTHERWISE = {"image": "photo", "audio": "recording", "video": "recording"}
_PROVES = {"image": (*_IMAGES, *_WRITTEN), "audio": ("recording",), "video": ("recording",)}
_ALSO_CALLED = {
    "image/jpg": "image/jpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/x-aac": "audio/aac",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
}
"""How browsers call the same."""
_LABELS: Mapping[str, str] = {
    "outcome": message("Outcome"),
    "duration_seconds": message("Duration in seconds"),
}
"""Of the types that a tenant begins with; a field of its own shows its name."""


class OwnField(NamedTuple):
    """`types`: those that ask for it; what these call alike and mean differently is typed."""

    control: str
    label: str
    kind: str
    choices: Sequence[tuple[str, str]]
    types: Sequence[str]


def fields_of_form(types: Types) -> FormFields:
    own = {name: f"{FIELD}{name}" for row in types.values() for name in _names(row)}
    files = [f"{each}_{slot}" for slot in SLOTS for each in ("file", "kind")]
    consents = {f"evidence[{index}].consent": "consent" for index, _slot in enumerate(SLOTS)}
    return FormFields(
        names=(
            *("type", "opportunity_id", "summary", "next_in", "consent"),
            *files,
            *own.values(),
        ),
        of_api={
            "evidence": "file_1",
            **consents,
            **{f"fields.{name}": ours for name, ours in own.items()},
        },
        of_codes={"not-found": "opportunity_id"},
    )


def own_fields(visit: Visit, types: Types) -> list[OwnField]:
    """Of all types together: a page without scripts cannot know which one is chosen."""
    found: dict[str, OwnField] = {}
    for type_name, row in types.items():
        for each in row["fields"]:
            new = _own_field(visit, each, type_name)
            known = found.get(new.control, new)
            is_same = (known.kind, known.choices) == (new.kind, new.choices)
            shown = known if is_same else known._replace(kind="text", choices=())
            asking = dict.fromkeys((*known.types, type_name))
            found[new.control] = shown._replace(types=tuple(asking))
    return list(found.values())


def _own_field(visit: Visit, field: Mapping[str, Any], type_name: str) -> OwnField:
    name, kind = field["name"], field["kind"]
    label = visit.words.say(_LABELS[name]) if name in _LABELS else name
    choices = [(each, each) for each in field["choices"]]
    if kind == "boolean":
        choices = [("true", visit.words.say("yes")), ("false", visit.words.say("no"))]
    return OwnField(f"{FIELD}{name}", label, kind, choices, (type_name,))


def kinds_in_words(visit: Visit, asked: Collection[str]) -> list[tuple[str, str]]:
    """In our own order."""
    return [(kind, evidence_in_words(visit, kind)) for kind in EVIDENCE if kind in asked]


def asks_in_words(
    visit: Visit, stage: str, golden: Mapping[str, Sequence[str]], titles: Mapping[str, str]
) -> str:
    """What the stage cannot be left without; empty where there is nothing."""
    if not golden:
        return ""
    actions = [_with_proof(visit, titles.get(name, name), golden[name]) for name in golden]
    actions_said = listed(visit, actions)
    return visit.words.say(
        message("%(stage)s asks for: %(actions)s"), stage=visit.stage(stage), actions=actions_said
    )


def _with_proof(visit: Visit, title: str, kinds: Sequence[str]) -> str:
    if not kinds:
        return title
    return f"{title} ({listed(visit, [evidence_in_words(visit, kind) for kind in kinds])})"


def own_values(row: Mapping[str, Any], form: FormData) -> dict[str, Any]:
    """What was typed for the fields of the type, and for others that a page without scripts showed:
    these are refused at their field."""
    kinds = {each["name"]: each["kind"] for each in row["fields"]}
    typed = {key.removeprefix(FIELD): text_of(form, key) for key in form if key.startswith(FIELD)}
    return {name: _value(kinds.get(name, "text"), text) for name, text in typed.items() if text}


def _value(kind: str, text: str) -> Any:
    """What is of another kind stays as it was typed: the API says so at its field."""
    match kind:
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "number" if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        case _:
            return text


def refuse_incomplete(row: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raises Malformed where the type asks for more: it would be kept and count nowhere (O15),
    and who logs it can still say it now. Evidence may come later."""
    given = body["fields"]
    problems = [
        FieldProblem(f"fields.{each['name']}", "missing", "is needed")
        for each in row["fields"]
        if each["required"] and each["name"] not in given
    ]
    if len(body["summary"] or "") < row["minimum_summary_characters"]:
        problems.append(FieldProblem("summary", "too-short", "is too short"))
    if problems:
        raise Malformed("the action is not whole", errors=problems)


async def stored_evidence(
    visit: Visit, form: FormData, asked: Sequence[str]
) -> list[dict[str, Any]]:
    """Each file is uploaded once: the same bytes are the same evidence. Its kind is the one chosen,
    else the first that is asked for, fits the file and is not there yet.

    Raises ApiRefused, Malformed for a file that is not taken.
    """
    left = [kind for kind in asked if kind not in _chosen(form)]
    has_consent = bool(text_of(form, "consent"))
    pieces: list[dict[str, Any]] = []
    for slot in SLOTS:
        file = form.get(f"file_{slot}")
        if not isinstance(file, UploadFile) or not file.size:
            continue
        media_type = _media_type(file)
        kind = text_of(form, f"kind_{slot}") or kind_of_file(media_type, left)
        left = [each for each in left if each != kind]
        sha256 = await _stored(visit, slot, await file.read(), media_type)
        consent = {"consent": has_consent} if kind == "recording" else {}
        pieces.append({"sha256": sha256, "kind": kind, **consent})
    return pieces


def kind_of_file(media_type: str, asked: Sequence[str]) -> str:
    what = media_type.partition("/")[0]
    fitting = _PROVES.get(what, _WRITTEN)
    return next((kind for kind in asked if kind in fitting), _OTHERWISE.get(what, "document"))


async def _stored(visit: Visit, slot: int, content: bytes, media_type: str) -> str:
    try:
        stored = await visit.api.put_bytes("/evidence", content, media_type)
    except ApiRefused as refusal:
        if refusal.refusal_status not in _OF_FILE:
            raise
        code = "too-large" if refusal.refusal_code == "too-large" else "media-type"
        problem = FieldProblem(f"file_{slot}", code, str(refusal))
        raise Malformed("the file is not taken", errors=[problem]) from refusal
    return str(stored["sha256"])


def _media_type(file: UploadFile) -> str:
    said = (file.content_type or "application/octet-stream").split(";")[0].strip().lower()
    return _ALSO_CALLED.get(said, said)


def _chosen(form: FormData) -> set[str]:
    return {text_of(form, f"kind_{slot}") for slot in SLOTS}


def _names(row: Mapping[str, Any]) -> list[str]:
    return [each["name"] for each in row["fields"]]
