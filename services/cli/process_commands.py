"""What starts a process of the system on Kafka and PostgreSQL."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.perform import choices_of, end, terminal_output

if TYPE_CHECKING:
    from services.cli.processes import ApiProcess, WatchProcess, WorkerProcess
    from services.cli.relaying import RelayProcess

processes = typer.Typer()


class ServiceName(StrEnum):
    DIRECTORY = "directory"
    LEADS = "leads"
    OPPORTUNITIES = "opportunities"
    SCORING = "scoring"
    PROJECTIONS = "projections"
    NOTIFICATIONS = "notifications"


Services = Annotated[
    list[ServiceName] | None, typer.Argument(help="Unless named: all.", show_default=False)
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535)]
_METRICS_PORT = 8704


def _named(services: Sequence[ServiceName] | None) -> tuple[str, ...]:
    return tuple(each.value for each in services or ServiceName)


@processes.command("api")
def api(
    services: Services = None,
    host: Host = "127.0.0.1",
    port: Port = 8700,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Where /metrics is. Unless named: 8704, or any where --port is 0.",
            show_default=False,
        ),
    ] = None,
    invite: Annotated[
        bool, typer.Option("--invite", help="Print links that sign in once, for a try on a desk.")
    ] = False,
) -> None:
    """The HTTP interface of these services, until told to stop."""
    from services.cli.processes import Address, ApiProcess

    if metrics_port is None:
        metrics_port = _METRICS_PORT if port else 0
    process = ApiProcess(
        services=_named(services),
        address=Address(host=host, port=port),
        metrics=Address(host=host, port=metrics_port),
        invites=invite,
    )
    _run(process)


@processes.command("worker")
def worker(services: Services = None, host: Host = "127.0.0.1", port: Port = 8701) -> None:
    """What these services follow; health and metrics at the port."""
    from services.cli.processes import Address, WorkerProcess

    _run(WorkerProcess(services=_named(services), address=Address(host=host, port=port)))


@processes.command("watch")
def watch(host: Host = "127.0.0.1", port: Port = 8702) -> None:
    """What falls due, noticed by one such process at a time; health and metrics at the port."""
    from services.cli.processes import Address, WatchProcess

    _run(WatchProcess(address=Address(host=host, port=port)))


@processes.command("relay")
def relay(services: Services = None, host: Host = "127.0.0.1", port: Port = 8703) -> None:
    """The logs of these services to Kafka, until told to stop; health and metrics at the port."""
    from services.cli.processes import Address
    from services.cli.relaying import RelayProcess

    _run(RelayProcess(services=_named(services), address=Address(host=host, port=port)))


class What(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    REBUILD = "rebuild"


@processes.command("order")
def order(
    what: What,
    subscription: Annotated[str, typer.Argument(help="Like projections.signal_list.")],
) -> None:
    """Tell the workers that run now: pause or resume a subscription, rebuild a read model."""
    import asyncio

    from services.cli.processes import order_workers

    output = terminal_output(as_json=False)
    end(output, lambda: asyncio.run(order_workers(what.value, subscription)))


dead_letters = typer.Typer(help="Streams that poison has parked.", no_args_is_help=True)

Subscription = Annotated[str, typer.Argument(help="Like projections.signal_list.")]
Stream = Annotated[str, typer.Argument(help="Like tenant/opportunity/id.")]


@dead_letters.command("list")
def list_dead_letters(context: typer.Context) -> None:
    """By subscription and place in the log, with the reasons."""
    _on_letters(context, "list")


@dead_letters.command("retry")
def retry(context: typer.Context, subscription: Subscription, stream: Stream) -> None:
    """After the reason is mended: the stream is folded again from its first event."""
    _on_letters(context, "retry", subscription, stream)


@dead_letters.command("discard")
def discard(
    context: typer.Context,
    subscription: Subscription,
    stream: Stream,
    by: Annotated[str, typer.Option(help="Who accepts that they are never applied.")],
) -> None:
    """Given up: the rows stay incomplete, later events are applied again."""
    _on_letters(context, "discard", subscription, stream, by)


def _on_letters(context: typer.Context, what: str, *named: str) -> None:
    import asyncio

    from services.cli.dead_letters import on_dead_letters

    output = terminal_output(as_json=choices_of(context).as_json)
    end(output, lambda: asyncio.run(on_dead_letters(output, what, *named)))


def _run(process: "ApiProcess | RelayProcess | WatchProcess | WorkerProcess") -> None:
    import uvloop

    output = terminal_output(as_json=False)
    end(output, lambda: uvloop.run(process.run(output)))
