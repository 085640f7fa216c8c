"""What can be typed under `pipeline`, `tenants`, `keys` and `calendars`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.perform import choices_of, end, perform, terminal_output

pipeline = typer.Typer(help="Pipelines as data.", no_args_is_help=True)
tenants = typer.Typer(help="Tenants of this installation.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
calendars = typer.Typer(help="Working days of a tenant, year by year.", no_args_is_help=True)


@pipeline.command("check")
def pipeline_check(context: typer.Context, file: Path) -> None:
    """Can it be walked?"""
    from services.cli.pipelines import check_pipeline

    output = terminal_output(as_json=choices_of(context).as_json)
    end(output, lambda: check_pipeline(file, output))


@pipeline.command("publish")
def pipeline_publish(context: typer.Context, file: Path) -> None:
    """Store it as a new version, unless it is the present one."""
    from services.cli.pipelines import PublishPipelineFile

    perform(context, PublishPipelineFile(file=str(file.absolute())))


@tenants.command("create")
def tenants_create(context: typer.Context, name: str) -> None:
    """A tenant of its own, usable at once."""
    from services.cli.tenants import CreateTenantNamed

    perform(context, CreateTenantNamed(tenant=name))


@tenants.command("list")
def tenants_list(context: typer.Context) -> None:
    """Every tenant with its clock."""
    from services.cli.tenants import ListTenants

    perform(context, ListTenants())


@keys.command("create")
def keys_create(
    context: typer.Context,
    role: Annotated[str, typer.Option(help="What the key may do.")],
    unit: Annotated[str | None, typer.Option(help="Where; the root unless named.")] = None,
    person: Annotated[str | None, typer.Option(help="For whom it stands.")] = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """A new key, shown once."""
    from services.cli.keys import CreateKey

    perform(context, CreateKey(role=role, unit=unit, person=person, key_name=name))


@keys.command("list")
def keys_list(context: typer.Context) -> None:
    """Every key, without its secret."""
    from services.cli.keys import ListKeys

    perform(context, ListKeys())


@keys.command("revoke")
def keys_revoke(context: typer.Context, key_id: str) -> None:
    """From now on the key opens nothing."""
    from services.cli.keys import RevokeKey

    perform(context, RevokeKey(key_id=key_id))


@calendars.command("set")
def calendars_set(
    context: typer.Context,
    year: Annotated[int, typer.Argument(min=1970, max=2200)],
    file: Annotated[
        Path | None, typer.Option(help="CSV of date,working; else the published Chinese days.")
    ] = None,
) -> None:
    """Which days of a year are worked; what is due is reckoned anew."""
    from services.cli.calendars import SetCalendarYear

    perform(
        context, SetCalendarYear(year=year, file=None if file is None else str(file.absolute()))
    )


@calendars.command("list")
def calendars_list(context: typer.Context) -> None:
    """Every year that is known, and where its days come from."""
    from services.cli.calendars import ListCalendarYears

    perform(context, ListCalendarYears())
