"""What can be typed about scores, doubted records and what is learned from leads."""

from enum import StrEnum
from typing import Annotated

import typer

from services.cli.perform import perform

scores = typer.Typer()


class ScoredKind(StrEnum):
    OPPORTUNITY = "opportunity"
    LEAD = "lead"


class CaseVerdict(StrEnum):
    GENUINE = "genuine"
    FALSE = "false"


@scores.command("score")
def score(
    context: typer.Context,
    kind: Annotated[ScoredKind, typer.Argument()],
    subject_id: Annotated[str, typer.Argument(metavar="ID")],
) -> None:
    """How healthy it is, of a lead also how good, with each contribution."""
    from services.cli.scores import ShowScore

    perform(context, ShowScore(kind=kind.value, id=subject_id))


@scores.command("score-leads")
def score_leads(context: typer.Context) -> None:
    """Every lead as it would be answered now, the best first, one a line."""
    from services.cli.scores import ScoreLeads

    perform(context, ScoreLeads())


@scores.command("compare-lead-rules")
def compare_lead_rules(
    context: typer.Context,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A rule that is to be another."),
    ] = None,
) -> None:
    """What other rules of lead scores would change; without --set: those that are announced."""
    from services.cli.lead_rules import CompareLeadRules

    perform(context, CompareLeadRules(settings=tuple(settings or ())))


@scores.command("cases")
def cases(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="open, genuine or false.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    rep: Annotated[str | None, typer.Option(help="Only about this rep.")] = None,
) -> None:
    """Records in doubt, one case a line."""
    from services.cli.scores import ShowCases

    perform(context, ShowCases(state=state, rule=rule, rep=rep))


@scores.command("case")
def case(context: typer.Context, case_id: Annotated[str, typer.Argument(metavar="CASE")]) -> None:
    """One case with its proof."""
    from services.cli.scores import ShowCase

    perform(context, ShowCase(id=case_id))


@scores.command("decide-case")
def decide_case(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE")],
    verdict: Annotated[CaseVerdict, typer.Argument(help="Was the doubt right?")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Close a case; its rule learns from it."""
    from services.cli.scores import DecideOneCase

    perform(context, DecideOneCase(id=case_id, verdict=verdict.value, reason=reason))


@scores.command("train-model")
def train_model(
    context: typer.Context,
    take_effect: Annotated[
        bool, typer.Option("--take-effect", help="It answers from now on; else beside the rules.")
    ] = False,
) -> None:
    """Learn from the tenant's closed leads how likely one is to convert."""
    from services.cli.scores import TrainModel

    perform(context, TrainModel(take_effect=take_effect))
