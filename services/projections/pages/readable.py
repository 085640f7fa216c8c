"""Sentences as a person reads them: names instead of ids, local times, figures cut short."""

import re

from services.projections.pages.business_words import rule_in_words
from services.projections.pages.catalogue import message
from services.projections.pages.funnel_words import EVENT_NAMES
from services.projections.pages.own_api import moment_said
from services.projections.pages.visits import Visit

_TWICE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \(\d{4}-\d\d-\d\dT[\d:.]+Z\)")
_EXACT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_LONG_FIGURE = re.compile(r"-?\d+\.\d{3,}(?![\d.]*Z)")
_NAMES = re.compile(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]")
_FIGURES = {
    "stage_compliance": message("Stage compliance"),
    "evidence_rate": message("Evidence rate"),
    "silence_overrun": message("Silence overrun"),
    "dwell_overrun": message("Dwell overrun"),
}


def readable(visit: Visit, sentence: str) -> str:
    """What is nobody's id stays as it is."""
    local = _TWICE.sub(r"\1", sentence)
    local = _EXACT.sub(lambda found: visit.words.exact(moment_said(found[0])), local)
    local = _LONG_FIGURE.sub(lambda found: f"{float(found[0]):.3f}", local)
    return _NAMES.sub(lambda found: _named(visit, found[0]), local)


def _named(visit: Visit, word: str) -> str:
    organisation = visit.organisation
    if word in organisation.people:
        return visit.person(word)
    if word in organisation.units:
        return visit.unit(word)
    if word in visit.stages:
        return visit.stage(word)
    if word in EVENT_NAMES:
        return visit.words.say(EVENT_NAMES[word])
    if word in _FIGURES:
        return visit.words.say(_FIGURES[word])
    return rule_in_words(visit, word)
