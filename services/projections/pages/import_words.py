"""What rows say, as sentences, what becomes of them, and why one is refused."""

from collections.abc import Mapping
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.duplicates import REASONS
from services.projections.pages.import_lead_mapping import COLUMNS, FIELDS_OF_API
from services.projections.pages.lead_words import SOURCES
from services.projections.pages.lead_words import said as in_a_word
from services.projections.pages.own_api import moment_said
from services.projections.pages.refusals import field_in_words
from services.projections.pages.visits import Visit

Said = Mapping[str, Any]


def row_in_words(visit: Visit, row: Said, titles: Mapping[str, str]) -> list[str]:
    """`titles`: of the pipeline's stages."""
    if row["problem"] is not None:
        return []
    if not row["says"]:
        return [visit.words.say("%(case)s: this row means nothing to us.", case=row["case"])]
    return [_sentence(visit, row["case"], said, titles) for said in row["says"]]


def _sentence(visit: Visit, case: str, said: Said, titles: Mapping[str, str]) -> str:
    say = visit.words.say
    stage = titles.get(said.get("stage", ""), said.get("stage", ""))
    values = {"at": visit.words.exact(moment_said(said["at"])), "case": case, "stage": stage}
    match said["kind"]:
        case "OpenCase":
            customer = said["customer"]
            named = customer["name"] or customer["customer_id"]
            return say(
                "%(at)s opportunity %(case)s of %(customer)s is opened in %(stage)s",
                customer=named,
                **values,
            )
        case "AssignCase":
            return say(
                "%(at)s opportunity %(case)s goes to %(who)s", who=_rep(said["owner"]), **values
            )
        case "MoveStage":
            return say("%(at)s opportunity %(case)s enters %(stage)s", **values)
        case "WinCase":
            return say("%(at)s opportunity %(case)s is won", **values)
        case "LoseCase":
            return say(
                "%(at)s opportunity %(case)s is lost: %(reason)s", reason=said["reason"], **values
            )
        case _:
            who = _rep(said["actor"]) if said["actor"] else say("nobody known")
            return say(
                "%(at)s action %(type)s by %(who)s on opportunity %(case)s",
                type=said["type"],
                who=who,
                **values,
            )


def _rep(rep: Said) -> str:
    found: str = rep["name"] or rep["rep_id"]
    return found


def lead_in_words(visit: Visit, row: Said) -> list[str]:
    """What a row of a file of leads says."""
    return [_lead(visit, row["case"], each) for each in row["says"]]


def _lead(visit: Visit, lead: str, said: Said) -> str:
    say, customer = visit.words.say, said["customer"]
    who = customer["name"] or customer["customer_id"] or say("a customer without a name")
    ways = [each[name] for each in said["contacts"] for name in ("name", "phone", "email")]
    if reached := ", ".join(filter(None, ways)):
        who = say("%(customer)s (%(contact)s)", customer=who, contact=reached)
    return say(
        "%(at)s lead %(lead)s of %(customer)s comes to %(unit)s: %(source)s",
        at=visit.words.exact(moment_said(said["at"])),
        lead=lead,
        customer=who,
        unit=visit.unit(said["unit_id"]),
        source=in_a_word(visit, SOURCES, said["source"]),
    )


def duplicate_in_words(visit: Visit, decision: Said) -> str:
    """A row that names a lead or a customer who is there already, by the store or the file."""
    say = visit.words.say
    if decision["decision"] == "duplicate":
        where = (
            message("This lead is there by a row before")
            if decision["in_file"]
            else message("This lead is there already")
        )
        return say(where)
    where = (
        message("The same customer as in a row before: %(reasons)s")
        if decision["in_file"]
        else message("A customer we know: %(reasons)s")
    )
    reasons = [in_a_word(visit, REASONS, each) for each in decision["reasons"]]
    return say(where, reasons=", ".join(reasons))


def problem_in_words(visit: Visit, problem: Said) -> str:
    """At the column of the file, or what we call it."""
    why = field_in_words(problem["code"], visit.words.language)
    column = COLUMNS.get(FIELDS_OF_API.get(problem["field"], ""))
    field = visit.words.say(column) if column else problem["field"]
    return f"{field}: {why}" if field else why
