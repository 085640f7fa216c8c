"""What a file that is imported holds, and what its columns may mean then (G2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.projections.pages import import_lead_mapping, import_mapping
from services.projections.pages.catalogue import message
from services.projections.pages.import_mapping import Typed
from services.projections.pages.sent_forms import FormFields

_FURTHER = ("kind", "format", "zone", "unit", "pipeline", "delimiter", "encoding")
_OF_HISTORIES = re.compile(r"^(activity|action|event|concept:name|动作|活动)$", re.I)
_OF_LEADS = re.compile(
    r"lead|线索|prospect|mql|phone|mobile|电话|手机|e-?mail|邮箱|contact|联系人", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfFile:
    """`columns`: what a column may say, and how we call it. `guesses`: how columns sound, the
    surest first. `meant`: the column whose values are given a meaning each."""

    name: str
    title: str
    columns: Mapping[str, str]
    needed: Sequence[str]
    guesses: Mapping[str, Sequence[str]]
    fields_of_api: Mapping[str, str]
    meant: str

    @property
    def plain_fields(self) -> tuple[str, ...]:
        return (*self.columns, *_FURTHER)

    @property
    def form(self) -> FormFields:
        return FormFields(names=self.plain_fields, of_api=self.fields_of_api)

    def guessed(self, columns: Sequence[str], typed: Mapping[str, str]) -> Typed:
        """What was chosen; of what was not asked yet, the first column that sounds like it."""
        found = dict(typed)
        taken = {value for name, value in typed.items() if name in self.columns}
        for name, sounds in self.guesses.items():
            if name not in typed:
                free = [each for each in columns if each not in taken]
                fitting = (
                    each for sound in sounds for each in free if re.search(sound, each, re.I)
                )
                found[name] = next(fitting, "")
                taken.add(found[name])
        return found


HISTORY = KindOfFile(
    name="history",
    title=message("a history: one row for each thing that happened"),
    columns=import_mapping.COLUMNS,
    needed=import_mapping.NEEDED,
    guesses=import_mapping.GUESSES,
    fields_of_api=import_mapping.FIELDS_OF_API,
    meant="activity",
)
LEADS = KindOfFile(
    name="leads",
    title=message("leads: one row each"),
    columns=import_lead_mapping.COLUMNS,
    needed=import_lead_mapping.NEEDED,
    guesses=import_lead_mapping.GUESSES,
    fields_of_api=import_lead_mapping.FIELDS_OF_API,
    meant="source",
)
KINDS = (HISTORY, LEADS)


def kind_of(chosen: str | None, columns: Sequence[str]) -> KindOfFile:
    """As it was chosen, else as the names of the columns sound."""
    for kind in KINDS:
        if kind.name == chosen:
            return kind
    if any(map(_OF_HISTORIES.search, columns)):
        return HISTORY
    return LEADS if any(map(_OF_LEADS.search, columns)) else HISTORY
