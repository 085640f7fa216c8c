"""What a page marks red, and where the reader gets to from each mark."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "path", "rect", "polyline"})
_GROUPS = frozenset({"tr", "li", "section"})


@dataclass
class _Element:
    tag: str
    said: dict[str, str]
    above: "_Element | None"
    links: list[str] = field(default_factory=list)


@dataclass
class RedMark:
    """`links`: in its row, its item, its section, or the page where it stands in none."""

    text: str
    links: list[str]


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = self._at = _Element("page", {}, None)
        self._marks: list[tuple[_Element, list[str]]] = []
        self._open_mark: _Element | None = None
        self.names_next_step = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.names_next_step |= "data-next-step" in said
        if tag in _VOID:
            return
        self._at = _Element(tag, said, self._at)
        if tag == "a" and "href" in said and not self._is_in("nav", "header", "footer"):
            self._link(said["href"])
        if said.get("class") == "mark over":
            self._open_mark = self._at
            self._marks.append((self._at, []))

    def handle_endtag(self, tag: str) -> None:
        above: _Element | None = self._at
        while above is not None and above.tag != tag:
            above = above.above
        if above is not None and above.above is not None:
            if self._open_mark is above:
                self._open_mark = None
            self._at = above.above

    def handle_data(self, data: str) -> None:
        if self._open_mark is not None:
            self._marks[-1][1].append(data.strip())

    def _link(self, href: str) -> None:
        each: _Element | None = self._at
        while each is not None:
            each.links.append(href)
            each = each.above

    def _is_in(self, *tags: str) -> bool:
        each: _Element | None = self._at
        while each is not None and each.tag not in tags:
            each = each.above
        return each is not None

    def marks(self) -> list[RedMark]:
        return [RedMark(" ".join(texts), _around(mark)) for mark, texts in self._marks]


def _around(mark: _Element) -> list[str]:
    """The links of the nearest group that has any, at last those of the page."""
    each = mark
    while each.above is not None:
        if (each.tag in _GROUPS or each.tag == "a") and each.links:
            return each.links
        each = each.above
    return each.links


def red_marks(text: str) -> tuple[list[RedMark], bool]:
    """And whether the page names a next step."""
    reading = _Reading()
    reading.feed(text)
    return reading.marks(), reading.names_next_step


def links_of(text: str) -> list[str]:
    """Of what the page shows, without its navigation."""
    reading = _Reading()
    reading.feed(text)
    return reading.page.links
