"""Doing what was typed: here on the data folder, or in the process that holds it; exit codes."""

import asyncio
import gc
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

from services.cli.arguments import DEFAULT_TENANT
from services.cli.exit_codes import AWAY, INTERRUPTED, REFUSED, WRONG_USAGE
from services.cli.output import Output
from shared.errors import CannotGoOn, DomainError, StoreAway
from shared.logs import configure_logs

if TYPE_CHECKING:
    from services.cli.desk import Request


_WIDE = 1_000
_UNPREFIXED = ("ScaledSettings", "DatabasePasswords", "TelemetrySettings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What may be said with every command."""

    data: Path | None = None
    tenant: str = DEFAULT_TENANT
    as_json: bool = False
    url: str | None = None
    token: str | None = None


def choices_of(context: typer.Context) -> Choices:
    found = context.find_object(Choices)
    return found or Choices()


def terminal_output(*, as_json: bool) -> Output:
    """Where no person's window bounds the width, cells are written out whole."""
    width = None if sys.stdout.isatty() else _WIDE
    return Output(Console(width=width), Console(stderr=True), as_json=as_json)


def perform(context: typer.Context, request: "Request") -> NoReturn:
    """Runs the request and ends the process with its exit code."""
    configure_logs("error")
    choices = choices_of(context)
    output = terminal_output(as_json=choices.as_json)
    if choices.url is not None:
        work = _asked(choices.url, choices.token, request, output)
    else:
        work = _perform(choices, request, output)
    end(output, lambda: asyncio.run(work))


def end(output: Output, work: Callable[[], int]) -> NoReturn:
    """The one table from what went wrong to what the shell is told."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from services.cli.server_away import ServerAway
    from shared.data_folder import DataIsNewer, FolderInUse
    from shared.feed import SubscriptionStopped

    try:
        code = work()
    except KeyboardInterrupt:
        output.notice("interrupted; repeat the command to go on")
        code = INTERRUPTED
    except (StoreAway, ServerAway, FolderInUse, sqlite3.OperationalError) as failure:
        output.notice(str(failure))
        code = AWAY
    except DomainError as refusal:
        output.refusal(refusal)
        code = REFUSED
    except (CannotGoOn, DataIsNewer, SubscriptionStopped) as refusal:
        output.notice(str(refusal))
        code = REFUSED
    except ValidationError as refusal:
        for problem in refusal.errors():
            said = problem["msg"].removeprefix("Value error, ")
            name = ".".join(map(str, problem["loc"])).upper()
            prefix = "" if refusal.title in _UNPREFIXED else "PULSETRAIL_"
            output.notice(f"{prefix}{name}: {said}" if name else said)
        code = WRONG_USAGE
    except SettingsError as refusal:
        output.notice(str(refusal))
        code = WRONG_USAGE
    except BrokenPipeError:
        os._exit(0)
    except OSError as failure:
        output.notice(f"{failure.filename or ''}: {failure.strerror or failure}".lstrip(": "))
        code = AWAY
    raise typer.Exit(code)


def collect_garbage_seldom(after_objects: int = 1_000_000) -> None:
    """What is imported by now stays; a history makes millions of objects and hardly a cycle, and
    those of one batch in hand are looked through in vain."""
    gc.freeze()
    gc.set_threshold(after_objects, 20, 100)


async def _asked(url: str, token: str | None, request: "Request", output: Output) -> int:
    from services.cli.reading import ReadingRequest
    from services.cli.remote import RemoteServer

    if not isinstance(request, ReadingRequest):
        output.notice("--url is for commands that read; this one works on the data folder")
        return WRONG_USAGE
    return await request.ask(RemoteServer(url, token), output)


async def _perform(choices: Choices, request: "Request", output: Output) -> int:
    from services.cli.hand_over import hand_over
    from services.cli.settings import data_folder, database_is_named
    from shared.data_folder import DataFolder, FolderInUse

    collect_garbage_seldom()
    if choices.data is None and database_is_named():
        return await _perform_on_servers(choices, request, output)
    folder = data_folder(choices.data)
    if DataFolder(folder).is_served():
        return await hand_over(folder, choices.tenant, request, output)
    from services.cli.desk import Desk, furnish
    from services.embedded import open_embedded

    try:
        async with open_embedded(folder) as hosting:
            if request.wants_tenant and await furnish(hosting.ports):
                await hosting.catch_up()
            desk = Desk(hosting=hosting, output=output, tenant_id=choices.tenant)
            return await request.run(desk)
    except FolderInUse:
        return await hand_over(folder, choices.tenant, request, output)


async def _perform_on_servers(choices: Choices, request: "Request", output: Output) -> int:
    """Where DATABASE_URL says; read models are followed and what falls due is done elsewhere."""
    from services.cli.desk import Desk
    from services.scaled import Parts, open_scaled
    from shared.settings import ScaledSettings

    async with open_scaled(ScaledSettings(), Parts()) as hosting:
        await hosting.create_tables()
        desk = Desk(hosting=hosting, output=output, tenant_id=choices.tenant, live=True)
        return await request.run(desk)
