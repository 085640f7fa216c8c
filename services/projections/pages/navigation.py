"""Where a reader can go: by theme, and the four of their role that a phone shows at its foot."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit
from shared.access import Resource, Role

INBOX = "/inbox"


class Entry(NamedTuple):
    """Of the navigation; `asks`: what its page reads."""

    path: str
    title: str
    icon: str
    asks: Resource


class Theme(NamedTuple):
    title: str
    entries: Sequence[Entry]


THEMES: Sequence[Theme] = (
    Theme(
        message("My work"),
        (
            Entry("/", message("Today"), "today", Resource.BOARDS),
            Entry("/my-day", message("My day"), "day", Resource.ACTIONS),
            Entry("/silence", message("Silence"), "silence", Resource.BOARDS),
            Entry("/escalations", message("Escalations"), "escalation", Resource.ESCALATIONS),
            Entry("/approvals", message("Approvals"), "approval", Resource.APPROVALS),
            Entry(INBOX, message("Inbox"), "inbox", Resource.INBOX),
        ),
    ),
    Theme(
        message("Customers and leads"),
        (
            Entry("/customers", message("Customers"), "customer", Resource.CUSTOMERS),
            Entry("/leads", message("Leads"), "lead", Resource.LEADS),
            Entry("/duplicates", message("Duplicates"), "duplicate", Resource.CUSTOMERS),
        ),
    ),
    Theme(
        message("How it is going"),
        (
            Entry("/process-health", message("Process health"), "health", Resource.BOARDS),
            Entry("/golden-actions", message("Golden actions"), "golden", Resource.BOARDS),
            Entry("/heat-map", message("Heat map"), "heat", Resource.BOARDS),
            Entry("/funnel", message("Funnel"), "funnel", Resource.BOARDS),
            Entry("/traffic-lights", message("Traffic lights"), "lights", Resource.BOARDS),
            Entry("/breakpoints", message("Breakpoints"), "breakpoint", Resource.BOARDS),
            Entry("/goals", message("Goals"), "goal", Resource.BOARDS),
        ),
    ),
    Theme(
        message("Can it be trusted"),
        (
            Entry("/data-quality", message("Data quality"), "quality", Resource.BOARDS),
            Entry(
                "/authenticity-cases", message("Doubted records"), "doubt", Resource.AUTHENTICITY
            ),
        ),
    ),
    Theme(
        message("Set up"),
        (
            Entry("/policies", message("Policies"), "policy", Resource.POLICIES),
            Entry("/people", message("People"), "meeting", Resource.PEOPLE),
            Entry("/pipelines", message("Pipelines"), "stage", Resource.PIPELINES),
            Entry("/keys", message("Keys"), "key", Resource.KEYS),
            Entry("/import", message("Import"), "import", Resource.IMPORTS),
        ),
    ),
)
ENTRIES: Sequence[Entry] = tuple(entry for theme in THEMES for entry in theme.entries)
_AT_THE_FOOT = 4
_FIRST: Mapping[Role, tuple[str, ...]] = {
    Role.MANAGER: ("/", "/silence", "/escalations", "/approvals"),
    Role.STORE_SUPERVISOR: ("/", "/silence", "/escalations", "/approvals"),
    Role.DIRECTOR: ("/", "/process-health", "/silence", "/escalations"),
    Role.SALES_BP: ("/", "/process-health", "/golden-actions", "/breakpoints"),
    Role.REP: ("/my-day", "/", "/leads", "/escalations"),
    Role.ADMINISTRATOR: ("/people", "/policies", "/pipelines", "/import"),
}
"""Whoever has several roles is shown those of the first."""


class Place(NamedTuple):
    """An entry as a page shows it; `waiting`: so many messages are unread there."""

    path: str
    title: str
    icon: str
    is_here: bool
    waiting: int


class ShownTheme(NamedTuple):
    title: str
    places: list[Place]


class Navigation(NamedTuple):
    """`is_deeper`: the page is none of the four at the foot; `waiting`: so many messages are
    unread where none of the four leads."""

    first: list[Place]
    themes: list[ShownTheme]
    is_deeper: bool
    waiting: int


def navigation_of(visit: Visit) -> Navigation:
    """Those that the reader's role opens."""
    themes = [
        ShownTheme(
            visit.words.say(theme.title),
            [_place(visit, each) for each in theme.entries if visit.may(each.asks)],
        )
        for theme in THEMES
    ]
    shown = [theme for theme in themes if theme.places]
    first = _first(visit, [place for theme in shown for place in theme.places])
    deeper = [place for theme in shown for place in theme.places if place not in first]
    is_deeper = any(place.is_here for place in deeper)
    return Navigation(first, shown, is_deeper, sum(place.waiting for place in deeper))


def _first(visit: Visit, places: list[Place]) -> list[Place]:
    of_role = next((paths for role, paths in _FIRST.items() if role in visit.caller.roles), ())
    found = {place.path: place for place in places}
    wanted = [found[path] for path in of_role if path in found]
    return [*wanted, *(each for each in places if each not in wanted)][:_AT_THE_FOOT]


def _place(visit: Visit, entry: Entry) -> Place:
    here = visit.request.url.path
    is_here = here == entry.path or (entry.path != "/" and here.startswith(f"{entry.path}/"))
    waiting = visit.unread if entry.path == INBOX else 0
    return Place(entry.path, visit.words.say(entry.title), entry.icon, is_here, waiting)
