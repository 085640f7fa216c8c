"""Which signals of leads stand, by the leads' own events and by the signals' (L5, L6, L11)."""

import json
from collections.abc import Iterable

from shared.envelope import StoredEvent
from tests.oracle.leads import Told

Standing = set[tuple[str, str]]

_BEGINS = {
    "LeadFoundNobody": "lead_waits",
    "LeadFellAsleep": "lead_sleeps",
    "LeadAppealed": "lead_appealed",
}
_EVERY = frozenset(_BEGINS.values())
_ENDS = {
    "LeadAssigned": _EVERY,
    "LeadReturned": _EVERY,
    "LeadDisqualified": _EVERY,
    "LeadWithdrawn": _EVERY,
    "LeadConverted": _EVERY,
    "LeadContacted": frozenset({"lead_sleeps"}),
    "LeadQualified": frozenset({"lead_sleeps"}),
    "LeadAppealDecided": frozenset({"lead_appealed"}),
}


def to_be_told(told: Iterable[Told]) -> Standing:
    """Rule and lead of what the leads' events leave unanswered."""
    standing: Standing = set()
    for _stream, event in told:
        name = type(event).__name__
        if name in _BEGINS:
            standing.add((_BEGINS[name], event.lead_id))
        elif name in _ENDS:
            standing -= {(rule, event.lead_id) for rule in _ENDS[name]}
    return standing


def still_told(events: Iterable[StoredEvent]) -> Standing:
    """Rule and lead of the signals raised and neither resolved nor retracted."""
    about: dict[str, tuple[str, str]] = {}
    standing: set[str] = set()
    for each in events:
        kind = each.type.removeprefix("projections.")
        if kind == "signal_raised.v1":
            said = json.loads(each.payload)
            about[said["signal_id"]] = (said["rule"], said["subject_id"])
            standing.add(said["signal_id"])
        elif kind in ("signal_resolved.v1", "signal_retracted.v1"):
            standing.discard(json.loads(each.payload)["signal_id"])
    return {about[each] for each in standing if about[each][0] in _EVERY}
