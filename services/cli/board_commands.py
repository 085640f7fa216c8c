"""What can be typed to read a board, or to ask why a figure on it is so."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from services.cli.perform import perform

boards = typer.Typer()


def moment(text: str) -> datetime:
    """A time with its offset, or a day or time in UTC."""
    from datetime import UTC

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time like 2011-11-30T12:00:00Z") from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


Moment = Annotated[datetime | None, typer.Option(parser=moment, metavar="T")]
Unit = Annotated[str | None, typer.Option(help="This unit and what is below it.")]
Rep = Annotated[str | None, typer.Option(help="Only this rep.")]
Stage = Annotated[str | None, typer.Option(help="Only this stage.")]
Week = Annotated[str | None, typer.Option(help="Like 2011-W45.")]
Month = Annotated[str | None, typer.Option(help="Like 2011-11.")]
Quarter = Annotated[str | None, typer.Option(help="Like 2011-Q4.")]
KeyIndustry = Annotated[
    bool | None, typer.Option("--key-industry/--other-industry", help="Only of these customers.")
]
From = Annotated[str | None, typer.Option("--from", help="Where the funnel begins.")]
To = Annotated[str | None, typer.Option("--to", help="Where the funnel ends.")]
Via = Annotated[list[str] | None, typer.Option(help="An event between, in order; repeatable.")]
Pipeline = Annotated[str | None, typer.Option(help="Funnel of this pipeline only.")]
Segment = Annotated[
    str | None, typer.Option(help="customer_type, industry, key_industry or pipeline.")
]
Opportunity = Annotated[str | None, typer.Option(help="Only this one, of the silence board.")]
Language = Annotated[str, typer.Option(help="zh or en.")]


@boards.command("board")
def board(  # noqa: PLR0913  # one argument per option of interfaces.md
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="silence, process-health, golden-actions, …")],
    unit: Unit = None,
    rep: Rep = None,
    stage: Stage = None,
    week: Week = None,
    month: Month = None,
    quarter: Quarter = None,
    as_of: Moment = None,
    key_industry: KeyIndustry = None,
    from_event: From = None,
    to_event: To = None,
    via: Via = None,
    pipeline: Pipeline = None,
    segment: Segment = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    language: Language = "en",
) -> None:
    """A board, of now or of any past moment."""
    from services.cli.boards import ShowBoard, WhatIsAsked
    from services.cli.lead_boards import ShowLeadBoard, is_of_leads

    if is_of_leads(name):
        perform(context, ShowLeadBoard(board=name, unit=unit, rep=rep, month=month, limit=limit))
    asked = WhatIsAsked(
        unit=unit,
        rep=rep,
        stage=stage,
        key_industry=key_industry,
        week=week,
        month=month,
        quarter=quarter,
        as_of=as_of,
        from_event=from_event,
        to_event=to_event,
        via=tuple(via or ()),
        pipeline=pipeline,
        segment=segment,
    )
    perform(context, ShowBoard(board=name, asked=asked, limit=limit, language=language))


@boards.command("customer")
def customer(
    context: typer.Context,
    customer_id: Annotated[str, typer.Argument(metavar="ID")],
) -> None:
    """The one record of a customer: leads, opportunities and tickets of all its ids."""
    from services.cli.lead_boards import ShowCustomer

    perform(context, ShowCustomer(id=customer_id))


@boards.command("why")
def why(  # noqa: PLR0913  # one argument per option of interfaces.md
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Id of an event, signal, escalation; or a board.")],
    figure: Annotated[str | None, typer.Option(help="Which figure of the board.")] = None,
    unit: Unit = None,
    rep: Rep = None,
    stage: Stage = None,
    week: Week = None,
    month: Month = None,
    quarter: Quarter = None,
    as_of: Moment = None,
    opportunity: Opportunity = None,
    from_event: From = None,
    to_event: To = None,
    via: Via = None,
    pipeline: Pipeline = None,
    segment: Segment = None,
    language: Language = "en",
) -> None:
    """Why a signal was raised, or a figure of a board is what it is."""
    from services.cli.boards import WhatIsAsked
    from services.cli.explanations import ExplainFigure, ExplainOne

    asked = WhatIsAsked(
        unit=unit,
        rep=rep,
        stage=stage,
        opportunity=opportunity,
        week=week,
        month=month,
        quarter=quarter,
        as_of=as_of,
        from_event=from_event,
        to_event=to_event,
        via=tuple(via or ()),
        pipeline=pipeline,
        segment=segment,
    )
    if figure is None:
        if asked != WhatIsAsked():
            raise typer.BadParameter("name the --figure of the board that is to be explained")
        perform(context, ExplainOne(id=subject, language=language))
    request = ExplainFigure(board=subject, figure=figure, asked=asked, language=language)
    perform(context, request)


class FileFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    XES = "xes"


@boards.command("export")
def export(  # noqa: PLR0913  # one argument per option of a board
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="The name of a board, or events.")],
    as_format: Annotated[
        FileFormat, typer.Option("--format", help="xes: of events, for process-mining tools.")
    ] = FileFormat.CSV,
    unit: Unit = None,
    rep: Rep = None,
    stage: Stage = None,
    week: Week = None,
    month: Month = None,
    quarter: Quarter = None,
    as_of: Moment = None,
    key_industry: KeyIndustry = None,
    language: Language = "en",
) -> None:
    """A board or the log as a file on stdout; formulas are defused in CSV."""
    from services.cli.boards import WhatIsAsked
    from services.cli.exporting import Export

    asked = WhatIsAsked(
        unit=unit,
        rep=rep,
        stage=stage,
        key_industry=key_industry,
        week=week,
        month=month,
        quarter=quarter,
        as_of=as_of,
    )
    request = Export(what=what, as_format=as_format.value, asked=asked, language=language)
    perform(context, request)
