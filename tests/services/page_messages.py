"""The messages of the pages; `python -m tests.services.page_messages` brings catalogues up to date.

What is new stands there without a translation, what no page says any more is gone.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from services.projections.pages.catalogue import CATALOGUES, LANGUAGES, SOURCE_LANGUAGE

PAGES = CATALOGUES.parent
Message = str | tuple[str, ...]
_IN_PYTHON = {"say": None, "message": None, "plural": (1, 2)}
_IN_TEMPLATES = {"gettext": None, "ngettext": (1, 2)}
_PLACE = "services/projections/pages"


def messages() -> dict[Message, list[tuple[str, int]]]:
    """Each with the places where it is said."""
    found: dict[Message, list[tuple[str, int]]] = {}
    for path, method, keywords in _sources():
        options = {"trimmed": "false", "encoding": "utf-8"} if path.suffix == ".html" else {}
        for line, text, _comments, _context in extract_from_file(
            method, path, keywords=keywords, options=options
        ):
            place = f"{_PLACE}/{path.relative_to(PAGES).as_posix()}"
            found.setdefault(text, []).append((place, line))
    return found


def _sources() -> Iterator[tuple[Path, str, dict[str, tuple[int, ...] | None]]]:
    for path in sorted(PAGES.glob("*.py")):
        yield path, "python", dict(_IN_PYTHON)
    for path in sorted((PAGES / "templates").glob("*.html")):
        yield path, "jinja2.ext:babel_extract", dict(_IN_TEMPLATES)


def translated() -> list[str]:
    return [language for language in LANGUAGES if language != SOURCE_LANGUAGE]


def known(language: str) -> Catalog:
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def _up_to_date(language: str) -> Catalog:
    before = known(language)
    catalog = Catalog(locale=language, fuzzy=False)
    for text, places in sorted(messages().items(), key=lambda each: each[1]):
        was = before.get(text if isinstance(text, str) else text[0])
        catalog.add(text, was.string if was else None, locations=places[:1])
    return catalog


if __name__ == "__main__":
    for each in translated():
        after = _up_to_date(each)
        with (CATALOGUES / f"{each}.po").open("wb") as target:
            write_po(target, after, width=0, omit_header=True, include_lineno=False)
