"""What the rows of a history say, as sentences, and why one is refused."""

from collections.abc import Mapping
from typing import Any

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


def problem_in_words(visit: Visit, problem: Said) -> str:
    why = field_in_words(problem["code"], visit.words.language)
    return f"{problem['field']}: {why}" if problem["field"] else why
