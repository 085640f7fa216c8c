"""What the columns of an uploaded file mean: the form, and its first ten rows read aloud (G2)."""

import re
from typing import Any

from fastapi import Response

from services.projections.pages.choices import units_in_sight
from services.projections.pages.import_mapping import (
    COLUMNS,
    DELIMITERS,
    ENCODINGS,
    FIELDS_OF_API,
    FORMATS,
    MEANINGS,
    NEEDED,
    PLAIN_FIELDS,
    Typed,
    guessed,
    mapping_of,
    meanings,
)
from services.projections.pages.import_words import problem_in_words, row_in_words
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import status_and_code
from services.projections.pages.pipeline_form import document_of, draft_of
from services.projections.pages.sent_forms import FormFields, ShownForm
from services.projections.pages.visits import Visit
from shared.access import Resource
from shared.errors import DomainError, NotFound

_FORM = FormFields(names=PLAIN_FIELDS, of_api=FIELDS_OF_API)
_MOST_VALUES = 40
_MEANING = re.compile(r"m\d{1,2}")
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
Row = dict[str, Any]


class FileColumns:
    """One uploaded file and what the address says its columns mean."""

    def __init__(self, visit: Visit, file_id: str) -> None:
        self._visit = visit
        self._file_id = file_id
        query = visit.request.query_params
        self._typed: Typed = {**self._usual(), **dict(query)}

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
            if refusal is None and all(self._typed.get(name) for name in NEEDED):
                answer = await visit.api.post("/imports/preview", self._asked())
                rows = [self._shown(row) for row in answer.json()["rows"]]
        except ApiRefused as refused:
            if status_and_code(refused)[0] == NotFound.status:
                raise
            refusal = refused
        typed = visit.request.query_params
        form = _FORM.refused(visit, typed, refusal) if refusal else _FORM.blank()
        return self._page(rows, form)

    async def _look(self) -> None:
        """What there is to choose from. Raises ApiRefused."""
        api, typed = self._visit.api, self._typed
        self._pipelines = (await api.get("/pipelines"))["rows"]
        names = [each["name"] for each in self._pipelines]
        if typed["pipeline"] not in names and names:
            typed["pipeline"] = names[0]
        self._columns: list[str] = []
        self._values: list[str] = []
        self._name = ""
        written = [("delimiter", typed["delimiter"]), ("encoding", typed["encoding"])]
        found = await api.get(f"/imports/files/{self._file_id}", written)
        self._columns, self._name = found["columns"], found["name"]
        self._typed = typed = guessed(self._columns, typed)
        if typed["activity"]:
            asked = [*written, ("values_in", typed["activity"])]
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
        return meanings(self._values, self._typed, self._stages())

    def _asked(self) -> Row:
        source = _NO_ID.sub("-", self._name).strip("-")[:64] or "file"
        return {
            "file_id": self._file_id,
            "mapping": mapping_of(source, self._typed, self._meant()),
            "pipeline": document_of(draft_of(self._pipeline())),
        }

    def _shown(self, row: Row) -> Row:
        problem = row["problem"]
        return {
            "row": row["row"],
            "says": row_in_words(self._visit, row, self._stages()),
            "problem": None if problem is None else problem_in_words(self._visit, problem),
        }

    def _page(self, rows: list[Row], form: ShownForm) -> Response:
        visit, say = self._visit, self._visit.words.say
        return page(
            visit,
            "import_mapping.html",
            status=form.status,
            title=self._name or say("Import"),
            crumbs=[Crumb("/import", say("Import"))],
            columns=self._columns,
            roles=[(name, say(title), name in NEEDED) for name, title in COLUMNS.items()],
            typed={**dict.fromkeys(PLAIN_FIELDS, ""), **self._typed},
            meant=self._meant(),
            unread={name for name in self._typed if _MEANING.fullmatch(name)},
            meanings=[(name, say(title)) for name, title in MEANINGS.items()],
            stages=self._stages(),
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
