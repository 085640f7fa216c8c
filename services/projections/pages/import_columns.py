"""What the columns of an uploaded file mean: the form, and its first ten rows read aloud (G2)."""

import re
from typing import Any

from fastapi import Response

from services.projections.pages.catalogue import LANGUAGES, catalogue
from services.projections.pages.choices import units_in_sight
from services.projections.pages.import_kinds import HISTORY, KINDS, LEADS, kind_of
from services.projections.pages.import_lead_mapping import OTHER_SOURCE, lead_mapping_of
from services.projections.pages.import_mapping import (
    DELIMITERS,
    ENCODINGS,
    FORMATS,
    MEANINGS,
    Typed,
    mapping_of,
    meaning_of,
)
from services.projections.pages.import_words import lead_in_words, problem_in_words, row_in_words
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import SOURCES
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import status_and_code
from services.projections.pages.pipeline_form import document_of, draft_of
from services.projections.pages.sent_forms import ShownForm
from services.projections.pages.visits import Visit
from shared.access import Resource
from shared.errors import DomainError, NotFound

_MOST_VALUES = 40
_MEANING = re.compile(r"m\d{1,2}")
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
Row = dict[str, Any]


def _sources() -> dict[str, str]:
    """By what they are called in any language."""
    return {
        catalogue(language).gettext(title).casefold(): name
        for language in LANGUAGES
        for name, title in SOURCES.items()
    }


class FileColumns:
    """One uploaded file and what the address says its columns mean."""

    def __init__(self, visit: Visit, file_id: str) -> None:
        self._visit = visit
        self._file_id = file_id
        query = visit.request.query_params
        self._typed: Typed = {**self._usual(), **dict(query)}
        self._kind = kind_of(query.get("kind"), ())
        self._columns: list[str] = []
        self._values: list[str] = []
        self._name = ""

    def _usual(self) -> Typed:
        organisation = self._visit.organisation
        return {
            "format": "iso",
            "zone": organisation.zone(self._visit.asker.clock),
            "unit": organisation.root_id or "",
            "pipeline": "standard",
            "delimiter": ",",
            "encoding": "utf-8",
        }

    async def begin(self) -> Row:
        """Raises ApiRefused."""
        await self._look()
        begun: Row = (await self._visit.api.post("/imports", self._asked())).json()
        return begun

    async def page(self, refusal: DomainError | None = None) -> Response:
        visit = self._visit
        rows: list[Row] = []
        try:
            await self._look()
            if refusal is None and all(self._typed.get(name) for name in self._kind.needed):
                answer = await visit.api.post("/imports/preview", self._asked())
                rows = [self._shown(row) for row in answer.json()["rows"]]
        except ApiRefused as refused:
            if status_and_code(refused)[0] == NotFound.status:
                raise
            refusal = refused
        typed = visit.request.query_params
        fields = self._kind.form
        form = fields.refused(visit, typed, refusal) if refusal else fields.blank()
        return self._page(rows, form)

    async def _look(self) -> None:
        """What there is to choose from. Raises ApiRefused."""
        api, typed = self._visit.api, self._typed
        self._pipelines = (await api.get("/pipelines"))["rows"]
        names = [each["name"] for each in self._pipelines]
        if typed["pipeline"] not in names and names:
            typed["pipeline"] = names[0]
        written = [("delimiter", typed["delimiter"]), ("encoding", typed["encoding"])]
        found = await api.get(f"/imports/files/{self._file_id}", written)
        self._columns, self._name = found["columns"], found["name"]
        self._kind = kind_of(typed.get("kind"), self._columns)
        self._typed = typed = self._kind.guessed(self._columns, typed)
        if column := typed[self._kind.meant]:
            asked = [*written, ("values_in", column)]
            values = (await api.get(f"/imports/files/{self._file_id}", asked))["values"]
            self._values = values[:_MOST_VALUES]

    def _pipeline(self) -> Row:
        chosen = self._typed["pipeline"]
        found: Row = next(each for each in self._pipelines if each["name"] == chosen)
        return found

    def _stages(self) -> dict[str, str]:
        language = self._visit.words.language
        stages = self._pipeline()["stages"] if self._pipelines else []
        return {each["name"]: each["title"].get(language, each["name"]) for each in stages}

    def _meant(self) -> list[tuple[str, str]]:
        """Each value with its meaning: what was chosen for this column, else as it sounds."""
        typed = self._typed
        is_for_this = typed.get("of") == typed.get(self._kind.meant)
        found = []
        for number, value in enumerate(self._values):
            chosen = typed.get(f"m{number}") if is_for_this else None
            found.append((value, self._sounds(value) if chosen is None else chosen))
        return found

    def _sounds(self, value: str) -> str:
        if self._kind is HISTORY:
            return meaning_of(value, self._stages())
        return value if value in SOURCES else _sources().get(value.casefold(), OTHER_SOURCE)

    def _asked(self) -> Row:
        source = _NO_ID.sub("-", self._name).strip("-")[:64] or "file"
        if self._kind is LEADS:
            mapping = lead_mapping_of(source, self._typed, self._meant())
            return {"file_id": self._file_id, "mapping": mapping}
        return {
            "file_id": self._file_id,
            "mapping": mapping_of(source, self._typed, self._meant()),
            "pipeline": document_of(draft_of(self._pipeline())),
        }

    def _shown(self, row: Row) -> Row:
        visit, problem = self._visit, row["problem"]
        is_of_leads = self._kind is LEADS
        return {
            "row": row["row"],
            "says": lead_in_words(visit, row)
            if is_of_leads
            else row_in_words(visit, row, self._stages()),
            "problem": None if problem is None else problem_in_words(visit, problem),
        }

    def _page(self, rows: list[Row], form: ShownForm) -> Response:
        visit, say, kind = self._visit, self._visit.words.say, self._kind
        meanings = MEANINGS if kind is HISTORY else SOURCES
        return page(
            visit,
            "import_mapping.html",
            status=form.status,
            title=self._name or say("Import"),
            crumbs=[Crumb("/import", say("Import"))],
            columns=self._columns,
            kinds=[(each.name, say(each.title)) for each in KINDS],
            kind=kind,
            roles=[(name, say(title), name in kind.needed) for name, title in kind.columns.items()],
            typed={**dict.fromkeys(kind.plain_fields, ""), **self._typed, "kind": kind.name},
            meant=self._meant(),
            unread={name for name in self._typed if _MEANING.fullmatch(name)},
            meanings=[(name, say(title)) for name, title in meanings.items()],
            stages=self._stages() if kind is HISTORY else {},
            pipelines=[each["name"] for each in self._pipelines],
            units=units_in_sight(visit, Resource.UNITS),
            formats=FORMATS,
            delimiters=DELIMITERS,
            encodings=ENCODINGS,
            most_values=_MOST_VALUES,
            rows=rows,
            form=form,
            here=str(visit.request.url.query),
        )
