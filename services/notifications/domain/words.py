"""What messages say, in Chinese and English; a tenant may put its own words in place (N6)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from zoneinfo import ZoneInfo

from services.notifications.domain.default_words import (
    DEFAULT_WORDS,
    OTHER_RULE,
    SUBJECTS,
    Words,
)
from shared.errors import FieldProblem

LANGUAGES = ("zh", "en")
PLACEHOLDERS = frozenset(
    {
        "rule",
        "subject",
        "subject_id",
        "customer",
        "stage",
        "unit",
        "owner",
        "due_at",
        "hours_over",
    }
)
LONGEST_TITLE = 100
LONGEST_LINE = 1000

OwnWords = Mapping[tuple[str, str], Words]
"""A tenant's own words by rule and language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What one signal is about, with the names that people know things by."""

    rule: str
    subject_kind: str
    subject_id: str
    customer: str | None
    stage: str | None
    unit: str
    owner: str | None
    due_at: datetime
    zone: str


SAMPLE = Matter(
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O-1001",
    customer="C-2001",
    stage="solution_shown",
    unit="华东一组",
    owner="王芳",
    due_at=datetime.fromisoformat("2026-03-02T01:30:00+00:00"),
    zone="Asia/Shanghai",
)
"""What a preview is about."""


def language_for(wanted: str) -> str:
    """The supported language nearest to what somebody speaks, such as `zh-CN`; else English."""
    short = wanted.partition("-")[0].lower()
    return short if short in LANGUAGES else "en"


def words_for(rule: str, language: str, own_words: OwnWords) -> Words:
    """The tenant's own words, else ours, else what fits any rule."""
    own = own_words.get((rule, language))
    return own or DEFAULT_WORDS.get((rule, language)) or DEFAULT_WORDS[(OTHER_RULE, language)]


def rendered(words: Words, matter: Matter, language: str, now: datetime) -> Words:
    """The words with everything filled in; what is unknown shows as a dash."""
    values = _values(matter, language, now)
    return Words(title=_filled(words.title, values), line=_filled(words.line, values))


def preview(words: Words, language: str) -> Words:
    """How the words read for a made-up matter that is nine hours over its limit."""
    now = SAMPLE.due_at.replace(hour=SAMPLE.due_at.hour + 9)
    return rendered(words, SAMPLE, language, now)


def word_problems(rule: str, language: str, words: Words) -> Iterator[FieldProblem]:
    """What keeps these words from being used."""
    if not 1 <= len(rule) <= 64:
        yield FieldProblem("rule", "out-of-range", "1-64 characters")
    if language not in LANGUAGES:
        yield FieldProblem("language", "unknown", "zh or en")
    yield from _text_problems("title", words.title, LONGEST_TITLE)
    yield from _text_problems("line", words.line, LONGEST_LINE)


def _text_problems(field: str, text: str, longest: int) -> Iterator[FieldProblem]:
    if not text.strip() or len(text) > longest:
        yield FieldProblem(field, "out-of-range", f"1-{longest} characters")
    try:
        parts = list(Formatter().parse(text))
    except ValueError as unbalanced:
        yield FieldProblem(field, "malformed", str(unbalanced))
        return
    for _, name, style, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or style or conversion):
            known = ", ".join(sorted(PLACEHOLDERS))
            yield FieldProblem(field, "unknown", f"{{{name}}} is none of {known}")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return "".join(
        literal + ("" if name is None else values[name])
        for literal, name, _, _ in Formatter().parse(text)
    )


def _values(matter: Matter, language: str, now: datetime) -> dict[str, str]:
    subject = SUBJECTS.get((matter.subject_kind, language), matter.subject_kind)
    hours = max(0.0, (now - matter.due_at).total_seconds() / 3600)
    due_at = matter.due_at.astimezone(ZoneInfo(matter.zone))
    values = {
        "rule": matter.rule,
        "subject": f"{subject} {matter.subject_id}",
        "subject_id": matter.subject_id,
        "customer": matter.customer,
        "stage": matter.stage,
        "unit": matter.unit,
        "owner": matter.owner,
        "due_at": due_at.strftime("%Y-%m-%d %H:%M"),
        "hours_over": f"{hours:.1f}",
    }
    return {name: one_line(value or "—") for name, value in values.items()}


def one_line(value: str) -> str:
    """Names come from outside: no line breaks, and no brackets that robots would take for links."""
    flat = " ".join(value.split())
    return flat.replace("[", "［").replace("]", "］")
