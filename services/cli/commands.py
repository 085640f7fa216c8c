"""The table of `pulsetrail`: what can be typed, and which request it becomes."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.arguments import DEFAULT_TENANT
from services.cli.board_commands import Moment, boards
from services.cli.exit_codes import DONE
from services.cli.perform import Choices, choices_of, end, perform, terminal_output
from services.cli.process_commands import dead_letters, processes
from services.cli.scaled_commands import scaled
from services.cli.score_commands import scores
from services.cli.setup_commands import calendars, keys, pipeline, tenants

app = typer.Typer(
    name="pulsetrail",
    help="Sales actions as immutable events; stalls found, managers told, history replayed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(scaled)
app.add_typer(processes)
app.add_typer(scores)
app.add_typer(boards)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(pipeline, name="pipeline")
app.add_typer(tenants, name="tenants")
app.add_typer(keys, name="keys")
app.add_typer(calendars, name="calendars")


@app.callback()
def common(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Folder of the embedded data.")] = None,
    tenant: Annotated[str, typer.Option(help="Tenant to work for.")] = DEFAULT_TENANT,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    url: Annotated[str | None, typer.Option(help="Ask this server (reading only).")] = None,
    token: Annotated[str | None, typer.Option(help="API key for --url.")] = None,
) -> None:
    """Common options may stand before or after the command."""
    context.obj = Choices(data=data, tenant=tenant, as_json=json, url=url, token=token)


@app.command("serve")
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8700,
    demo: Annotated[bool, typer.Option("--demo", help="With the demonstration tenant.")] = False,
) -> None:
    """Everything in one process, until Ctrl-C."""
    import uvloop

    from services.cli.serving import Serve
    from services.cli.settings import data_folder

    choices = choices_of(context)
    output = terminal_output(as_json=False)

    def run() -> int:
        folder = data_folder(choices.data)
        return uvloop.run(Serve(folder=folder, host=host, port=port, demo=demo).run(output))

    end(output, run)


@app.command("import")
def import_history(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="CSV, CSV.gz, NDJSON or Excel files.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="What columns and rows mean (TOML).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check only.")] = False,
    until: Moment = None,
    undo: Annotated[
        str | None, typer.Option(metavar="RUN", help="Take an import of leads back.")
    ] = None,
) -> None:
    """A history with its original times, or leads. The same file twice adds nothing."""
    from services.cli.import_history import ImportHistory
    from services.cli.undo_import import UndoImport

    if undo is not None:
        if files or mapping or dry_run or until:
            raise typer.BadParameter("--undo goes with nothing else")
        perform(context, UndoImport(import_run=undo))
    if not files or mapping is None:
        raise typer.BadParameter("name the files and their --mapping")
    named = tuple(str(file.absolute()) for file in files)
    request = ImportHistory(
        files=named, mapping=str(mapping.absolute()), dry_run=dry_run, until=until
    )
    perform(context, request)


@app.command("timeline")
def timeline(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="opportunity, customer or rep.")],
    subject_id: Annotated[str, typer.Argument(metavar="ID")],
) -> None:
    """Everything that happened to one of them, one entry a line."""
    from services.cli.explanations import ShowTimeline

    perform(context, ShowTimeline(kind=kind, id=subject_id))


@app.command("signals")
def signals(
    context: typer.Context,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    state: Annotated[
        str | None, typer.Option(help="open, acknowledged, resolved or retracted.")
    ] = None,
) -> None:
    """What the system concluded, one signal a line, all but the retracted."""
    from services.cli.signals import ShowSignals

    perform(context, ShowSignals(rule=rule, state=state))


@app.command("escalations")
def escalations(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="open, snoozed, acknowledged or resolved.")
    ] = None,
) -> None:
    """Signals on their way through people, one a line."""
    from services.cli.signals import ShowEscalations

    perform(context, ShowEscalations(state=state))


@app.command("events")
def events(
    context: typer.Context,
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    type_name: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    after: Annotated[str | None, typer.Option(help="<log>:<partition>:<offset>.")] = None,
) -> None:
    """The log, one event a line."""
    from services.cli.event_log import ShowEvents

    perform(context, ShowEvents(stream=stream, type=type_name, after=after))


@app.command("verify")
def verify(context: typer.Context) -> None:
    """Is every event as it was stored?"""
    from services.cli.event_log import Verify

    perform(context, Verify())


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Read models or reactions; all unless named.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Report, keep the live ones.")] = False,
) -> None:
    """Read models folded again from the log, beside the live ones; reactions brought up with it."""
    from services.cli.rebuilding import Rebuild

    perform(context, Rebuild(names=tuple(names or ()), compare=compare))


@app.command("go-live")
def go_live(context: typer.Context) -> None:
    """From now on the tenant's clock is the wall clock."""
    from services.cli.tenants import GoLiveNow

    perform(context, GoLiveNow())


@app.command("doctor")
def doctor(context: typer.Context) -> None:
    """What is wrong here and how to mend it."""
    from services.cli.doctor import Examine

    perform(context, Examine())


@app.command("demo")
def demo(context: typer.Context) -> None:
    """Fill the tenant `demo` with ninety days of an invented organisation: in the data folder, or
    where DATABASE_URL says, before anything else is recorded there."""
    from services.cli.demo_tenant import fill, fill_on_database
    from services.cli.settings import data_folder, database_is_named

    choices = choices_of(context)
    output = terminal_output(as_json=choices.as_json)
    if choices.data is None and database_is_named():
        end(output, lambda: asyncio.run(fill_on_database(output)))
    end(output, lambda: asyncio.run(fill(data_folder(choices.data), output)))


class SchemaName(StrEnum):
    EVENTS = "events"
    CONFIG = "config"
    OPENAPI = "openapi"
    ASYNCAPI = "asyncapi"


@app.command("schema")
def schema(context: typer.Context, name: SchemaName) -> None:
    """Documents of events, configuration and HTTP."""
    from services.cli import documents

    output = terminal_output(as_json=choices_of(context).as_json)

    def run() -> int:
        match name:
            case SchemaName.EVENTS:
                output.document(documents.event_schemas())
            case SchemaName.CONFIG:
                output.document(documents.config_schema())
            case SchemaName.OPENAPI:
                output.document(asyncio.run(documents.openapi_schema()))
            case SchemaName.ASYNCAPI:
                from services.cli.event_document import asyncapi_document

                output.document(asyncapi_document())
        return DONE

    end(output, run)
